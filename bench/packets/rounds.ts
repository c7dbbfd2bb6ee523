/** Subjects measured by turns in short rounds, so that what else the machine does meets all of them, and what that says. */
import { judged } from '../report.ts'
import type { Cost } from './generator.ts'

/** What is measured: runs so many, and tells what they cost. */
export type Subject = (count: number) => Promise<Cost>

export interface Rate {
  /** Nanoseconds of CPU each: the median of the rounds, and the least. */
  readonly medianNs: number
  readonly leastNs: number
}

export interface Ratio {
  /** Rate of the subject to that of the baseline: the median of the rounds' ratios. */
  readonly ratio: number
  /** The same of the best rounds of both. */
  readonly best: number
  /** Half the width of the 95 % interval of the median, as a part of it (McGill's notch). */
  readonly error: number
}

export interface Compared<Name extends string> {
  readonly rounds: number
  readonly rates: Readonly<Record<Name, Rate>>
  /** Of each to the last one. */
  readonly ratios: Readonly<Record<Name, Ratio>>
}

const rounds = { least: 7, most: 25 } as const
/** Rounds go on until they agree so well. */
const agreed = 0.01
/** Rounds that agree no better are not judged by, whatever they say. */
const noise = 0.1
/** How long a subject's turn takes. */
const turnNs = 20e6
/** Flows of one turn must be new, and fit the kernel's table. */
const most = 60_000
const first = 128

/**
 * Subjects by name; the last one is the baseline. With a budget rounds end as soon as it is met or missed beyond doubt.
 * Rejects when a subject does.
 */
export async function compare<Name extends string>(
  subjects: Readonly<Record<Name, Subject>>,
  budget?: number,
): Promise<Compared<Name>> {
  const entries = Object.entries(subjects) as [Name, Subject][]
  const baseline = entries.at(-1)?.[0] as Name
  const counts = new Map<Name, number>()
  for (const [name, subject] of entries) {
    await subject(first)
    const { cpuNs } = await subject(first)
    counts.set(name, Math.max(first, Math.min(most, Math.round((turnNs / cpuNs) * first))))
  }
  const costs = new Map(entries.map(([name]) => [name, [] as number[]]))
  const of = (name: Name) => costs.get(name) ?? []
  const ratioOf = (name: Name): Ratio => {
    const own = of(name)
    const bare = of(baseline)
    const ratios = own.map((ns, round) => (bare[round] ?? Number.NaN) / ns)
    return {
      ratio: middle(ratios),
      best: Math.min(...bare) / Math.min(...own),
      error:
        (1.57 * (quantile(ratios, 0.75) - quantile(ratios, 0.25))) /
        Math.sqrt(ratios.length) /
        middle(ratios),
    }
  }
  let round = 0
  for (; round < rounds.most; round++) {
    if (round >= rounds.least && entries.every(([name]) => isEnough(ratioOf(name), budget))) break
    // Every other round backwards: who comes first is not always the same.
    for (const [name, subject] of round % 2 === 0 ? entries : entries.toReversed()) {
      const count = counts.get(name) ?? first
      of(name).push((await subject(count)).cpuNs / count)
    }
  }
  const record = <T>(make: (name: Name) => T) =>
    Object.fromEntries(entries.map(([name]) => [name, make(name)])) as Record<Name, T>
  return {
    rounds: round,
    rates: record((name) => ({ medianNs: middle(of(name)), leastNs: Math.min(...of(name)) })),
    ratios: record(ratioOf),
  }
}

/** Linear between neighbours. */
function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN]
  return low + (high - low) * (at - Math.floor(at))
}
export const middle = (values: readonly number[]): number => quantile(values, 0.5)

const isEnough = (ratio: Ratio, budget?: number): boolean =>
  ratio.error <= agreed || (budget !== undefined && ratio.error <= noise && isClear(ratio, budget))

/** Whether the budget lies outside of the interval. */
const isClear = ({ ratio, error }: Ratio, budget: number): boolean => Math.abs(ratio - budget) > ratio * error

/** `met` or `MISSED`, unless the rounds disagree too much to tell. */
export const judge = (ratio: Ratio, budget: number): 'met' | 'MISSED' | 'noisy' =>
  isEnough(ratio, budget) ? judged(ratio.ratio >= budget) : 'noisy'

/** Thousands of packets a second of CPU. */
export const thousands = ({ medianNs }: Rate): string => `${Math.round(1e6 / medianNs)} k/s`
