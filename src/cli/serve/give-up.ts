/** Ends the process with one line on standard error. */
import { complain } from '../output.ts'

/** At once: a connection that was half made keeps the process alive until its peer loses patience. */
export function giveUp(why: string, status: 1 | 2): never {
  complain(why, status)
  process.exit()
}
