/** Entries of accounts, with their credentials and the documents that they list → records of the store. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Profile } from '../../core/model/profile.ts'
import { cutFlowsKey } from '../../storage/account-settings.ts'
import type { CredentialRecord, InventoryRecords, Storage } from '../../storage/storage.ts'
import { secretHash } from '../authenticate.ts'
import type { Report } from '../config/report.ts'
import { noCredential } from '../context.ts'
import { derivedId } from '../derived-id.ts'
import { hashPassword, verifyPassword } from '../passwords.ts'
import { isKnown, type PasswordMemory, remember } from './password-memory.ts'
import type { NamedDocuments, Provider } from './provider.ts'
import { type AccountEntry, type CredentialEntry, type InventoryEntries, ownValue } from './schema.ts'
import { type NamedIds, present, readServer, type ServerContext } from './servers.ts'

type NamedDocument = InventoryRecords['documents'][number]
/** A credential whose password is hashed only once the whole file is good. */
type Draft = Omit<CredentialRecord, 'hash'> & {
  readonly secret: { readonly hash: string } | { readonly password: string }
}

/** Faults are reported, and the answer is then of no use. `now` is milliseconds since 1970. */
export async function readAccounts(
  file: InventoryEntries,
  storage: Storage,
  now: number,
  providers: readonly Provider[],
  report: Report,
): Promise<Omit<InventoryRecords, 'credentials'> & { readonly drafts: readonly Draft[] }> {
  const known = new Map((await storage.accounts()).map((account) => [account.name, account.id]))
  const accounts: InventoryRecords['accounts'][number][] = []
  const documents: NamedDocument[] = []
  const servers: InventoryRecords['servers'][number][] = []
  const drafts: Draft[] = []
  for (const [index, entry] of file.accounts.entries()) {
    const at = `accounts[${index}]`
    const { name } = entry
    const id = entry.id ?? known.get(name) ?? derivedId('account', name)
    report.locate(id, at)
    report.once('account', id, at)
    report.locate(id, at)
    report.once('account’s name', name, `${at}.name`, 'the account’s name')
    const attributes: Record<string, JsonValue> = {
      ...(entry.cutFlows && { [cutFlowsKey]: entry.cutFlows }),
    }
    for (const { inventory } of providers) {
      if (!inventory.account) continue
      const { key, said } = inventory.account
      const value = ownValue(entry, key)
      if (value === undefined) continue
      report.once(key, String(value), `${at}.${key}`, said)
      attributes[key] = value
    }
    if (!entry.credentials?.length && !entry.servers?.length) {
      report.warn(at, 'has neither credentials nor servers: it does nothing')
    }
    accounts.push({ id, name, attributes, ...(entry.quotas && { quotas: entry.quotas }) })
    const named: NamedIds[] = []
    for (const { profile, inventory } of providers) {
      if (!inventory.documents) continue
      const read = readDocuments(inventory.documents, entry, { at, id, profile, now }, report)
      documents.push(...read)
      named.push({ profile, of: inventory.documents, listed: read.map((each) => each.id) })
    }
    for (const [number, credential] of (entry.credentials ?? []).entries()) {
      drafts.push(
        ...readCredential(credential, `${at}.credentials[${number}]`, { account: id, now }, named, report),
      )
    }
    const context: ServerContext = { account: id, named: await withStored(named, id, storage), providers }
    for (const [number, server] of (entry.servers ?? []).entries()) {
      // A millisecond apart, so that they are listed in the order of the file.
      servers.push(readServer(server, `${at}.servers[${number}]`, context, now + servers.length, report))
    }
  }
  return { accounts, documents, servers, drafts }
}

/** With those that were made through an API, after the file's, where servers may name them. */
async function withStored(
  named: readonly NamedIds[],
  account: string,
  storage: Storage,
): Promise<readonly NamedIds[]> {
  return Promise.all(
    named.map(async ({ profile, of, listed }) => {
      if (of.server.as === 'zone') return { profile, of, listed }
      const stored = await storage.documents({ account, profile, kind: of.kind })
      return { profile, of, listed: [...listed, ...stored.map(({ id }) => id)] }
    }),
  )
}

/** Hashes at a time: as many as Node has threads for them. */
const atOnce = 4

/** Passwords that are stored already keep their hash: another salt would be a change at every start. */
export async function hashed(
  drafts: readonly Draft[],
  storage: Storage,
  passwords: PasswordMemory,
): Promise<CredentialRecord[]> {
  const records: CredentialRecord[] = []
  for (let from = 0; from < drafts.length; from += atOnce) {
    const some = drafts.slice(from, from + atOnce)
    records.push(...(await Promise.all(some.map((draft) => withHash(draft, storage, passwords)))))
  }
  return records
}

async function withHash(
  { secret, ...draft }: Draft,
  storage: Storage,
  passwords: PasswordMemory,
): Promise<CredentialRecord> {
  if ('hash' in secret) return { ...draft, hash: secret.hash }
  const { password } = secret
  const old = await storage.credential(draft.kind, draft.lookup)
  if (old && isKnown(passwords, old.hash, password)) return { ...draft, hash: old.hash }
  const same = old !== undefined && (await verifyPassword(password, old.hash))
  const hash = same ? old.hash : await hashPassword(password)
  remember(passwords, hash, password)
  return { ...draft, hash }
}

/** What one account lists of one kind; `profile` is of the provider whose kind it is. */
function readDocuments(
  { kind, key, keys, defaults, initial, always }: NamedDocuments,
  account: AccountEntry,
  { at, id: of, profile, now }: { at: string; id: string; profile: Profile; now: number },
  report: Report,
): NamedDocument[] {
  const listed = (ownValue(account, key) ?? []) as readonly ({ id?: string; name: string } & JsonObject)[]
  const entries = listed.length === 0 && always !== undefined ? [{ name: always, id: of }] : listed
  return entries.map((entry, index) => {
    const id = entry.id ?? derivedId(kind, of, entry.name)
    report.locate(id, `${at}.${key}[${index}]`)
    report.once(kind, id, `${at}.${key}[${index}]`)
    return {
      ...{ account: of, profile, kind, id, body: bodyOfListed({ keys, defaults }, entry) },
      // Apart, so that they stay in the order of the file.
      initial: { ...initial, createdAt: now + index },
    }
  })
}

/** What is stored of one: its name, and its provider's own keys. */
export function bodyOfListed(
  { keys, defaults }: Pick<NamedDocuments, 'keys' | 'defaults'>,
  entry: { readonly name: string },
): JsonObject {
  const own = Object.keys(keys).map((key) => [key, ownValue(entry, key) ?? defaults[key]] as const)
  return { name: entry.name, ...present(Object.fromEntries(own)) }
}

/** One, or none when it is none. No message holds a value of it. */
function readCredential(
  credential: CredentialEntry,
  at: string,
  { account, now }: { readonly account: string; readonly now: number },
  documents: readonly NamedIds[],
  report: Report,
): Draft[] {
  const { username, password, passwordHash, token, accessKey, secretKey, scopes = [] } = credential
  const { tokenHash, secretKeyHash, label: called, expiresAt, profiles = null, servers = null } = credential
  const given = { username, token, tokenHash, secretKey, secretKeyHash }
  const [kind, ...more] = Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  if (kind === undefined || more.length > 0) {
    report.add(at, 'one of username, token and secretKey is needed')
    return []
  }
  const keyed = kind === 'secretKeyHash' ? kind : 'secretKey'
  const naming = documents.flatMap(({ of, listed }) =>
    of.credential ? [{ key: of.credential.key, of, listed }] : [],
  )
  const others = [
    ['password', 'username'],
    ['passwordHash', 'username'],
    ['accessKey', keyed],
    ...naming.map(({ key }) => [key, keyed] as const),
  ] as const
  for (const [key, of] of others) {
    if (of !== kind && ownValue(credential, key) !== undefined) {
      report.add(`${at}.${key}`, `does not go with ${kind}`)
    }
  }
  const draft = (
    kind: CredentialRecord['kind'],
    lookup: string,
    secret: Draft['secret'],
    label: string,
    attributes: JsonObject = {},
  ): Draft[] => {
    report.once(kind, lookup, at, 'the credential')
    const id = derivedId('credential', kind, lookup)
    report.locate(id, at)
    return [
      {
        ...{ ...noCredential, id, account, kind, lookup, scopes: [...scopes], attributes, secret },
        ...{ origin: 'inventory', createdAt: now, label: called ?? label, profiles, servers },
        expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt),
      },
    ]
  }
  if (expiresAt !== undefined && Number.isNaN(Date.parse(expiresAt))) {
    report.add(`${at}.expiresAt`, 'expected a moment that there is')
  }
  if (username !== undefined) {
    if (passwordHash !== undefined) {
      if (password !== undefined) report.add(`${at}.passwordHash`, 'does not go with password')
      return draft('password', username, { hash: passwordHash }, username)
    }
    if (password === undefined) report.add(`${at}.password`, 'expected text: a username needs one')
    return draft('password', username, { password: password ?? '' }, username)
  }
  const hash = tokenHash ?? secretKeyHash ?? secretHash(token ?? secretKey ?? '')
  // Enough to tell two tokens apart in the audit, and nothing of the token itself.
  if (token !== undefined || tokenHash !== undefined)
    return draft('token', hash, { hash }, `token ${hash.slice(0, 8)}`)
  if (accessKey === undefined) report.add(`${at}.accessKey`, 'expected text: a secretKey needs one')
  // Callers ask about a key by it, and events name who acted by it.
  else report.once('access key', accessKey, `${at}.accessKey`, 'the access key')
  const attributes: Record<string, JsonValue> = { accessKey: accessKey ?? '' }
  for (const { key, of, listed } of naming) {
    const value = ownValue(credential, key)
    if (value === undefined) continue
    if (!listed.includes(String(value))) {
      report.add(`${at}.${key}`, `${value} is none of the ${of.key} that the account lists`)
    }
    attributes[key] = value
  }
  return draft('secret-key', hash, { hash }, accessKey ?? '', attributes)
}
