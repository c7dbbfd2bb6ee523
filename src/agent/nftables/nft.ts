/** `nft` as a program: transactions, our tables read back, and who else commits to them. */
import { bridgeTable, guardTables, table } from '../../compile/nftables/names.ts'
import { parseListing, type RenderedTable } from '../../compile/nftables/table.ts'
import { type Command, ProgramError, run, within } from '../run.ts'

export const tables: readonly string[] = [...guardTables, table, bridgeTable]

export interface Nft {
  /** Commits all of the script or nothing. Rejects with a ProgramError when nft or the kernel refuses it. */
  commit(script: string): Promise<void>
  /** Rejects as `commit` would, and changes nothing. */
  check(script: string): Promise<void>
  /** The table as it is in the kernel; undefined when it does not exist. */
  list(name: string, indexOf: (device: string) => number | undefined): Promise<RenderedTable | undefined>
  /** Base chains of all tables, without what is in them. */
  baseChains(): Promise<readonly BaseChain[]>
  /** Packets that the elements of a set have counted, by index of the device. */
  counters(
    name: string,
    set: string,
    indexOf: (device: string) => number | undefined,
  ): Promise<ReadonlyMap<number, number>>
  /** Reads what `monitor` prints; true when somebody else may have committed to one of our tables. */
  concerns(line: string): boolean
  readonly monitor: Command
}

export interface BaseChain {
  /** `inet filter`. */
  readonly table: string
  readonly name: string
  /** `filter`, `nat` or `route`. */
  readonly type: string
  readonly hook: string
}

export interface NftOptions {
  readonly program?: string
  readonly netns?: string | undefined
  /** Milliseconds until a call that has not ended is given up. */
  readonly patienceMs?: number
}

export function createNft({ program = 'nft', netns, patienceMs = 60_000 }: NftOptions): Nft {
  const call = (...args: string[]): Command => within(netns, [program, ...args])
  /** Processes of ours, the latest last: their commits are not foreign. */
  const ours: number[] = []
  const remember = (pid: number): void => {
    if (ours.push(pid) > 64) ours.shift()
  }
  const nft = (input: string, ...args: string[]) =>
    run(call(...args), { input, started: remember, patienceMs })
  /** Whether the transaction whose lines are being read touches a table of ours. */
  let touched = false

  return {
    async commit(script) {
      await nft(script, '-f', '-')
    },
    async check(script) {
      await nft(script, '-c', '-f', '-')
    },
    async list(name, indexOf) {
      try {
        return parseListing(await nft('', '-s', '-n', 'list', 'table', ...name.split(' ')), indexOf)
      } catch (error) {
        if (error instanceof ProgramError && /^Error: No such file or directory/.test(error.message))
          return undefined
        throw error
      }
    },
    async baseChains() {
      const text = await nft('', '-j', 'list', 'chains')
      return (JSON.parse(text) as Chains).nftables.flatMap(({ chain }) =>
        chain?.hook === undefined || chain.type === undefined
          ? []
          : [
              {
                ...{ table: `${chain.family} ${chain.table}`, name: chain.name },
                ...{ type: chain.type, hook: chain.hook },
              },
            ],
      )
    },
    async counters(name, set, indexOf) {
      const text = await nft('', '-j', 'list', 'set', ...name.split(' '), set)
      const counted = new Map<number, number>()
      for (const { set: found } of (JSON.parse(text) as Listing).nftables) {
        for (const { elem } of found?.elem ?? []) {
          const index = typeof elem.val === 'number' ? elem.val : indexOf(elem.val)
          if (index !== undefined) counted.set(index, elem.counter?.packets ?? 0)
        }
      }
      return counted
    },
    concerns(line) {
      const generation = /^# new generation \d+ by process (\d+)/.exec(line)
      if (generation) {
        const foreign = touched && !ours.includes(Number(generation[1]))
        touched = false
        return foreign
      }
      const event = /^(?:add|create|delete|destroy|insert|replace|reset) [a-z]+ ([a-z0-9]+ \S+)/.exec(line)
      // What cannot be read may be about us.
      touched ||= event?.[1] === undefined || tables.includes(event[1])
      return false
    },
    monitor: call('-n', 'monitor'),
  }
}

/** What `nft -j list set` prints; only what is read here. */
interface Listing {
  readonly nftables: readonly {
    readonly set?: {
      readonly elem?: readonly { readonly elem: { val: string | number; counter?: { packets: number } } }[]
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
    }
  }[]
}
