/** The guard on this host: loaded before anything else is known, kept as a file that a boot unit can load with nft. */
import { randomUUID } from 'node:crypto'
import { open as openFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Guard, guardFile, guardOf, readGuardFile, renderGuard } from '../../compile/nftables/guard.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import { deltaCommands, type RenderedTables } from '../../compile/nftables/table.ts'
import { makeDirectory } from '../directory.ts'
import { openRegular } from '../regular-file.ts'
import type { Kernel } from './kernel.ts'

/** Milliseconds for a call of nft that is about the guard alone, which is small. */
export const guardPatienceMs = 10_000

/** Where the guard of a data directory is kept. */
export const guardPath = (data: string): string => join(data, 'guard.nft')

/** The same once more, for when the first is damaged. */
const copyOf = (path: string): string => `${path}.copy`

export interface GuardOptions {
  readonly kernel: Kernel
  /** The file that it is kept in. */
  readonly path: string
  /** Devices to close beside those that it knows already: names, or prefixes that end in `*`. */
  readonly patterns: readonly string[]
}

export interface Raised {
  readonly guard: Guard
  /** It stood, or it came from its file, or from the patterns alone. */
  readonly from: 'kept' | 'file' | 'patterns'
  /** Why its file could not be written; null when it could, or need not be. */
  readonly unwritten: string | null
}

/**
 * Makes the guard stand: one that stands is left as it is, but for patterns that it lacks; otherwise it comes from its
 * file, or from the patterns alone where there is none. Opens nothing.
 */
export async function raiseGuard(options: GuardOptions): Promise<Raised> {
  const { kernel, path, patterns } = options
  let from: Raised['from'] = 'kept'
  const standing = await readStanding(kernel)
  let guard = whole(standing)
  let damaged = false
  if (!guard) {
    guard = await readKept(path)
    damaged = guard === undefined
    guard ??= await readKept(copyOf(path))
    from = guard ? 'file' : 'patterns'
  }
  // Where one family was left, that closes more than its patterns.
  const { devices, indexes, open, patterns: had } = guard ?? standing.find((each) => each) ?? nothing
  const lacking = patterns.filter((pattern) => !had.includes(pattern))
  const complete = lacking.length === 0
  const wanted = { devices, indexes, open, patterns: [...had, ...lacking] }
  if (from !== 'kept' || !complete) await kernel.commit(deltaCommands(new Map(), renderGuard(wanted)))
  if (guard && complete && !damaged) return { guard, from, unwritten: null }
  try {
    await writeGuard(path, wanted)
    return { guard: wanted, from, unwritten: null }
  } catch (error) {
    return { guard: wanted, from, unwritten: error instanceof Error ? error.message : String(error) }
  }
}

/** Undefined: it is not there, or damaged. */
async function readKept(path: string): Promise<Guard | undefined> {
  try {
    await using file = await openRegular(path)
    return readGuardFile(await file.readFile('utf8'))
  } catch {
    return undefined
  }
}

const nothing: Guard = { devices: new Set(), indexes: new Set(), patterns: [], open: new Set() }

type Standing = readonly (Guard | undefined)[]

/** The guard that stands in both families; undefined when it does not. */
export async function readGuard(kernel: Kernel): Promise<Guard | undefined> {
  return whole(await readStanding(kernel))
}

/** What stands in each family. */
async function readStanding(kernel: Kernel): Promise<Standing> {
  const found = await Promise.all(guardTables.map((name) => kernel.read(name, undefined)))
  return found.map((table) => table && guardOf(table))
}

const whole = (standing: Standing): Guard | undefined =>
  standing.includes(undefined) ? undefined : standing[0]

/** Removes the guard from the kernel; its file stays. Answers whether there was one. */
export async function lowerGuard(kernel: Kernel): Promise<boolean> {
  const found = await Promise.all(guardTables.map((name) => kernel.read(name, undefined)))
  const standing: RenderedTables = new Map(
    guardTables.flatMap((name, at) => (found[at] ? [[name, found[at]] as const] : [])),
  )
  await kernel.commit(deltaCommands(standing, new Map()))
  return standing.size > 0
}

/** Replaces the file, then its copy, each in one step and durably: after a power failure either is the old one or the new one. */
export async function writeGuard(path: string, guard: Guard): Promise<void> {
  const folder = dirname(path)
  await makeDirectory(folder)
  for (const each of [path, copyOf(path)]) await replace(each, guardFile(guard))
  const directory = await openFile(folder, 'r')
  await directory.sync().finally(() => directory.close())
}

async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  try {
    const file = await openFile(draft, 'w', 0o644)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
