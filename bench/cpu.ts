/** CPU time of this process and of the children that it has waited for. */
import { readFileSync } from 'node:fs'

/** Seconds since the start, to a hundredth (proc(5), stat fields 14 to 17). */
export function cpuSeconds(): { readonly own: number; readonly children: number } {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const ticks = (at: number) => (fields[at] ?? Number.NaN) / 100
  return { own: ticks(11) + ticks(12), children: ticks(13) + ticks(14) }
}
