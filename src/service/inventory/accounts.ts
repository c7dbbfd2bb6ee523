/** Entries of accounts, with their credentials, projects and datacenters → records of the store. */
import type { JsonObject } from '../../core/json.ts'
import type { CredentialRecord, InventoryRecords, Storage } from '../../storage/storage.ts'
import { secretHash } from '../authenticate.ts'
import type { Report } from '../config/report.ts'
import { madeUp } from '../made-up.ts'
import { hashPassword, verifyPassword } from '../passwords.ts'
import type { Provider } from './provider.ts'
import type { AccountEntry, CredentialEntry, InventoryFile } from './schema.ts'
import { readServer } from './servers.ts'

type NamedDocument = InventoryRecords['documents'][number]
/** A credential whose password is hashed only once the whole file is good. */
type Draft = Omit<CredentialRecord, 'hash'> & {
  readonly secret: { readonly hash: string } | { readonly password: string }
}

/** Faults are reported, and the answer is then of no use. `now` is milliseconds since 1970. */
export async function readAccounts(
  file: InventoryFile,
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
    const { name, contractNumber } = entry
    const id = entry.id ?? known.get(name) ?? madeUp('account', name)
    report.once('account', id, at, `the account ${id}`)
    report.once('account’s name', name, `${at}.name`, 'the account’s name')
    if (contractNumber !== undefined) {
      report.once('contract', String(contractNumber), `${at}.contractNumber`, 'the contract number')
    }
    if (!entry.credentials?.length && !entry.servers?.length) {
      report.warn(at, 'has neither credentials nor servers: it does nothing')
    }
    accounts.push({ id, name, attributes: contractNumber === undefined ? {} : { contractNumber } })
    const datacenters = readDatacenters(entry.datacenters ?? [], at, id, now, report)
    const projects = readProjects(entry.projects ?? [], at, id, now, report)
    documents.push(...datacenters, ...projects)
    const ids = projects.map((project) => project.id)
    for (const [number, credential] of (entry.credentials ?? []).entries()) {
      drafts.push(...readCredential(credential, `${at}.credentials[${number}]`, id, ids, report))
    }
    const stored = await storage.documents({ account: id, profile: 'scaleway', kind: 'project' })
    const place = {
      account: id,
      // The file's first; then those that were made through the API.
      projects: [...ids, ...stored.map((project) => project.id)],
      datacenters: datacenters.map((datacenter) => datacenter.id),
      providers,
    }
    for (const [number, server] of (entry.servers ?? []).entries()) {
      // A millisecond apart, so that they are listed in the order of the file.
      servers.push(readServer(server, `${at}.servers[${number}]`, place, now + servers.length, report))
    }
  }
  return { accounts, documents, servers, drafts }
}

/** Passwords that are stored already keep their hash: another salt would be a change at every start. */
export async function hashed(drafts: readonly Draft[], storage: Storage): Promise<CredentialRecord[]> {
  const records: CredentialRecord[] = []
  for (const { secret, ...draft } of drafts) {
    if ('hash' in secret) {
      records.push({ ...draft, hash: secret.hash })
      continue
    }
    const old = await storage.credential(draft.kind, draft.lookup)
    const same = old !== undefined && (await verifyPassword(secret.password, old.hash))
    records.push({ ...draft, hash: same ? old.hash : await hashPassword(secret.password) })
  }
  return records
}

function readDatacenters(
  entries: NonNullable<AccountEntry['datacenters']>,
  at: string,
  account: string,
  now: number,
  report: Report,
): NamedDocument[] {
  return entries.map(({ name, location = 'de/txl', ...given }, index) => {
    const id = given.id ?? madeUp('datacenter', account, name)
    report.locate(id, `${at}.datacenters[${index}]`)
    report.once('datacenter', id, `${at}.datacenters[${index}]`, `the datacenter ${id}`)
    return {
      ...{ account, profile: 'ionos', kind: 'datacenter', id, body: { name, location } },
      // Apart, so that they stay in the order of the file.
      initial: { createdAt: now + index },
    }
  })
}

/** The first is the account's own: with no other, one of the account's id. */
function readProjects(
  entries: NonNullable<AccountEntry['projects']>,
  at: string,
  account: string,
  now: number,
  report: Report,
): NamedDocument[] {
  const named = entries.length > 0 ? entries : [{ name: 'default', id: account }]
  return named.map((project, index) => {
    const { name } = project
    const id = project.id ?? madeUp('project', account, name)
    report.locate(id, `${at}.projects[${index}]`)
    report.once('project', id, `${at}.projects[${index}]`, `the project ${id}`)
    return {
      ...{ account, profile: 'scaleway', kind: 'project', id, body: { name } },
      initial: { description: '', createdAt: now + index },
    }
  })
}

/** One, or none when it is none. No message holds a value of it. */
function readCredential(
  credential: CredentialEntry,
  at: string,
  account: string,
  projects: readonly string[],
  report: Report,
): Draft[] {
  const { username, password, token, accessKey, secretKey, project, scopes = [] } = credential
  const given = { username, token, secretKey }
  const [kind, ...more] = Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  if (kind === undefined || more.length > 0) {
    report.add(at, 'one of username, token and secretKey is needed')
    return []
  }
  const others = { password: 'username', accessKey: 'secretKey', project: 'secretKey' } as const
  for (const [key, of] of Object.entries(others)) {
    if (of !== kind && credential[key as keyof typeof others] !== undefined) {
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
    const id = madeUp('credential', kind, lookup)
    return [{ id, account, kind, lookup, scopes: [...scopes], label, attributes, secret }]
  }
  if (username !== undefined) {
    if (password === undefined) report.add(`${at}.password`, 'expected text: a username needs one')
    return draft('password', username, { password: password ?? '' }, username)
  }
  const hash = secretHash(token ?? secretKey ?? '')
  // Enough to tell two tokens apart in the audit, and nothing of the token itself.
  if (token !== undefined) return draft('token', hash, { hash }, `token ${hash.slice(0, 8)}`)
  if (accessKey === undefined) report.add(`${at}.accessKey`, 'expected text: a secretKey needs one')
  // Callers ask about a key by it, and events name who acted by it.
  else report.once('access key', accessKey, `${at}.accessKey`, 'the access key')
  if (project !== undefined && !projects.includes(project)) {
    report.add(`${at}.project`, `${project} is none of the projects that the account lists`)
  }
  const attributes = { accessKey: accessKey ?? '', ...(project !== undefined && { project }) }
  return draft('secret-key', hash, { hash }, accessKey ?? '', attributes)
}
