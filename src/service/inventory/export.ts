/** What a store holds, as a file that changes nothing when it is applied. Secrets are exported as their hashes. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { cutFlowsOf } from '../../storage/account-settings.ts'
import type { StoredInventory } from '../../storage/inventory/stored.ts'
import type { CredentialRecord, Storage } from '../../storage/storage.ts'
import type { Provider } from './provider.ts'
import { present } from './servers.ts'

type StoredServer = StoredInventory['servers'][number]
type StoredNic = StoredServer['interfaces'][number]

/** `owned`: only what the inventory owns, and the accounts that it is in. */
export async function exportInventory(
  storage: Storage,
  providers: readonly Provider[],
  owned: boolean,
): Promise<JsonObject> {
  const kinds = providers.flatMap(({ profile, inventory: { documents } }) =>
    documents ? [{ profile, kind: documents.kind }] : [],
  )
  const stored = await storage.storedInventory(kinds)
  const wanted = <T extends { readonly origin: string }>(all: readonly T[]) =>
    all.filter(({ origin }) => !owned || origin === 'inventory')
  const documents = groupBy(wanted(stored.documents), ({ account }) => account)
  const servers = groupBy(wanted(stored.servers), ({ account }) => account)
  const credentials = groupBy(wanted(stored.credentials), ({ account }) => account)
  const accounts = stored.accounts.flatMap((account) => {
    const parts = [credentials, documents, servers].map((each) => each.get(account.id) ?? [])
    if (owned && account.origin !== 'inventory' && parts.every((part) => part.length === 0)) return []
    return [
      present({
        ...{ id: account.id, name: account.name, cutFlows: cutFlowsOf(account.attributes) },
        ...(Object.keys(account.quotas).length > 0 && { quotas: { ...account.quotas } }),
        ...keysOf(
          account.attributes,
          providers.flatMap(({ inventory }) => (inventory.account ? [inventory.account.key] : [])),
        ),
        credentials: (credentials.get(account.id) ?? []).map((each) => credentialEntry(each, providers)),
        ...documentEntries(documents.get(account.id) ?? [], providers),
        servers: (servers.get(account.id) ?? []).map((each) => serverEntry(each, providers)),
      }),
    ]
  })
  return { accounts }
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(items, key)
}

const keysOf = (values: JsonObject, keys: readonly string[]): JsonObject =>
  present(Object.fromEntries(keys.map((key) => [key, values[key] ?? undefined])))

function credentialEntry(credential: CredentialRecord, providers: readonly Provider[]): JsonObject {
  const { kind, lookup, hash, label, scopes, profiles, servers, expiresAt, attributes } = credential
  const naming = providers.flatMap(({ inventory }) => inventory.documents?.credential?.key ?? [])
  const secrets = {
    password: { username: lookup, passwordHash: hash },
    token: { tokenHash: hash },
    'secret-key': { ...keysOf(attributes, ['accessKey', ...naming]), secretKeyHash: hash },
  } as const satisfies Record<CredentialRecord['kind'], JsonObject>
  return present({
    ...secrets[kind],
    label,
    ...(scopes.length > 0 && { scopes: [...scopes] }),
    ...(profiles && { profiles: [...profiles] }),
    ...(servers && { servers: [...servers] }),
    ...(expiresAt !== null && { expiresAt: new Date(expiresAt).toISOString() }),
  })
}

function documentEntries(
  documents: StoredInventory['documents'],
  providers: readonly Provider[],
): JsonObject {
  const lists = providers.flatMap(({ profile, inventory: { documents: part } }) => {
    if (!part) return []
    const own = documents.filter((each) => each.profile === profile && each.kind === part.kind)
    const oldest = own.toSorted((a, b) => Number(a.body.createdAt ?? 0) - Number(b.body.createdAt ?? 0))
    const entries = oldest.map(({ id, body }) => ({
      ...{ id, name: String(body.name ?? '') },
      ...keysOf(body, Object.keys(part.keys)),
    }))
    return entries.length > 0 ? [[part.key, entries] as const] : []
  })
  return Object.fromEntries(lists)
}

function serverEntry(server: StoredServer, providers: readonly Provider[]): JsonObject {
  const { profile, id, name, number, zone, state, attributes, chain, interfaces } = server
  const provider = providers.find((each) => each.profile === profile)
  const zoned =
    provider?.inventory.documents?.server.as === 'zone' ? provider.inventory.documents.server.key : 'zone'
  const named = providers.flatMap(({ inventory: { documents } }) =>
    documents?.server.as === 'attribute' ? [documents.server.key] : [],
  )
  const { plan, labels } = attributes
  const plans = provider?.offers.plans
  return present({
    ...{ profile, id, name },
    ...(provider?.inventory.number && number !== null && { [provider.inventory.number.key]: number }),
    ...(zone !== '' && { [zoned]: zone }),
    ...(provider?.states.includes(state) && { state }),
    ...(typeof plan === 'string' && (!plans || plans.includes(plan)) && { plan }),
    ...(isLabels(labels) && { labels }),
    ...keysOf(attributes, named),
    ...(provider?.chain && chain && chainKeys(chain)),
    interfaces: interfaces.map((nic, place) => ({
      ...interfaceEntry(nic, provider),
      ...(nic.index !== (interfaces[place - 1]?.index ?? 0) + 1 && { index: nic.index }),
    })),
  })
}

const isLabels = (labels: JsonValue | undefined): labels is JsonObject =>
  labels !== null &&
  typeof labels === 'object' &&
  !Array.isArray(labels) &&
  Object.values(labels).every((each) => typeof each === 'string')

const chainKeys = ({ enabled, cutFlows, log, logAllowed }: NonNullable<StoredServer['chain']>): JsonObject =>
  present({
    firewall: enabled,
    ...(cutFlows && { cutFlows }),
    ...(log && { log: keysOf(log as JsonObject, ['ingress', 'egress']) }),
    ...(logAllowed && { logAllowed }),
  })

/** What it is when the file says nothing is left out. */
function interfaceEntry(nic: StoredNic, provider: Provider | undefined): JsonObject {
  const { id, mac, addresses, allowedAddresses, senderCheck, observe, vlanTrunk, allowedFrames } = nic
  const { maxConnections, type, attributes } = nic
  // Where its host found it nobody has said, and a file that said so would hold it there.
  const { host, device } = nic.boundBy === 'mac' ? { host: null, device: null } : nic
  return present({
    ...{ id, mac, addresses: [...addresses], type },
    ...(allowedAddresses.length > 0 && { allowedAddresses: [...allowedAddresses] }),
    ...(!senderCheck && { senderCheck }),
    ...(observe && { observe }),
    ...(vlanTrunk && { vlanTrunk }),
    ...(allowedFrames.length > 0 && { allowedFrames: [...allowedFrames] }),
    ...(maxConnections !== null && { maxConnections }),
    ...(host !== null && { host }),
    ...(device !== null && { device }),
    ...keysOf(attributes, Object.keys(provider?.inventory.interface ?? {})),
  })
}
