/** Whether this process, and the programs it starts, may change the packet filter. */
import { readFileSync } from 'node:fs'

/** capabilities(7). */
const CAP_NET_ADMIN = 12n

/** Why it may not, in one line with what helps; undefined when it may. */
export function missingPrivilege(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux'
  return missingFrom(readFileSync('/proc/self/status', 'utf8'))
}

/** `status` is the text of `/proc/PID/status`. */
export function missingFrom(status: string): string | undefined {
  const set = (name: string) =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const has = (name: string) => ((set(name) >> CAP_NET_ADMIN) & 1n) === 1n
  const help = 'run it as root, or in a unit with AmbientCapabilities=CAP_NET_ADMIN'
  if (!has('CapEff')) return `it needs CAP_NET_ADMIN: ${help}`
  // Programs started by root get what the bounding set permits; those of others only what is ambient.
  const root = /^Uid:\s+\d+\s+0\s/m.test(status)
  if (!has(root ? 'CapBnd' : 'CapAmb')) {
    return `it has CAP_NET_ADMIN, but programs that it starts would not: ${help}`
  }
  return undefined
}
