/** The inventory as desired state: what is named is made so, what is not named is left alone. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  accountColumns,
  credentialColumns,
  fromCredential,
  interfaceColumns,
  serverColumns,
  toAccount,
  toCredential,
  toDocument,
  toInterface,
  toServer,
} from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, InventoryRecords, Programs } from '../storage.ts'
import { chainOf, nextRevision, record } from './common.ts'
import { documentByKey, upsertDocument } from './documents.ts'
import {
  attachPolicies,
  defaultPolicy,
  deleteInterfaces,
  insertAttachments,
  insertInterfaces,
  insertPolicies,
  insertServer,
  syncInterfacePolicies,
  updatePolicySettings,
  updateServerRow,
} from './servers.ts'

const same = (a: unknown, b: unknown) => canonical(a) === canonical(b)
/** Key order does not make a difference. */
const canonical = (value: unknown) =>
  JSON.stringify(value, (_, v) =>
    v && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )

export function* applyInventory(
  { inventory }: Programs['applyInventory']['args'],
  actor: Actor,
): Program<Programs['applyInventory']['answer']> {
  const revision = yield* nextRevision()
  const changes: string[] = []
  for (const account of inventory.accounts) {
    const row = yield* queryOne(`SELECT ${accountColumns} FROM accounts WHERE id = ?`, account.id)
    if (row && same(toAccount(row), account)) continue
    yield* query(
      `INSERT INTO accounts (${accountColumns}) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, attributes = excluded.attributes`,
      account.id,
      account.name,
      JSON.stringify(account.attributes),
    )
    changes.push(`account ${account.name}`)
  }
  for (const credential of inventory.credentials) {
    const { kind, lookup } = credential
    const row = yield* queryOne(
      `SELECT ${credentialColumns} FROM credentials WHERE kind = ? AND lookup = ?`,
      kind,
      lookup,
    )
    const old = row && toCredential(row)
    if (old && old.account !== credential.account) {
      return err(invalid('credentials', `${credential.label} belongs to another account`))
    }
    if (same(old, credential)) continue
    if (old) yield* query('DELETE FROM credentials WHERE id = ?', old.id)
    yield* query(
      `INSERT INTO credentials (${credentialColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...fromCredential(credential),
    )
    changes.push(`credential ${credential.label}`)
  }
  for (const document of inventory.documents) {
    const { account, profile, kind, id, body, initial } = document
    const row = yield* queryOne(documentByKey, profile, kind, id)
    const old = row && toDocument(row)
    if (old && old.account !== account) return err(invalid(`${kind}s`, `${id} belongs to another account`))
    const merged = { ...(old?.body ?? initial), ...body }
    if (same(old?.body, merged)) continue
    yield* upsertDocument({ ...document, body: merged, revision })
    changes.push(`${kind} ${id}`)
  }
  for (const entry of inventory.servers) {
    const changed = yield* applyServer(entry, revision, actor.at)
    if (!changed.ok) return changed
    if (changed.value) changes.push(`server ${entry.server.name}`)
  }
  // Nothing to do: the revision taken above must not be used up, so the transaction is rolled back by the caller.
  if (changes.length === 0) return ok({ revision: revision - 1, changed: false })
  yield* record(actor, revision, {
    operation: 'inventory.apply',
    resource: 'inventory',
    id: '',
    before: null,
    after: changes,
  })
  return ok({ revision, changed: true })
}

function* applyServer(
  entry: InventoryRecords['servers'][number],
  revision: number,
  now: number,
): Steps<Result<boolean, RequestError>> {
  const { server, interfaces, policies, attachments } = entry
  const row = yield* queryOne(`SELECT ${serverColumns} FROM servers WHERE id = ?`, server.id)
  if (!row) {
    const attributes = { ...entry.initial, ...server.attributes }
    yield* insertServer({ ...server, attributes, revision })
    yield* insertInterfaces(interfaces)
    yield* insertPolicies(policies.map((policy) => ({ ...policy, revision })))
    yield* insertAttachments(attachments)
    yield* syncInterfacePolicies(server, interfaces, revision, now)
    if (entry.attachDefault) {
      const policy = yield* defaultPolicy(server, entry.attachDefault, revision)
      const attached = yield* attachPolicies(server, null, policy === undefined ? [] : [policy])
      if (!attached.ok) return attached
    }
    return ok(true)
  }
  const old = toServer(row)
  if (old.account !== server.account || old.profile !== server.profile) {
    return err(invalid('servers', `${server.id} belongs to another account or profile`))
  }
  const { project = old.attributes.project } = server.attributes
  if (entry.attachDefault && (old.zone !== server.zone || project !== old.attributes.project)) {
    return err(
      invalid(
        'servers',
        `${server.name} cannot be moved to another zone or project: its group would not be there`,
      ),
    )
  }
  const oldInterfaces = (yield* query(
    `SELECT ${interfaceColumns} FROM interfaces WHERE server = ? ORDER BY number`,
    server.id,
  )).map(toInterface)
  const attributes = { ...old.attributes, ...server.attributes }
  const wantedInterfaces = mergeInterfaces(oldInterfaces, interfaces)
  const placed = !same(oldInterfaces, wantedInterfaces)
  const renumbered = old.number !== server.number
  if (renumbered) return err(invalid('servers', `${server.name} cannot be given another number`))
  const renamed = old.name !== server.name || old.zone !== server.zone || !same(old.attributes, attributes)
  if (placed) {
    yield* query('DELETE FROM interfaces WHERE server = ?', server.id)
    yield* insertInterfaces(wantedInterfaces)
  }
  // The state lives on: a restart with the same file must not start a server that was stopped.
  if (placed || renamed) {
    yield* updateServerRow({ ...old, name: server.name, zone: server.zone, attributes, revision })
  }
  const gone = oldInterfaces.filter((nic) => !wantedInterfaces.some((each) => each.id === nic.id))
  yield* deleteInterfaces(gone.map((nic) => nic.id))
  const synced = yield* syncInterfacePolicies(server, wantedInterfaces, revision, now)
  const chain = yield* chainOf(server.id)
  const wanted = policies.find((policy) => policy.server === server.id)
  const switched = chain !== undefined && wanted !== undefined && chain.enabled !== wanted.enabled
  if (chain && wanted && switched)
    yield* updatePolicySettings({ ...chain, enabled: wanted.enabled, revision })
  return ok(placed || renamed || switched || synced)
}

/**
 * What an interface is called and switched to by its dialect stays unless the file says so. One that the file does not
 * name stays, after the others, if it has no device: it was made through an API, and the file says what has a device.
 */
function mergeInterfaces(old: readonly Interface[], wanted: readonly Interface[]): readonly Interface[] {
  const named = wanted.map((nic) => {
    const attributes = { ...old.find((each) => each.id === nic.id)?.attributes, ...nic.attributes }
    return { ...nic, attributes }
  })
  const kept = old.filter((nic) => nic.device === null && !wanted.some((each) => each.id === nic.id))
  return [...named, ...kept.map((nic, index) => ({ ...nic, index: named.length + index + 1 }))]
}

function invalid(field: string, reason: string): RequestError {
  return { kind: 'invalid', field, reason }
}
