/** Where in the kernel our tables are asked about packets, and the marks by which the guard knows what they answered. */
import { hookOf } from './names.ts'
import type { Hook } from './ruleset.ts'

export interface Place {
  /** Name of the base chain. */
  readonly name: string
  readonly from: Hook
  readonly hook: 'prerouting' | 'forward' | 'output' | 'postrouting'
  readonly priority: number
}

/**
 * Packets to a VM are asked about where they are forwarded and where this host sends its own, not behind both: there it
 * is too late to reject. Packets from a VM are asked about behind those who set whole marks (mangle, -150) and before
 * addresses are translated (-100).
 */
export const routed: readonly Place[] = [
  { name: 'from-vm', from: 'from-vm', hook: 'prerouting', priority: -145 },
  { name: 'to-vm', from: 'to-vm', hook: 'forward', priority: 0 },
  { name: 'to-vm-local', from: 'to-vm', hook: 'output', priority: 0 },
]
/**
 * In family bridge packets to a VM are asked about at every port that they go out of, flooded, forwarded, or sent by
 * this host. It is too late to reject there: that is done where they come in, behind those of the packet's sender and
 * the guard. Connections are tracked from -200 on.
 */
export const bridged: readonly Place[] = [
  { name: 'from-vm', from: 'from-vm', hook: 'prerouting', priority: -145 },
  { name: 'to-vm', from: 'to-vm', hook: 'postrouting', priority: 0 },
]
export const answering = { name: 'answers', hook: 'prerouting', priority: -143 } as const

export const hooks: readonly Hook[] = Object.values(hookOf)

/** Which part of a packet tells its device at a hook. */
export const deviceOf = { 'from-vm': 'iif', 'to-vm': 'oif' } as const satisfies Record<Hook, string>

/**
 * Bits of the packet's mark that say that our table let it pass, coming from a VM or going to one. The guard stands
 * on both sides: it takes them away right before, whoever set them, and right behind, so that nobody else sees them
 * (decision 0018).
 */
const judgedBit = { 'from-vm': 0x20000000, 'to-vm': 0x40000000 } as const satisfies Record<Hook, number>
const otherHook = { 'from-vm': 'to-vm', 'to-vm': 'from-vm' } as const satisfies Record<Hook, Hook>
const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`

/** Says that the packet was judged at this hook, and at no other. */
export const setJudged = (hook: Hook): string =>
  `meta mark set meta mark & ${hex(~judgedBit[otherHook[hook]])} | ${hex(judgedBit[hook])}`

/** Takes the bit away from a packet that has it. */
export const clearJudged = (hook: Hook): string => {
  const bit = hex(judgedBit[hook])
  return `meta mark & ${bit} == ${bit} meta mark set meta mark & ${hex(~judgedBit[hook])}`
}

/** Lets a judged packet go on, as it was before it was judged. */
export const takeJudged = (hook: Hook): string => `${clearJudged(hook)} accept`

/** What begins a base chain: its place. */
export const hangsAt = ({ hook, priority }: Pick<Place, 'hook' | 'priority'>): string =>
  `type filter hook ${hook} priority ${priority}; policy accept;`
export const isBase = (text: string): boolean => text.startsWith('type filter hook ')
