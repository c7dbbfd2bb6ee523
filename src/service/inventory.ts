/**
 * The inventory file: accounts, credentials, servers and their interfaces, as desired state for what it names.
 *
 * Strict: a key that is not known, or a value that is not right, is refused with its place in the file. What has no id
 * gets one that is made from its names, so that the same file means the same things at every start.
 */
import { randomUUID } from 'node:crypto'
import { parse as parseYaml } from 'yaml'
import { isDeviceName } from '../compile/nftables/names.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import {
  type Interface,
  type InterfaceType,
  interfaceTypes,
  type Profile,
  profiles,
} from '../core/model/inventory.ts'
import {
  chainSettings,
  type DefaultPolicy,
  defaultPlace,
  defaultPolicies,
  interfaceSettings,
} from '../core/model/profile.ts'
import { formatAddress, parseAddress } from '../core/net/address.ts'
import { parseMac } from '../core/net/mac.ts'
import { formatPrefix, parsePrefix } from '../core/net/prefix.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { AccountRecord, CredentialRecord, InventoryRecords, Storage } from '../storage/storage.ts'
import { scopeNames, secretHash } from './authenticate.ts'
import { madeUp, madeUpMac } from './made-up.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import { policyRecord } from './records.ts'

type ServerEntry = InventoryRecords['servers'][number]
type NamedDocument = InventoryRecords['documents'][number]

/** Applies the text of a file. The error is one line for the operator, with the place in the file. */
export async function loadInventory(
  storage: Storage,
  text: string,
  now: number,
): Promise<Result<{ revision: number; changed: boolean }>> {
  let inventory: InventoryRecords
  try {
    inventory = await read(storage, parseYaml(text, { maxAliasCount: 1000 }), now)
  } catch (error) {
    // The parser's own errors quote the place over several lines.
    return err(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
  const actor = { account: '', actor: 'inventory', dialect: 'system', requestId: '', at: now } as const
  const done = await storage.run('applyInventory', { inventory }, actor)
  if (done.ok) return done
  return err(done.error.kind === 'invalid' ? `${done.error.field}: ${done.error.reason}` : done.error.kind)
}

/** Throws on the first thing that is wrong. */
async function read(storage: Storage, yaml: unknown, now: number): Promise<InventoryRecords> {
  const known = new Map((await storage.accounts()).map((account) => [account.name, account.id]))
  const file = fields(yaml ?? {}, 'the file', ['accounts'])
  const accounts: AccountRecord[] = []
  const credentials: CredentialRecord[] = []
  const documents: NamedDocument[] = []
  const servers: ServerEntry[] = []
  for (const [entry, at] of list(file.accounts, 'accounts')) {
    const account = fields(entry, at, [
      ...['name', 'id', 'credentials', 'contractNumber', 'projects', 'datacenters', 'servers'],
    ])
    const name = text(account.name, `${at}.name`)
    const id = optional(account.id, `${at}.id`, text) ?? known.get(name) ?? madeUp('account', name)
    const { contractNumber } = account
    accounts.push({ id, name, attributes: json({ contractNumber }, at) })
    const zones = readDatacenters(account.datacenters, `${at}.datacenters`, id, now)
    documents.push(...zones)
    const projects = readProjects(account.projects, `${at}.projects`, id, now)
    documents.push(...projects)
    const stored = await storage.documents({ account: id, profile: 'scaleway', kind: 'project' })
    const place = {
      account: id,
      // The file's first; then those that were made through the API.
      projects: [...projects, ...stored].map((project) => project.id),
      datacenters: zones.map((zone) => zone.id),
    }
    for (const [credential, where] of list(account.credentials, `${at}.credentials`)) {
      credentials.push(await readCredential(storage, credential, where, id))
    }
    for (const [server, where] of list(account.servers, `${at}.servers`)) {
      // A millisecond apart, so that they are listed in the order of the file.
      servers.push(readServer(server, where, place, now + servers.length))
    }
  }
  const nics = servers.flatMap((server) => server.interfaces)
  unique(
    'the account',
    accounts.map((account) => account.id),
  )
  unique(
    'the account',
    accounts.map((account) => account.name),
  )
  unique(
    'the credential',
    credentials.map(({ kind, lookup }) => `${kind} ${lookup}`),
    () => '',
  )
  unique(
    'the server',
    servers.map(({ server }) => server.id),
  )
  unique(
    'the interface',
    nics.map((nic) => nic.id),
  )
  unique(
    'the device',
    nics.flatMap(({ host, device }) => (device === null ? [] : [`${device} on ${host}`])),
  )
  unique(
    'the project or datacenter',
    documents.map((document) => document.id),
  )
  return { accounts, credentials, documents, servers }
}

function readDatacenters(entries: unknown, at: string, account: string, now: number): NamedDocument[] {
  return list(entries, at).map(([entry, place], index) => {
    const zone = fields(entry, place, ['id', 'name', 'location'])
    const name = text(zone.name, `${place}.name`)
    const id = optional(zone.id, `${place}.id`, text) ?? madeUp('datacenter', account, name)
    const location = optional(zone.location, `${place}.location`, text) ?? 'de/txl'
    const body = { name, location }
    return {
      ...{ account, profile: 'ionos', kind: 'datacenter', id, body },
      initial: { createdAt: now + index },
    }
  })
}

/** The first is the account's own: with no other, one of the account's id. */
function readProjects(entries: unknown, at: string, account: string, now: number): NamedDocument[] {
  const given = list(entries, at).map(([entry, place]) => {
    const project = fields(entry, place, ['id', 'name'])
    const name = text(project.name, `${place}.name`)
    return { name, id: optional(project.id, `${place}.id`, text) ?? madeUp('project', account, name) }
  })
  const named = given.length > 0 ? given : [{ name: 'default', id: account }]
  return named.map(({ id, name }, index) => ({
    ...{ account, profile: 'scaleway', kind: 'project', id },
    body: { name },
    // Apart, so that they stay in the order of the file.
    initial: { description: '', createdAt: now + index },
  }))
}

async function readCredential(
  storage: Storage,
  entry: unknown,
  at: string,
  account: string,
): Promise<CredentialRecord> {
  const credential = fields(entry, at, [
    ...['username', 'password', 'token', 'accessKey', 'secretKey', 'project', 'scopes'],
  ])
  const scopes = list(credential.scopes, `${at}.scopes`).map(([scope, place]) =>
    oneOf(scope, place, Object.keys(scopeNames)),
  )
  const { username, token, secretKey } = credential
  const given = [username, token, secretKey].filter((value) => value !== undefined).length
  if (given !== 1) throw new Error(`${at}: one of username, token and secretKey is needed`)
  const record = (
    kind: CredentialRecord['kind'],
    lookup: string,
    hash: string,
    label: string,
    attributes: JsonObject = {},
  ): CredentialRecord => {
    const id = madeUp('credential', kind, lookup)
    return { id, account, kind, lookup, hash, scopes, label, attributes }
  }
  if (username !== undefined) {
    const name = text(username, `${at}.username`)
    if (name.includes(':')) throw new Error(`${at}.username: a user's name has no colon (RFC 7617)`)
    const password = text(credential.password, `${at}.password`)
    // Hashing anew with another salt would be a change at every start.
    const old = await storage.credential('password', name)
    const same = old !== undefined && (await verifyPassword(password, old.hash))
    return record('password', name, same ? old.hash : await hashPassword(password), name)
  }
  if (token !== undefined) {
    const hash = secretHash(text(token, `${at}.token`))
    // Enough to tell two tokens apart in the audit, and nothing of the token itself.
    return record('token', hash, hash, `token ${hash.slice(0, 8)}`)
  }
  const accessKey = text(credential.accessKey, `${at}.accessKey`)
  const project = optional(credential.project, `${at}.project`, text)
  const hash = secretHash(text(secretKey, `${at}.secretKey`))
  return record('secret-key', hash, hash, accessKey, { accessKey, ...(project && { project }) })
}

const serverKeys = [
  'profile',
  'id',
  'name',
  'vmid',
  'zone',
  'datacenter',
  'project',
  'state',
  'plan',
  'labels',
]

function readServer(
  entry: unknown,
  at: string,
  {
    account,
    projects,
    datacenters,
  }: {
    readonly account: string
    readonly projects: readonly string[]
    readonly datacenters: readonly string[]
  },
  now: number,
): ServerEntry {
  const server = fields(entry, at, [...serverKeys, 'firewall', 'interfaces'])
  const profile = oneOf(server.profile, `${at}.profile`, profiles)
  const name = text(server.name, `${at}.name`)
  const { datacenter, plan, labels } = server
  const number = optional(server.vmid, `${at}.vmid`, (value, place) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
    throw new Error(`${place}: expected a whole number from 1 on`)
  })
  if (profile === 'hostup' && number === undefined) throw new Error(`${at}.vmid: servers of hostup need one`)
  const key = number === undefined ? name : String(number)
  const id = optional(server.id, `${at}.id`, text) ?? madeUp('server', account, profile, key)
  const zone = optional(server.zone ?? datacenter, `${at}.zone`, text) ?? ''
  const state = optional(server.state, `${at}.state`, text) ?? 'started'
  const interfaces = list(server.interfaces, `${at}.interfaces`).map(([nic, place], index) =>
    readInterface(nic, place, id, index + 1),
  )
  const unnamed = defaultPolicies[profile]
  const named = optional(server.project, `${at}.project`, text)
  if (named !== undefined && !projects.includes(named)) {
    throw new Error(`${at}.project: ${named} is none of the account’s projects`)
  }
  const project = named ?? (unnamed && projects[0])
  if (unnamed && zone === '') throw new Error(`${at}.zone: servers of ${profile} need one`)
  const settings = chainSettings[profile]
  const enabled = optional(server.firewall, `${at}.firewall`, boolean)
  if (enabled !== undefined && !settings)
    throw new Error(`${at}.firewall: servers of ${profile} have no such switch`)
  if (interfaceSettings[profile] && !datacenters.includes(zone)) {
    throw new Error(`${at}.datacenter: servers of ${profile} need one of the account’s datacenters`)
  }
  const chain = madeUp('chain', id)
  return {
    server: {
      ...{
        id,
        account,
        profile,
        name,
        number: number ?? null,
        zone,
        state,
        nextState: null,
        nextStateAt: null,
        createdAt: now,
      },
      attributes: json({ datacenter, project: named, plan, labels }, at),
    },
    ...(project !== undefined && { initial: { project } }),
    interfaces,
    policies: settings
      ? [
          policyRecord({ ...settings, enabled: enabled ?? settings.enabled }, now, {
            ...{ id: chain, account, profile, server: id },
          }),
        ]
      : [],
    attachments: settings ? [{ policy: chain, server: id, interface: null }] : [],
    ...(enabled !== undefined && { enabled }),
    ...(unnamed &&
      project !== undefined && {
        attachDefault: defaultOf(unnamed, { account, profile, project, zone }, now),
      }),
  }
}

/** What servers get that name no policy, as it is made with the first of them. */
function defaultOf(
  { name, settings, attributes }: DefaultPolicy,
  { account, profile, project, zone }: { account: string; profile: Profile; project: string; zone: string },
  now: number,
): NonNullable<ServerEntry['attachDefault']> {
  const place = defaultPlace(project, zone)
  // Nobody's to know beforehand: one that was deleted, or is no default any more, is another.
  const fields = { id: randomUUID(), account, profile, name, zone, defaultFor: place }
  return {
    for: place,
    otherwise: policyRecord(settings, now, { ...fields, attributes: { ...attributes, project } }),
  }
}

function readInterface(entry: unknown, at: string, server: string, index: number): Interface {
  const nic = fields(entry, at, [
    ...['id', 'mac', 'addresses', 'allowedAddresses', 'senderCheck', 'type', 'host', 'device'],
    ...['lan', 'firewallActive', 'firewallType'],
  ])
  const id = optional(nic.id, `${at}.id`, text) ?? madeUp('interface', server, String(index))
  const addresses = list(nic.addresses, `${at}.addresses`).map(([value, place]) => {
    const address = parseAddress(text(value, place))
    if (!address.ok) throw new Error(`${place}: ${address.error}`)
    return formatAddress(address.value.family, address.value.value)
  })
  const allowedAddresses = list(nic.allowedAddresses, `${at}.allowedAddresses`).map(([value, place]) => {
    const prefix = parsePrefix(text(value, place), { hostBits: 'refuse' })
    if (!prefix.ok) throw new Error(`${place}: ${prefix.error}`)
    return formatPrefix(prefix.value)
  })
  const senderCheck = optional(nic.senderCheck, `${at}.senderCheck`, boolean) ?? true
  const mac = optional(nic.mac, `${at}.mac`, text)
  const parsed = mac === undefined ? ok(madeUpMac(id)) : parseMac(mac)
  if (!parsed.ok) throw new Error(`${at}.mac: ${parsed.error}`)
  const type: InterfaceType =
    optional(nic.type, `${at}.type`, (v, p) => oneOf(v, p, interfaceTypes)) ?? 'public'
  const host = optional(nic.host, `${at}.host`, text) ?? null
  const device = optional(nic.device, `${at}.device`, text) ?? null
  if (device !== null && host === null) throw new Error(`${at}: a device needs the host it is on`)
  if (device !== null && !isDeviceName(device)) {
    throw new Error(`${at}.device: expected 1 to 15 letters, digits, dots, hyphens or underscores`)
  }
  const { lan, firewallActive, firewallType } = nic
  const attributes = json({ lan, firewallActive, firewallType }, at)
  const sender = { mac: parsed.value, addresses, allowedAddresses, senderCheck, observe: false }
  return { id, server, index, ...sender, type, host, device, attributes }
}

function fields(value: unknown, at: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new Error(`${at}: expected keys and values`)
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      throw new Error(`${at}: ${key} is not known here; known are ${known.join(', ')}`)
  }
  return value as Record<string, unknown>
}

function list(value: unknown, at: string): [unknown, string][] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${at}: expected a list`)
  return value.map((entry, index) => [entry, `${at}[${index}]`])
}

function optional<T>(value: unknown, at: string, read: (value: unknown, at: string) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value, at)
}

/** Numbers are taken as they are written: an id may look like one. */
function text(value: unknown, at: string): string {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '') throw new Error(`${at}: expected text`)
  return value
}

function boolean(value: unknown, at: string): boolean {
  if (typeof value !== 'boolean') throw new Error(`${at}: expected true or false`)
  return value
}

function oneOf<T extends string>(value: unknown, at: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value)
  if (found === undefined) throw new Error(`${at}: expected one of ${allowed.join(', ')}`)
  return found
}

/** What is given, as JSON; dates and other things of YAML's own become text or are refused. */
function json(values: Readonly<Record<string, unknown>>, at: string): JsonObject {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null)
  try {
    return JSON.parse(JSON.stringify(Object.fromEntries(given))) as Record<string, JsonValue>
  } catch {
    throw new Error(`${at}: holds something that JSON cannot say`)
  }
}

function unique(what: string, values: readonly string[], show = (value: string) => ` ${value}`): void {
  const seen = new Set<string>()
  for (const value of values) {
    if (seen.has(value)) throw new Error(`${what}${show(value)} is there twice`)
    seen.add(value)
  }
}
