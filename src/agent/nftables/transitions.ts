/**
 * Brings the kernel from what stands to what is to stand, in transactions of which no packet sees half (stages.ts). What
 * the guard closes comes first, and a table that cannot be changed in place is made anew behind it.
 */
import type { Command } from '../../compile/nftables/commands.ts'
import { drained, isGuard, makesAnew, shut, stages } from '../../compile/nftables/stages.ts'
import { deltaCommands, type RenderedTables, sameTable } from '../../compile/nftables/table.ts'
import { type Kernel, RefusedError, tables } from './kernel.ts'

export interface Transitions {
  /** What stands of these tables, spelled as `wanted` where it is as that; absent: of all of ours. */
  read(wanted: RenderedTables, names?: readonly string[]): Promise<RenderedTables>
  /**
   * From one to the other, where what is in place is known to be `from` and can be changed in place. Both may be cut down to what
   * differs. Rejects with a RefusedError when the kernel refuses any of it: then some of it may stand.
   */
  change(from: RenderedTables, to: RenderedTables): Promise<boolean>
  /** From whatever `found` says to `wanted`. Answers whether anything had to change; rejects as `change`. */
  repair(found: RenderedTables, wanted: RenderedTables): Promise<boolean>
  /** Rejects with a RefusedError when the kernel would not take these tables; changes nothing. */
  check(wanted: RenderedTables): Promise<void>
}

export function createTransitions(kernel: Kernel): Transitions {
  async function read(wanted: RenderedTables, names = tables): Promise<RenderedTables> {
    const found = await Promise.all(names.map((name) => kernel.read(name, wanted.get(name))))
    return new Map(names.flatMap((name, at) => (found[at] ? [[name, found[at]] as const] : [])))
  }

  const commit = async (commands: readonly Command[]): Promise<boolean> => {
    if (commands.length > 0) await kernel.commit(commands)
    return commands.length > 0
  }

  async function change(from: RenderedTables, to: RenderedTables): Promise<boolean> {
    let standing = from
    let changed = false
    for (const next of stages(from, to)) {
      if (await commit(deltaCommands(standing, next))) changed = true
      standing = next
    }
    return changed
  }

  /** Makes these tables anew, whatever stands of them; the guard closes what they judge meanwhile. */
  async function renew(wanted: RenderedTables, names: ReadonlySet<string>): Promise<void> {
    const anew = new Map([...wanted].filter(([name]) => names.has(name)))
    await check(anew)
    const found = new Map([...(await read(wanted))].filter(([name]) => names.has(name)))
    const each = (of: RenderedTables, make: typeof shut): RenderedTables =>
      new Map([...of].map(([name, one]) => [name, isGuard(name) ? one : make(one)]))
    const gone = [...names].filter((name) => !wanted.has(name))
    const guards = new Map([...anew].filter(([name]) => isGuard(name)))
    const judging = new Map([...anew].filter(([name]) => !isGuard(name)))
    for (const commands of [
      deltaCommands(new Map(), guards),
      deltaCommands(found, each(found, shut)),
      gone.flatMap((table): Command[] => [
        { do: 'add-table', table },
        { do: 'delete-table', table },
      ]),
      deltaCommands(new Map(), each(judging, drained)),
      deltaCommands(each(anew, drained), anew),
    ]) {
      await commit(commands)
    }
  }

  const check = (wanted: RenderedTables): Promise<void> => kernel.check(deltaCommands(new Map(), wanted))

  return {
    read,
    change,
    async repair(found, wanted) {
      const differing = new Set(tables.filter((name) => !sameTable(wanted.get(name), found.get(name))))
      if (differing.size === 0) return false
      const isSame = (name: string) => !differing.has(name)
      const from = new Map([
        ...[...found].filter(([name]) => !isSame(name)),
        ...[...wanted].filter(([name]) => isSame(name)),
      ])
      try {
        // What stands is not closed for what is refused.
        if (makesAnew(from, wanted)) await check(wanted)
        // The guard first: it keeps closed what is not judged meanwhile.
        const guarded = new Map([...from, ...[...wanted].filter(([name]) => isGuard(name))])
        await change(from, guarded)
        await change(guarded, wanted)
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error
        // What is not compared may be in its way.
        await renew(wanted, differing)
      }
      return true
    },
    check,
  }
}
