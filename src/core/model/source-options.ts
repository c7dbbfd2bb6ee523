/** Who knows guests of a host, as its operator says: plain data, which a service hands to its own agent. */
import { exactly, type Reader } from './strict.ts'

export type SourceOptions = Readonly<Record<never, never>>

/** Throws on what was not written as such. */
export const readSourceOptions: Reader<SourceOptions> = exactly<SourceOptions>('sources', {})
