/**
 * The inventory file: accounts, credentials, servers and their interfaces, as desired state (docs/inventory.md).
 *
 * Strict: what is not known or not right is refused with its place in the file, and then nothing of the file is applied.
 * What has no id gets one that is made from its names, so that the same file means the same things at every start.
 *
 * A file may be large: it is read and compared with the store where that keeps nobody waiting, and only the difference goes
 * to whoever writes, which refuses it when the store has changed meanwhile.
 */
import { err, ok, type Result } from '../core/result.ts'
import type { InventoryChange } from '../storage/inventory/change.ts'
import { newServers } from '../storage/inventory/new-servers.ts'
import type { Actor, InventoryRecords, Programs, Storage } from '../storage/storage.ts'
import { check } from './config/check.ts'
import { createReport, type Report } from './config/report.ts'
import { parseConfig } from './config/text.ts'
import { hashed, readAccounts } from './inventory/accounts.ts'
import { exportInventory } from './inventory/export.ts'
import { createPasswordMemory, type PasswordMemory } from './inventory/password-memory.ts'
import type { Provider } from './inventory/provider.ts'
import { type InventoryEntries, inventoryFile } from './inventory/schema.ts'
import { withChain } from './inventory/servers.ts'

export interface InventoryRequest {
  /** YAML or JSON. */
  readonly text: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** What the file owns and does not name stays. */
  readonly keep: boolean
  readonly passwords: PasswordMemory
}

/** What a file would change. Plain data. */
export interface PreparedInventory {
  /** The first of them, `maxChanges` at most. */
  readonly changes: readonly InventoryChange[]
  /** How many there are. */
  readonly total: number
  /** What the operator should know although it works: one line each, with its place. */
  readonly warnings: readonly string[]
  /** Undefined when nothing differs. */
  readonly difference?: Programs['applyInventory']['args']
  /** Of accounts, by id: what they may have is known only when all is written. */
  readonly places?: Readonly<Record<string, string>>
}

export const maxChanges = 1000
/** New servers that are handed over at once: memory, and how long whoever writes looks at one part. */
const perPart = 1000

/**
 * Reads a file and compares it with the store. The error is one line for the operator, with the place in the file and no
 * secret. `providers`: all that may have servers. Rejects when the store cannot be read.
 */
export async function prepareInventory(
  storage: Storage,
  providers: readonly Provider[],
  request: InventoryRequest,
): Promise<Result<PreparedInventory>> {
  const read = await readInventory(storage, providers, request)
  if (!read.ok) return read
  const { records, warnings, placeOf } = read.value
  const { keep, now } = request
  const found = await storage.inventoryDifference(records, { keep, now })
  if (!found.ok) {
    const { error } = found
    if (error.kind !== 'invalid') throw new Error(`the inventory was refused: ${error.kind}`)
    return err(`${await placeOf(error.field)}: ${error.field} ${error.reason}`)
  }
  const { changes: all, servers, ...rest } = found.value
  const { make, ...others } = servers
  const changes = all.slice(0, maxChanges)
  const total = all.length
  if (total === 0) return ok({ changes, total, warnings })
  // It is applied as the very next revision, or not at all.
  const revision = found.value.against + 1
  const parts = Array.from({ length: Math.ceil(make.length / perPart) }, (_, index) => {
    const part = make.slice(index * perPart, (index + 1) * perPart).map((each) => withChain(each, providers))
    return encoded(newServers(part, revision, now))
  })
  const difference = encoded({ ...rest, changes, servers: { ...others, make: [] } })
  const places = Object.fromEntries(records.accounts.map(({ id }, index) => [id, `accounts[${index}]`]))
  return ok({ changes, total, warnings, places, difference: { difference, make: parts, total } })
}

/** Everything that a file says, to be compared where it is written: for a store that changes all the time. */
export async function encodeInventory(
  storage: Storage,
  providers: readonly Provider[],
  request: InventoryRequest,
): Promise<Result<Uint8Array>> {
  const read = await readInventory(storage, providers, request)
  if (!read.ok) return read
  const { records } = read.value
  return ok(encoded({ ...records, servers: records.servers.map((each) => withChain(each, providers)) }))
}

const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

/** Beyond this the check is compiled first, which takes longer than to check a small file. */
const largeText = 1_000_000

interface ReadFile {
  readonly records: InventoryRecords
  readonly warnings: readonly string[]
  /** Where something of this id is. */
  placeOf(id: string): Promise<string>
}

async function readInventory(
  storage: Storage,
  providers: readonly Provider[],
  { text, now, passwords }: InventoryRequest,
): Promise<Result<ReadFile>> {
  // The text is kept, and not what it was parsed into: memory, and what a collector has to look at.
  const readInto = (report: Report) => readText(text, storage, now, providers, report)
  // Places of all that a large file names are most of its memory, and few files have a fault.
  async function again(): Promise<Report> {
    const report = createReport()
    await readInto(report)
    return report
  }
  const report = createReport({ places: false })
  const read = await readInto(report)
  if (!read.ok) return read
  if (report.fault !== undefined) {
    const { fault } = await again()
    if (fault !== undefined) return err(fault)
  }
  const { drafts, ...records } = read.value
  const credentials = await hashed(drafts, storage, passwords)
  return ok({
    ...{ records: { ...records, credentials }, warnings: report.warnings },
    placeOf: async (id) => (await again()).placeOf(id),
  })
}

async function readText(
  text: string,
  storage: Storage,
  now: number,
  providers: readonly Provider[],
  report: Report,
): Promise<Result<Awaited<ReturnType<typeof readAccounts>>>> {
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed
  if (parsed.value === null) return err('the file: expected keys and values, and it is empty')
  const schema = inventoryFile(providers)
  const { compiled } = text.length > largeText ? await import('./config/compiled.ts') : {}
  const file = check(schema, parsed.value, compiled?.(schema))
  if (!file.ok) return file
  return ok(await readAccounts(file.value as unknown as InventoryEntries, storage, now, providers, report))
}

/** Where files are read and compared: in this thread, or in one of its own. */
export interface InventoryReader {
  prepare(request: Omit<InventoryRequest, 'passwords'>): Promise<Result<PreparedInventory>>
  encode(request: Omit<InventoryRequest, 'passwords'>): Promise<Result<Uint8Array>>
  /** The file that changes nothing, as JSON; `owned`: only what the inventory owns. */
  export(owned: boolean): Promise<Uint8Array>
}

export interface Applied extends Omit<PreparedInventory, 'difference' | 'places'> {
  readonly revision: number
  readonly changed: boolean
}

/** After so many writes of others in between, the comparison is made where nobody else can write. */
const maxAttempts = 3

/** Applies a file, whole or not at all. The error is as of `prepareInventory`. Rejects when the store cannot be read or written. */
export async function applyInventory(
  storage: Storage,
  reader: InventoryReader,
  request: Omit<InventoryRequest, 'passwords'>,
  by: Partial<Actor> = {},
): Promise<Result<Applied>> {
  const actor = {
    ...{ account: '', actor: 'inventory', dialect: 'system', requestId: '' },
    ...by,
    at: request.now,
  } as const
  for (let attempt = 0; ; attempt++) {
    const prepared = await reader.prepare(request)
    if (!prepared.ok) return prepared
    const { difference, places = {}, ...rest } = prepared.value
    if (!difference) return ok({ ...rest, revision: await storage.revision(), changed: false })
    let args = difference
    if (attempt >= maxAttempts) {
      const inventory = await reader.encode(request)
      if (!inventory.ok) return inventory
      args = { inventory: inventory.value, keep: request.keep }
    }
    const done = await storage.run('applyInventory', args, actor)
    if (done.ok) return ok({ ...rest, ...done.value })
    const { error } = done
    if (error.kind === 'conflict' && error.stale) continue
    if (error.kind !== 'invalid') throw new Error(`the inventory was refused: ${error.kind}`)
    return err(`${places[error.field] ?? 'the file'}: ${error.field} ${error.reason}`)
  }
}

/** Reads in this thread. */
export function createInventoryReader(
  storage: Storage,
  providers: readonly Provider[],
  passwords: PasswordMemory,
): InventoryReader {
  return {
    prepare: (request) => prepareInventory(storage, providers, { ...request, passwords }),
    encode: (request) => encodeInventory(storage, providers, { ...request, passwords }),
    export: async (owned) => encoded(await exportInventory(storage, providers, owned)),
  }
}

/** Applies the text of a file with what it owns as the whole, in this thread. */
export const loadInventory = (
  storage: Storage,
  text: string,
  now: number,
  providers: readonly Provider[],
): Promise<Result<Applied>> =>
  applyInventory(storage, createInventoryReader(storage, providers, createPasswordMemory()), {
    ...{ text, now, keep: false },
  })
