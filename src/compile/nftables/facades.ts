/**
 * The façades of policies that interfaces want, and which of them stand: made once however many interfaces want them, anew
 * when their policy changes, and gone with the last that wants them.
 */
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { type Facade, judgingFor, type LoweredPolicy } from './judging.ts'
import { assertWritten, type Ledger } from './ledger.ts'
import type { Variant } from './variant.ts'

/** A policy as interfaces want it. */
export interface Wanted {
  readonly policy: string
  readonly way: Way
  /** Null when the policy cannot be lowered. */
  readonly facade: Facade | null
  /** Why nobody can be judged by it; null when they can. Known of chains that clash once `settle` was called. */
  readonly failure: string | null
}

/** What a façade is of. */
export interface Way {
  readonly variant: Variant
  /** Whether senders are checked before. */
  readonly checked: boolean
}

export interface Facades {
  /** The same object for as long as somebody wants it or asks for it before the next `settle`. */
  of(policy: string, common: CommonPolicy, way: Way): Wanted
  want(wanted: Wanted): void
  /** Wanted once less. */
  leave(wanted: Wanted): void
  /** A policy has changed, or is gone: answers whether a façade of it has. */
  renew(policy: string, common: CommonPolicy | undefined): boolean
  /**
   * After changes: chains of façades that are wanted stand, and no others. Where two façades have different chains or sets
   * of one name, that of the lower key of policies stands, whichever came first. Answers those that failed and do not any
   * more, or the other way round.
   */
  settle(): readonly Wanted[]
}

/** `ledgerFor`: where chains of a variant stand. */
export function createFacades(ledgerFor: (variant: Variant) => Ledger): Facades {
  const byPolicy = new Map<string, Entry[]>()
  const changed = new Set<Entry>()
  /** Wanted, and kept out by others of the same names. */
  const refused = new Set<Entry>()

  function release(entry: Entry): void {
    if (entry.held) entry.ledger.release(entry.held.units)
    entry.held = null
  }

  /** Answers whether it stands, if it should. */
  function hold(entry: Entry): boolean {
    if (entry.held || !entry.lowered || entry.users === 0) return true
    try {
      entry.ledger.hold(entry.lowered.units)
      entry.held = entry.lowered
      entry.clash = null
      return true
    } catch (error) {
      entry.clash = messageOf(error)
      return false
    }
  }

  /** Each in its turn, as if none stood: who came first does not matter. */
  function holdInOrder(): void {
    const all = [...byPolicy.values()].flat().map((entry) => [entry.order, entry] as const)
    for (const [, entry] of all) release(entry)
    refused.clear()
    for (const [, entry] of all.sort(([a], [b]) => (a < b ? -1 : 1))) if (!hold(entry)) refused.add(entry)
  }

  function forget(entry: Entry): void {
    refused.delete(entry)
    const others = byPolicy.get(entry.policy)?.filter((each) => each !== entry) ?? []
    if (others.length > 0) byPolicy.set(entry.policy, others)
    else byPolicy.delete(entry.policy)
  }

  return {
    of(policy, common, way) {
      const entries = byPolicy.get(policy) ?? []
      let entry = entries.find((each) => each.way === way)
      if (!entry) {
        entry = new Entry(policy, way, ledgerFor(way.variant), common)
        byPolicy.set(policy, [...entries, entry])
        changed.add(entry)
      }
      return entry
    },
    want(wanted) {
      const entry = wanted as Entry
      if (entry.users++ === 0) changed.add(entry)
    },
    leave(wanted) {
      const entry = wanted as Entry
      if (--entry.users === 0) changed.add(entry)
    },
    renew(policy, common) {
      let differs = common === undefined
      for (const entry of byPolicy.get(policy) ?? []) {
        if (!common || entry.common === common) continue
        const before = entry.looks
        entry.lower(common)
        changed.add(entry)
        if (entry.looks !== before) differs = true
      }
      return differs
    },
    settle() {
      const before = new Map([...changed, ...refused].map((entry) => [entry, entry.clash] as const))
      for (const entry of changed) if (entry.users === 0 || entry.held !== entry.lowered) release(entry)
      if (changed.size > 0) {
        const clashed = [...changed].filter((entry) => !hold(entry)).length > 0
        if (clashed || refused.size > 0) holdInOrder()
      }
      for (const entry of changed) if (entry.users === 0) forget(entry)
      changed.clear()
      for (const entry of refused) if (!before.has(entry)) before.set(entry, null)
      return [...before].flatMap(([entry, clash]) => (entry.clash !== clash ? [entry] : []))
    },
  }
}

class Entry implements Wanted {
  readonly policy: string
  readonly way: Way
  readonly ledger: Ledger
  common: CommonPolicy
  lowered: LoweredPolicy | null = null
  /** What the ledger holds of it. */
  held: LoweredPolicy | null = null
  /** Why it cannot be lowered. */
  unfit: string | null = null
  /** Why it is kept out. */
  clash: string | null = null
  users = 0
  /** The same text where interfaces see no difference. */
  looks = ''

  constructor(policy: string, way: Way, ledger: Ledger, common: CommonPolicy) {
    this.policy = policy
    this.way = way
    this.ledger = ledger
    this.common = common
    this.lower(common)
  }

  get facade(): Facade | null {
    return this.lowered?.facade ?? null
  }
  get failure(): string | null {
    return this.unfit ?? this.clash
  }
  /** Decides who comes first where chains clash. */
  get order(): string {
    return `${this.policy} ${JSON.stringify(this.way)}`
  }

  /** Writes all of it, so that what nft has no words for closes those who want it, and nobody else. */
  lower(common: CommonPolicy): void {
    this.common = common
    const { variant, checked } = this.way
    try {
      const ways: readonly Direction[] | undefined = variant.purpose === 'answer' ? ['ingress'] : undefined
      const lowered = judgingFor(variant).policy(common, checked, ways)
      for (const unit of lowered.units) assertWritten(unit, variant.kernel === null ? 'inet' : 'bridge')
      this.lowered = lowered
      this.unfit = null
    } catch (error) {
      this.lowered = null
      this.unfit = messageOf(error)
    }
    this.looks = JSON.stringify([this.facade, this.unfit])
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
