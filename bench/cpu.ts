/** CPU time of processes (proc(5), stat fields 4 and 14 to 17). */
import { readdirSync, readFileSync } from 'node:fs'

interface Stat {
  readonly parent: number
  /** Seconds since the start, to a hundredth, of the user and of the kernel. */
  readonly own: number
  /** The same of children that it has waited for. */
  readonly children: number
}

function statOf(pid: number | 'self'): Stat {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const field = (at: number) => fields[at] ?? Number.NaN
  return {
    parent: field(1),
    own: (field(11) + field(12)) / 100,
    children: (field(13) + field(14)) / 100,
  }
}

/** Of this process and of the children that it has waited for. */
export const cpuSeconds = (): Pick<Stat, 'own' | 'children'> => statOf('self')

/** Of a process and all that it started, seconds: what ended is counted once its parent has waited for it. */
export function cpuSecondsOf(pid: number): number {
  const stats = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      stats.set(Number(name), statOf(Number(name)))
    } catch {
      // It ended meanwhile.
    }
  }
  const isOf = (each: number): boolean => each === pid || (each > 1 && isOf(stats.get(each)?.parent ?? 0))
  return [...stats].reduce((sum, [each, { own, children }]) => (isOf(each) ? sum + own + children : sum), 0)
}
