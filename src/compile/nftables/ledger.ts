/**
 * The chains of a table and the sets that they look into, counted by who leads to them: what nobody leads to goes. A name
 * belongs to one content.
 */
import type { LiveTable } from './live-table.ts'
import { createMultimap } from './multimap.ts'
import { chainText, type Place, renderedSetsOf } from './render.ts'
import type { NftChain } from './ruleset.ts'
import { sameSet } from './table.ts'

/** Chains that are led to together. The same object is the same unit. */
export type Unit = readonly NftChain[]

export interface Ledger {
  /** Once more. Throws, and holds nothing more than before, when a name belongs to something else. */
  hold(units: readonly Unit[]): void
  /** Once less, of what is held. */
  release(units: readonly Unit[]): void
  /** Names of the chains that look into a set. */
  looking(set: string): Iterable<string>
  /** All of them; those that are called alike say the same. */
  chains(): Iterable<NftChain>
}

export function createLedger(live: LiveTable, place: Place): Ledger {
  const units = createCount<Unit>()
  /** By name, as what follows. */
  const chains = createCount<string>()
  const sets = createCount<string>()
  const looking = createMultimap<string, string>()

  function addChain(chain: NftChain): void {
    const { name } = chain
    const text = chainText(chain, place)
    const other = live.table.chains.get(name)
    if (other !== undefined && other !== text) throw new Error(`two different chains would be called ${name}`)
    eachOrNone(
      renderedSetsOf(chain),
      (set) => {
        const known = live.table.sets.get(set.name)
        if (known && !sameSet(known, set.rendered))
          throw new Error(`two different sets would be called ${set.name}`)
        if (sets.add(set.name)) live.setSet(set.name, set.rendered)
      },
      (set) => dropSet(set.name),
    )
    for (const set of renderedSetsOf(chain)) looking.add(set.name, name)
    if (chains.add(name)) live.setChain(name, text)
  }
  function dropChain(chain: NftChain): void {
    const { name } = chain
    for (const set of renderedSetsOf(chain)) dropSet(set.name)
    if (!chains.remove(name)) return
    live.setChain(name, undefined)
    for (const set of renderedSetsOf(chain)) looking.remove(set.name, name)
  }
  function dropSet(name: string): void {
    if (sets.remove(name)) live.setSet(name, undefined)
  }
  function add(unit: Unit): void {
    if (units.add(unit)) {
      try {
        eachOrNone(unit, addChain, dropChain)
      } catch (error) {
        units.remove(unit)
        throw error
      }
    }
  }
  function drop(unit: Unit): void {
    if (units.remove(unit)) unit.forEach(dropChain)
  }

  return {
    hold: (held) => eachOrNone(held, add, drop),
    release: (held) => held.forEach(drop),
    looking: looking.get,
    *chains() {
      for (const unit of units.keys()) yield* unit
    },
  }
}

/** Throws on what nft has no words for, or the kernel would refuse. */
export function assertWritten(unit: Unit, place: Place): void {
  for (const chain of unit) {
    chainText(chain, place)
    renderedSetsOf(chain)
  }
}

/** Does it to each, or, when that throws, to none. */
function eachOrNone<T>(all: readonly T[], act: (each: T) => void, undo: (each: T) => void): void {
  let done = 0
  try {
    for (const each of all) {
      act(each)
      done++
    }
  } catch (error) {
    all.slice(0, done).forEach(undo)
    throw error
  }
}

interface Count<K> {
  /** Answers whether it was not there before. */
  add(key: K): boolean
  /** Answers whether it is not there any more. */
  remove(key: K): boolean
  keys(): Iterable<K>
}
function createCount<K>(): Count<K> {
  const counts = new Map<K, number>()
  return {
    add(key) {
      const count = counts.get(key) ?? 0
      counts.set(key, count + 1)
      return count === 0
    },
    remove(key) {
      const count = counts.get(key) ?? 0
      if (count > 1) counts.set(key, count - 1)
      else counts.delete(key)
      return count === 1
    },
    keys: () => counts.keys(),
  }
}
