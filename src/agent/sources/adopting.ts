/** The adoption rules in force: of a file that may be replaced while the agent runs. */
import type { Adoption, SightingSource } from '../../core/model/sighting.ts'
import type { Result } from '../../core/result.ts'
import { type AdoptionRules, adoptionOf, noAdoption } from './adoption.ts'
import type { Known } from './source.ts'

export interface Adopting {
  /** What is to be made of a device; undefined where nothing speaks of it. */
  adoptionOf(source: SightingSource, known: Known): Adoption | undefined
  /** Calls back when it may answer otherwise of the same device. Answers how to stop listening. */
  onChange(listener: () => void): () => void
  /** Reads the file again. One that is not right leaves the rules as they are, which is a problem from then on. */
  reload(): Promise<void>
  /** In words for the operator; empty: none. */
  problems(): readonly string[]
}

/** Before the file has been read for the first time, and where that fails, nothing is adopted: what is enforced waits for no file. */
export function createAdopting(read: () => Promise<Result<AdoptionRules>>): Adopting {
  let rules = noAdoption
  let problem: string | undefined
  const listeners = new Set<() => void>()
  /** Of several that are asked for at once the last one counts. */
  let newest = 0
  return {
    adoptionOf: (source, known) => adoptionOf(rules, source, known),
    onChange(listener) {
      const own = () => listener()
      listeners.add(own)
      return () => void listeners.delete(own)
    },
    async reload() {
      const turn = ++newest
      const found = await read()
      if (turn !== newest) return
      problem = found.ok ? undefined : `the rules of adoption are as they were: ${found.error}`
      if (found.ok) rules = found.value
      for (const each of [...listeners]) each()
    },
    problems: () => (problem === undefined ? [] : [problem]),
  }
}
