/**
 * What the host enforced last, kept on disk for a start without a service (decision 0067).
 *
 * It is kept before it is reported as applied, so that a process that is killed finds what it had said; a power failure may
 * take what came within the last moment. What cannot be kept is removed rather than left to be enforced when it is old: that
 * never ends enforcement, and is a warning.
 */
import type { JsonObject } from '../../core/json.ts'
import type { DesiredUpdate } from '../../core/model/desired-update.ts'
import { createUpdateReader, encodeUpdate } from '../../core/model/update-codec.ts'
import { after as realTime } from '../after.ts'
import { type Binding, type Bindings, createBindings } from '../bindings.ts'
import { createDesiredState, type DesiredState } from '../desired-state.ts'
import type { Draft, KeptFile } from './kept-file.ts'
import {
  bindingLines,
  createLineWriter,
  heading,
  type LineWriter,
  readBindings,
  readLines,
  UnusableError,
} from './records.ts'

export interface KeptState {
  /** As it was kept; whoever brings it up to date says so by `took`. */
  readonly state: DesiredState
  /** Whether anything was kept that can be enforced. */
  readonly found: boolean
  /** Of this boot. */
  readonly bindings: Bindings
  /** The state was led on by that. */
  took(news: DesiredUpdate): void
  /** What the state says is enforced now. Resolves when it is kept, or cannot be; never rejects. */
  applied(): Promise<void>
  /** In words for the operator; empty when all is well. */
  problems(): readonly string[]
  /** Calls back when `applied` is worth to be called again, though nothing new is enforced. */
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

export interface KeptOptions {
  readonly file: KeptFile
  /** Where that is, for the operator. */
  readonly path: string
  readonly host: string
  /** What numbers of devices are good for (`bootOf`). */
  readonly boot: string
  readonly after?: typeof realTime
}

/** Bytes of changes that are kept behind all there was, at least, before all is written anew; then as many as that was. */
const leastChanges = 1024 * 1024
/** Between attempts to write what could not be written, milliseconds: doubled from the first to the last. */
const retries = { first: 1000, last: 60_000 } as const

export async function openKeptState(options: KeptOptions): Promise<KeptState> {
  const { file, path, host, boot, after = realTime } = options
  const loaded = await load(options)
  const { state, bindings } = loaded
  /** Why the file that there was is not used, until that has been said. */
  let unused = loaded.unused
  let unwritten: string | undefined
  /** The end of the file that is gone on with; undefined: it cannot be, and all has to be written. */
  let writer = loaded.writer
  /** Bytes of changes in it, and of all there was. */
  let size = { changes: 0, whole: loaded.bytes }
  /** Whether what the disk holds may be older than what is enforced. */
  let stale = loaded.found && !writer
  /** What has not been kept; undefined: nothing. */
  let waiting: DesiredUpdate | undefined
  let drafting: { readonly queue: JsonObject[]; readonly over: Promise<void> } | undefined
  let pause: number = retries.first
  /** While all that has to be written waits for another attempt. */
  let stopRetry: (() => void) | undefined
  const listeners = new Set<() => void>()
  let last: Promise<unknown> = Promise.resolve()
  let syncing = Promise.resolve()
  let syncs = false

  function tell(): void {
    for (const listener of [...listeners]) listener()
  }

  /** One at a time writes to the file, or puts another in its place. */
  function exclusively(write: () => Promise<void>): Promise<void> {
    const done = last.then(write)
    last = done.catch(() => {})
    return done
  }

  /** What is appended while it goes on is synced by the next, together. */
  function sync(): void {
    if (syncs) return
    syncs = true
    syncing = syncing.then(async () => {
      syncs = false
      await file.sync().catch((error: unknown) => exclusively(() => giveUp(error)))
    })
  }

  /** What is on the disk would be enforced by the next start: it goes where it cannot be brought up to date. */
  async function giveUp(error: unknown): Promise<void> {
    writer = undefined
    const what = `the state for the next start cannot be kept in ${path}: ${messageOf(error)}`
    try {
      await file.remove()
      stale = false
      unwritten = `${what}; after a boot everything would stay closed until the service is heard`
    } catch (second) {
      stale = true
      unwritten = `${what}; nor can what is there be removed (${messageOf(second)}): a start without the service would enforce it, old as it is`
    }
    retryLater()
  }

  function retryLater(): void {
    stopRetry?.()
    stopRetry = after(pause, () => {
      stopRetry = undefined
      tell()
    })
    pause = Math.min(pause * 2, retries.last)
  }

  /** Writes all there is beside what is there, and puts it in its place with what came meanwhile. */
  function writeAnew(): Promise<void> {
    const queue: JsonObject[] = []
    const whole = state.whole()
    const bound = [...bindings.all()]
    bindings.changed()
    waiting = undefined
    async function write(): Promise<void> {
      let draft: Draft | undefined
      try {
        const begun = await file.draft()
        draft = begun
        const next = createLineWriter()
        let bytes = 0
        const add = async (json: JsonObject) => {
          const line = next.line(json)
          bytes += line.length
          await begun.add(line)
        }
        await add(heading({ host }))
        for (const part of encodeUpdate(whole)) await add({ type: 'update', ...part })
        for (const line of bindingLines(boot, { put: bound, remove: [] })) await add(line)
        await exclusively(async () => {
          for (let json = queue.shift(); json; json = queue.shift()) await add(json)
          await begun.take()
          writer = next
          size = { changes: 0, whole: bytes }
          stale = false
          pause = retries.first
          drafting = undefined
        })
        if (unwritten === undefined) return
        unwritten = undefined
        tell()
      } catch (error) {
        await draft?.drop().catch(() => {})
        await exclusively(async () => {
          drafting = undefined
          if (!writer) return giveUp(error)
          // What is there is right as long as changes can be added.
          unwritten = `what is kept in ${path} grows, since it cannot be written anew: ${messageOf(error)}`
          retryLater()
        })
      }
    }
    const over = write()
    drafting = { queue, over }
    return over
  }

  async function append(lines: readonly JsonObject[]): Promise<void> {
    drafting?.queue.push(...lines)
    if (!writer) return
    const end: LineWriter = writer
    const text = lines.map((json) => end.line(json)).join('')
    try {
      await file.append(text)
      size = { ...size, changes: size.changes + text.length }
      sync()
    } catch (error) {
      await giveUp(error)
    }
  }

  return {
    state,
    bindings,
    found: loaded.found,
    took(news) {
      waiting = waiting ? together(waiting, news) : news
    },
    async applied() {
      // It has been replaced, and its end was said.
      if (writer) unused = undefined
      if (!writer && !drafting) {
        if (stopRetry) return
        // Only where what is there would be wrong somebody has to wait.
        const isWrong = stale
        const over = writeAnew()
        if (isWrong) await over
        return
      }
      const lines: JsonObject[] = []
      // A revision alone is not worth a line.
      if (waiting && !isEmpty(waiting)) {
        for (const part of encodeUpdate(waiting)) lines.push({ type: 'update', ...part })
        waiting = undefined
      }
      const changed = [...bindings.changed()]
      const put = changed.flatMap((id): [string, Binding][] => {
        const binding = bindings.get(id)
        return binding ? [[id, binding]] : []
      })
      const remove = changed.filter((id) => bindings.get(id) === undefined)
      if (changed.length > 0) lines.push(...bindingLines(boot, { put, remove }))
      if (lines.length > 0) await exclusively(() => append(lines))
      // What is there is whole before another takes its place: nobody knows when that will be.
      const isLarge = size.changes > Math.max(leastChanges, size.whole)
      if (writer && isLarge && !drafting && !stopRetry) void writeAnew()
    },
    problems: () => [unused, unwritten].filter((each) => each !== undefined),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      stopRetry?.()
      await drafting?.over
      await last
      await syncing
      await file.close()
    },
  }
}

/** One update that leads as far as both, the second from where the first ends. */
function together(first: DesiredUpdate, second: DesiredUpdate): DesiredUpdate {
  if (second.from === null) return second
  const byId = <T extends { readonly id: string }>(all: readonly T[]) =>
    new Map(all.map((each) => [each.id, each]))
  const policies = byId([...first.policies, ...second.policies])
  const put = byId([...first.interfaces.put, ...second.interfaces.put])
  for (const id of second.interfaces.remove) put.delete(id)
  const remove = new Set([...first.interfaces.remove, ...second.interfaces.remove])
  for (const id of put.keys()) remove.delete(id)
  return {
    ...{ from: first.from, revision: second.revision, policies: [...policies.values()] },
    interfaces: { put: [...put.values()], remove: [...remove] },
  }
}

const isEmpty = ({ policies, interfaces: { put, remove } }: DesiredUpdate): boolean =>
  policies.length + put.length + remove.length === 0

interface Loaded {
  readonly state: DesiredState
  readonly bindings: Bindings
  readonly found: boolean
  readonly unused: string | undefined
  readonly writer: LineWriter | undefined
  readonly bytes: number
}

async function load({ file, path, host, boot }: KeptOptions): Promise<Loaded> {
  const nothing = { found: false, writer: undefined, bytes: 0 } as const
  const fresh = () => ({ state: createDesiredState(), bindings: createBindings() })
  let read: ReturnType<typeof replay>
  try {
    const bytes = await file.read()
    if (!bytes) return { ...fresh(), ...nothing, unused: undefined }
    read = replay(bytes, host, boot)
  } catch (error) {
    const unused = `the state that was kept in ${path} is not used: ${messageOf(error)}; what is closed stays so until the service is heard`
    return { ...fresh(), ...nothing, unused }
  }
  const { end, checksum, ...rest } = read
  const writer = await file.resume(end).then(
    () => createLineWriter(checksum),
    () => undefined,
  )
  return { ...rest, found: true, unused: undefined, writer, bytes: end }
}

/** Throws where not all of it can be trusted; what was written last and is not whole has never been said to be applied. */
function replay(bytes: Buffer, host: string, boot: string) {
  const state = createDesiredState()
  const bindings = new Map<string, Binding>()
  const updates = createUpdateReader()
  let end: { end: number; checksum: number } | undefined
  for (const { json, ...at } of readLines(bytes, host)) {
    const { type, ...rest } = json
    if (type === 'update') {
      const update = updates.take(rest)
      if (!update) continue
      state.apply(update)
    } else {
      const record = readBindings(json)
      for (const id of record.boot === boot ? record.remove : []) bindings.delete(id)
      for (const [id, binding] of record.boot === boot ? record.put : []) bindings.set(id, binding)
    }
    end = at
  }
  if (!end) throw new UnusableError('it ends too early')
  return { state, bindings: createBindings(bindings), ...end }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
