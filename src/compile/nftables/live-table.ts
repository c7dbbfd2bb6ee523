/**
 * A table as text that is changed in place, and what of it changed since somebody last asked: cut down to what `stages` and
 * `deltaCommands` must see to lead from the whole old table to the whole new one (decision 0045).
 */
import { isBase } from './places.ts'
import { type RenderedSet, type RenderedTable, sameSet } from './table.ts'

/** A set or map of a live table whose elements come and go one by one. */
export interface Elements {
  readonly elements: ReadonlyMap<string, string>
  /** `value` is empty in a set. */
  set(key: string, value: string): void
  delete(key: string): void
  /** Whether it is in the table; it keeps its elements where it is not. At first it is not. */
  stand(stands: boolean): void
}

export interface LiveTable {
  /** Whole; every change changes it. */
  readonly table: RenderedTable
  /** Undefined: there is none of that name. */
  setChain(name: string, text: string | undefined): void
  setObject(name: string, body: string | undefined): void
  /** A set that is replaced as a whole: what is given is never changed. */
  setSet(name: string, set: RenderedSet | undefined): void
  elements(name: string, kind: RenderedSet['kind'], type: string): Elements
  /**
   * What changed since the last call, before and after; null when nothing did, and at the first call: all is new then. Beside it: all base chains, which say what
   * maps are for, and the chains of `looking` that look into a set that changed, because a twin may have to take its place.
   */
  change(looking: (set: string) => Iterable<string>): Change | null
}

export interface Change {
  readonly from: RenderedTable
  readonly to: RenderedTable
}

export function createLiveTable(): LiveTable {
  /** Before anybody asked what changed, all is new, and nothing has to be remembered. */
  let asked = false
  const isAsked = () => asked
  const chains = createJournal<string>(isAsked)
  const sets = createJournal<RenderedSet>(isAsked)
  const objects = createJournal<string>(isAsked)
  const bases = new Set<string>()
  /** Those whose elements were changed. */
  const touched = new Set<Journal<string> & { readonly name: string; readonly set: RenderedSet }>()

  return {
    table: { chains: chains.live, sets: sets.live, objects: objects.live },
    setChain(name, text) {
      if (text !== undefined && isBase(text)) bases.add(name)
      else bases.delete(name)
      chains.put(name, text)
    },
    setObject: objects.put,
    setSet: sets.put,
    elements(name, kind, type) {
      const journal = createJournal<string>(isAsked)
      const set = { kind, type, elements: journal.live }
      const own = { ...journal, name, set }
      const put = (key: string, value: string | undefined): void => {
        journal.put(key, value)
        touched.add(own)
      }
      return {
        elements: journal.live,
        set: put,
        delete: (key) => put(key, undefined),
        stand(stands) {
          if (stands !== (sets.live.get(name) === set)) sets.put(name, stands ? set : undefined)
        },
      }
    },
    change(looking) {
      asked = true
      const [chain, object] = [chains.settle(), objects.settle()]
      const set = sets.settle(sameSet)
      for (const own of touched) {
        const { from, to } = own.settle()
        const { name } = own
        // One that comes is there as a whole, and one that goes takes its elements along.
        if (sets.live.get(name) !== own.set || set.to.has(name) || from.size + to.size === 0) continue
        set.from.set(name, { ...own.set, elements: from })
        set.to.set(name, { ...own.set, elements: to })
      }
      touched.clear()
      if ([chain, object, set].every(({ from, to }) => from.size + to.size === 0)) return null
      const beside = [
        ...bases,
        ...[...set.to.keys()].filter((name) => set.from.has(name)).flatMap((name) => [...looking(name)]),
      ]
      for (const name of beside) {
        const text = chains.live.get(name)
        if (text === undefined || chain.from.has(name) || chain.to.has(name)) continue
        chain.from.set(name, text)
        chain.to.set(name, text)
      }
      const side = (of: 'from' | 'to'): RenderedTable => ({
        ...{ chains: chain[of], sets: set[of] },
        ...(object[of].size > 0 && { objects: object[of] }),
      })
      return { from: side('from'), to: side('to') }
    },
  }
}

/** A map that remembers what was at the keys that were changed. */
interface Journal<V> {
  readonly live: ReadonlyMap<string, V>
  put(key: string, value: V | undefined): void
  /** What differs from what was there when this was called last; `same` says whether two values are as good as one. */
  settle(same?: (a: V, b: V) => boolean): { readonly from: Map<string, V>; readonly to: Map<string, V> }
}

/** `remembers`: whether somebody will ask. */
function createJournal<V>(remembers: () => boolean): Journal<V> {
  const live = new Map<string, V>()
  let before = new Map<string, V | undefined>()
  return {
    live,
    put(key, value) {
      const old = live.get(key)
      if (old === value) return
      if (remembers() && !before.has(key)) before.set(key, old)
      if (value === undefined) live.delete(key)
      else live.set(key, value)
    },
    settle(same = Object.is) {
      const [from, to] = [new Map<string, V>(), new Map<string, V>()]
      for (const [key, old] of before) {
        const now = live.get(key)
        if (old === now || (old !== undefined && now !== undefined && same(old, now))) continue
        if (old !== undefined) from.set(key, old)
        if (now !== undefined) to.set(key, now)
      }
      // An update that wrote everything leaves nothing to be remembered for the next.
      before = new Map()
      return { from, to }
    },
  }
}
