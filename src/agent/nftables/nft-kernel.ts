/** The way to the kernel by the program `nft`: where the sockets cannot be had, and as a witness in tests. */
import { type Command, scriptOf } from '../../compile/nftables/commands.ts'
import { parseListing, type RenderedTable } from '../../compile/nftables/table.ts'
import { macNumber } from '../../core/net/mac.ts'
import { readLinks } from '../links.ts'
import { type Command as Call, type Follower, follow, ProgramError, run, within } from '../run.ts'
import { baseChainsOf } from './base-chains.ts'
import { epochOf } from './epochs.ts'
import { declaredOf, type HitKind, hitKinds, hitText } from './hit-keys.ts'
import { type Change, type Hits, type Kernel, OwnedError, RefusedError, tables } from './kernel.ts'
import { createNftSession } from './nft-session.ts'
import { spelledAs } from './nft-spelling.ts'
import { wholeCounts } from './whole-counts.ts'

export interface NftKernelOptions {
  readonly program?: string
  /** Network namespace to work in; absent: this process's own. */
  readonly netns?: string | undefined
  /** Milliseconds until a call that has not ended is given up. */
  readonly patienceMs?: number
}

/** How often something is read or taken away that others change meanwhile. */
const attempts = 5
/** Characters of a script that a process of its own reads: in a line of that length nft is slower by more than its start. */
const long = 8192

export function createNftKernel({ program = 'nft', netns, patienceMs = 60_000 }: NftKernelOptions): Kernel {
  const call = (...args: string[]): Call => within(netns, [program, ...args])
  /** Processes of ours that have committed, the latest last: their commits are not foreign. */
  const ours = new Set<number>()
  const commits = (pid: number): void => {
    ours.delete(pid)
    ours.add(pid)
    for (const oldest of ours) if (ours.size > 64) ours.delete(oldest)
  }
  const listeners = new Set<(what: Change) => void>()
  const session = createNftSession({ command: call('-i'), commits, patienceMs })
  /** The transaction that was given last has ended. */
  let ended: Promise<unknown> = Promise.resolve()
  /** Base chains and tables of others, as they were read last. */
  let known: ReadonlySet<string> = new Set()
  /** What the transaction touches whose lines are being read. */
  let touched: Change = { ours: false, others: false }
  /** Any line of it has come. */
  let told = false

  async function nft(input: string, ...args: string[]): Promise<string> {
    const started = args[0] === '-f' ? commits : () => {}
    try {
      return await run(call(...args), { input, started, patienceMs })
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error
      const [, at, reason] = /^\/dev\/stdin:(\d+):\S+ Error: (.*)$/.exec(error.message) ?? []
      const line = at === undefined ? undefined : input.split('\n')[Number(at) - 1]
      throw new RefusedError(line === undefined ? error.message : `${reason}: ${line.slice(0, 200)}`)
    }
  }
  /**
   * Tables that are made anew are deleted only if they stand, without being added first: the kernel adds nothing to a table that an owner
   * has left (decision 0043).
   */
  async function scriptFor(commands: readonly Command[]): Promise<string> {
    const anew = new Set<Command>(
      commands.flatMap((command, at) => {
        const next = commands[at + 1]
        const both = command.do === 'add-table' && next?.do === 'delete-table' && next.table === command.table
        return both ? [command, next] : []
      }),
    )
    if (anew.size === 0) return scriptOf(commands)
    const listed = new Set(
      (await nft('', 'list', 'tables')).split('\n').map((line) => line.replace(/^table /, '')),
    )
    return scriptOf(
      commands.filter((each) => !anew.has(each) || (each.do === 'delete-table' && listed.has(each.table))),
    )
  }
  async function committed(commands: readonly Command[]): Promise<void> {
    const script = await scriptFor(commands)
    if (script === '') return
    const line = script.trimEnd().replaceAll('\n', '; ')
    if (line.length > long || !/^[ -~]*$/.test(line)) await nft(script, '-f', '-')
    else await session.commit(line)
  }

  function tell(what: Change): void {
    if (what.ours || what.others) for (const listener of listeners) listener(what)
  }
  function heard(line: string): void {
    const generation = /^# new generation \d+ by process (\d+)/.exec(line)
    if (generation) {
      // A monitor that began while a set was made never tells of its elements: what is not told may be about us.
      const mayBeOurs = touched.ours || !told
      const what = { ...touched, ours: mayBeOurs && !ours.has(Number(generation[1])) }
      touched = { ours: false, others: false }
      told = false
      tell(what)
      return
    }
    told = true
    const event =
      /^(?:add|create|delete|destroy|insert|replace|reset) ([a-z]+) ([a-z0-9]+ \S+)(?: (\S+))?(.*)$/.exec(
        line,
      )
    const [, kind = '', table = '', name = '', more = ''] = event ?? []
    // What cannot be read may be about us.
    if (!event || tables.includes(table)) touched = { ...touched, ours: true }
    else if (known.has(kind === 'table' ? table : `${table} ${name}`) || more.includes(' hook '))
      touched = { ...touched, others: true }
  }
  /** Runs since somebody listens. */
  let monitor: Follower | undefined

  const list = async (name: string): Promise<string | undefined> => {
    try {
      return await nft('', '-s', '-n', 'list', 'table', ...name.split(' '))
    } catch (error) {
      if (error instanceof RefusedError && /^Error: No such file or directory/.test(error.message))
        return undefined
      throw error
    }
  }
  /** nft prints the index of a device that exists as its name. */
  async function indexes(): Promise<(device: string) => number | undefined> {
    const links = new Map((await readLinks(netns)).map(({ name, index }) => [name, index]))
    return (device) => links.get(device)
  }
  /** How this nft prints a table. Nobody else knows of the namespace that it is loaded in. */
  const printed = (script: string, name: string): Promise<string> => {
    const apart = '"$0" -f - && exec "$0" -s -n list table $1'
    return run(within(netns, ['unshare', '--net', 'sh', '-c', apart, program, name]), {
      ...{ input: script, patienceMs },
    })
  }
  const spell = spelledAs(printed)

  function commit(commands: readonly Command[]): Promise<void> {
    const mine = ended.then(() => committed(commands)).catch(ownedOr)
    ended = mine.catch(() => {})
    return mine
  }

  const listSet = async (table: string, set: string): Promise<ListedSet | undefined> => {
    const text = await nft('', '-j', '-n', 'list', 'set', ...table.split(' '), set)
    return (JSON.parse(text) as Listing).nftables.find((each) => each.set)?.set
  }
  /** Of the table; undefined: there is none. */
  async function handleOf(name: string): Promise<string | undefined> {
    const { nftables } = JSON.parse(await nft('', '-j', 'list', 'tables')) as Listing
    const found = nftables.find(({ table }) => table && `${table.family} ${table.name}` === name)
    return found?.table && String(found.table.handle)
  }
  /** Undefined: there is no such set, or its keys are others. */
  async function hitsIn(table: string, set: string) {
    let kind: HitKind | undefined
    const elements = await wholeCounts(async () => {
      const found = await listSet(table, set).catch((error: unknown) => {
        if (error instanceof RefusedError && /^Error: No such file or directory/.test(error.message))
          return undefined
        throw error
      })
      kind = hitKinds.find((each) => String(found?.type) === `${each},mark`)
      return kind === undefined ? [] : await countsOf(kind, found?.elem ?? [])
    })
    return kind === undefined ? undefined : { kind, elements }
  }
  async function countsOf(kind: HitKind, listed: NonNullable<ListedSet['elem']>): Promise<Hits['elements']> {
    const indexOf = kind === 'iface_index' && listed.length > 0 ? await indexes() : () => undefined
    return listed.flatMap(({ elem: { val, counter } }) => {
      const [first, number] = typeof val === 'object' ? val.concat : []
      const index =
        kind === 'ether_addr' ? Number(macNumber(String(first))) : (indexOf(String(first)) ?? Number(first))
      // The name of a device that has just gone.
      if (!Number.isInteger(index)) return []
      return [{ index, number: Number(number), packets: counter?.packets ?? 0, bytes: counter?.bytes ?? 0 }]
    })
  }

  return {
    commit,
    async check(commands) {
      const script = await scriptFor(commands)
      if (script !== '') await nft(script, '-c', '-f', '-').catch(ownedOr)
    },
    async read(name, wanted): Promise<RenderedTable | undefined> {
      const text = await list(name)
      if (text === undefined) return undefined
      const found = parseListing(text, await indexes())
      return wanted ? spell(name, wanted, found) : found
    },
    async counters(table, set) {
      const { elem = [] } = (await listSet(table, set)) ?? {}
      const indexOf = elem.length > 0 ? await indexes() : () => undefined
      const counted = new Map<number, number>()
      for (const { elem: each } of elem) {
        const index = indexOf(String(each.val)) ?? Number(each.val)
        if (Number.isInteger(index)) counted.set(index, each.counter?.packets ?? 0)
      }
      return counted
    },
    counts: 'lists',
    async hits(table, set) {
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const handle = await handleOf(table)
        const found = handle === undefined ? undefined : await hitsIn(table, set)
        if (handle === undefined || found === undefined) return undefined
        if ((await handleOf(table)) === handle)
          return { epoch: await epochOf(handle), elements: found.elements }
      }
      throw new Error(`${table} was made anew each time that ${set} was read`)
    },
    async forget(table, set, keys) {
      for (let attempt = 1; keys.length > 0; attempt++) {
        const found = await hitsIn(table, set)
        if (!found) return
        const there = new Set(found.elements.map((key) => hitText(found.kind, key)))
        const texts = keys.map((key) => hitText(found.kind, key)).filter((text) => there.has(text))
        const elements = new Map(texts.map((text) => [text, '']))
        if (elements.size === 0) return
        const declared = { table, set, kind: 'set', type: declaredOf(found.kind) } as const
        try {
          await commit([{ do: 'delete-elements', ...declared, elements }])
          return
        } catch (error) {
          // Some have gone since.
          const gone =
            error instanceof RefusedError && error.message.startsWith('Could not process rule: No such file')
          if (!gone || attempt === attempts) throw error
        }
      }
    },
    async baseChains() {
      const text = await nft('', '-j', 'list', 'chains')
      const all = baseChainsOf(
        (JSON.parse(text) as Chains).nftables.flatMap(({ chain }) => {
          if (!chain) return []
          const { family, table, name, type, hook, policy } = chain
          const base =
            type === undefined || hook === undefined ? undefined : { type, hook, drops: policy === 'drop' }
          return [{ table: `${family} ${table}`, name, base }]
        }),
      )
      known = new Set(all.flatMap(({ table, name }) => [table, `${table} ${name}`]))
      return all
    },
    onChange(listener) {
      listeners.add(listener)
      monitor ??= follow({
        command: call('-n', 'monitor'),
        onLine: heard,
        onGap: () => tell({ ours: true, others: true }),
      })
      return () => void listeners.delete(listener)
    },
    problem: () => monitor?.problem() ?? null,
    async close() {
      monitor?.stop()
      await ended
      session.close()
    },
  }
}

/** Privileges that are missing are complained about before anything is processed. */
function ownedOr(error: unknown): never {
  if (error instanceof RefusedError && /Could not process rule: Operation not permitted/.test(error.message))
    throw new OwnedError(`another agent enforces here: ${error.message}`)
  throw error
}

/** What `nft -j list set` and `list tables` print; only what is read here. */
interface Listing {
  readonly nftables: readonly {
    readonly set?: ListedSet
    readonly table?: { readonly family: string; readonly name: string; readonly handle: number }
  }[]
}
interface ListedSet {
  readonly type: string | readonly string[]
  readonly elem?: readonly {
    readonly elem: {
      readonly val: string | number | { readonly concat: readonly (string | number)[] }
      readonly counter?: { readonly packets: number; readonly bytes: number }
    }
  }[]
}

/** What `nft -j list chains` prints; only what is read here. Base chains alone have a type and a hook. */
interface Chains {
  readonly nftables: readonly {
    readonly chain?: {
      readonly family: string
      readonly table: string
      readonly name: string
      readonly type?: string
      readonly hook?: string
      readonly policy?: string
    }
  }[]
}
