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
  /** Reads the file again. One that is not right leaves the rules as they are, and says so. */
  reload(): Promise<void>
}

export interface AdoptingOptions {
  readonly read: () => Promise<Result<AdoptionRules>>
  /** One line for the operator. */
  readonly complain: (reason: string) => void
}

/** Before the file has been read for the first time, and where that fails, nothing is adopted: what is enforced waits for no file. */
export function createAdopting({ read, complain }: AdoptingOptions): Adopting {
  let rules = noAdoption
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
      if (!found.ok) return complain(found.error)
      rules = found.value
      for (const each of [...listeners]) each()
    },
  }
}

/** Without a file. */
export const adoptsNothing: Adopting = {
  adoptionOf: () => undefined,
  onChange: () => () => {},
  reload: async () => {},
}
