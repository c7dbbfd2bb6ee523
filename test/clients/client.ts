/** What a client under test is: something that is built from its registry and then drives the service, step by step. */
import { readFileSync } from 'node:fs'
import type { Service } from './service.ts'

export interface Client {
  /** As its registry or vendor calls it; a file name too. */
  readonly name: string
  /** Exact: another version is another judge. */
  readonly version: string
  /** What it is built from beside that version, when that is not what its vendor built it from. */
  readonly builtWith?: string
  /** What is driven, for the compatibility page: one line. */
  readonly drives: string
  /** What it can do nowhere, by its own source, as far as that shapes what is driven: for the page. */
  readonly limits?: readonly string[]
  /** Why it cannot run on this machine, or false. */
  obstacle?(): Promise<string | false>
  /** Fetches and builds; a build that the cache holds is not repeated. Returns the path of what was built, or ''. */
  build(): Promise<string>
  run(bench: Bench): Promise<void>
}

export interface Bench {
  /** Where `build` put the client. */
  readonly built: string
  /** A service of its own, without any change so far. */
  readonly service: Service
  /** Empty, and removed afterwards. */
  readonly directory: string
  /** A part that is enough for every commit, instead of everything. */
  readonly quick: boolean
  readonly seed: number
  /** Prints and records one line; false when `run` threw, so that what depends on it can be left out. */
  step(name: string, run: () => Promise<void>): Promise<boolean>
  /**
   * What the client cannot do here. `run` asserts that it fails as cleanly as it should; the page tells `why`. It
   * throws as soon as the client succeeds, so that the list of these only shrinks.
   */
  gap(name: string, why: string, run: () => Promise<void>): Promise<boolean>
  /** For steps that ended elsewhere, such as in a program of another language. */
  ended(step: Ended): void
}

export interface Ended {
  readonly name: string
  readonly milliseconds: number
  /** Absent: it went well. */
  readonly error?: string
  /** Present: this is a gap, and why. */
  readonly why?: string
}

/** Of a package that npm installed with the project, which package.json names exactly. */
export function npmVersion(name: string): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { devDependencies: Record<string, string> }).devDependencies[name] ?? 'none'
}
