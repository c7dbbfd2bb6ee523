/** Names in the kernel: made of the model's ids or of content, readable, and never longer than nft takes. */
import { digest } from '../../core/digest.ts'
import { isDeviceName } from '../../core/model/link.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { Family } from '../../core/net/address.ts'
import type { Hook } from './ruleset.ts'

export const table = 'inet portcullis'

/** Judges devices that are ports of a bridge, where `table` does not see their packets. */
export const bridgeTable = 'bridge portcullis'

/** What keeps devices closed until one of our tables has judged their packets. */
export const guardTables = ['inet portcullis-guard', 'bridge portcullis-guard'] as const

/** Packets that come from a VM are its egress, and the other way round. */
export const hookOf = { egress: 'from-vm', ingress: 'to-vm' } as const satisfies Record<Direction, Hook>

const short = { ingress: 'in', egress: 'out' } as const satisfies Record<Direction, string>

/**
 * What rules are there for: to let packets pass or not; to count what would not pass; or to find out, where a packet
 * comes from, whether its receiver will reject it.
 */
export type Purpose = 'enforce' | 'observe' | 'answer'
/** Chains that are made for several purposes differ in how their names begin. */
const beginning = { enforce: '', observe: 'observed.', answer: 'answer.' } as const satisfies Record<
  Purpose,
  string
>

/** Throws on names that `isDeviceName` refuses: they are kept out at the rim, and must not be guessed at here. */
export function assertDeviceName(device: string): void {
  if (!isDeviceName(device)) throw new Error(`no device can be called ${JSON.stringify(device)}`)
}

/** Where packets of an interface are checked for their sender. */
export const senderChain = (device: string): string => `sender.${device}`

/** Own addresses of an interface that has many, by family. */
export const ownAddresses = (family: Family, device: string): string => `own-${family}.${device}`
/** The IPv6 ones as they stand in what claims an address. */
export const ownTargets = (device: string): string => `own-targets.${device}`

/** What interfaces have in common that are judged alike, by its content. */
export const sharedChain = (direction: Direction, purpose: Purpose, content: string): string =>
  `${beginning[purpose]}${short[direction]}.${digest(content)}`

/** `part` is named only where there are several. */
export function policyChain(policy: string, direction: Direction, part: number, purpose: Purpose): string {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(policy))
    throw new Error(`no policy can be called ${JSON.stringify(policy)}`)
  return `${beginning[purpose]}policy.${policy}.${part === 0 ? '' : `${part}.`}${short[direction]}`
}

/** `kind` tells apart what is essential on one interface and not on another; `protocol` what is asked about one protocol. */
export const essentialsChain = (
  direction: Direction,
  kind: string,
  purpose: Purpose,
  protocol?: number,
): string =>
  // What is essential passes, enforced or observed.
  `${purpose === 'answer' ? beginning.answer : ''}essentials.${kind}.${short[direction]}${protocol === undefined ? '' : `.${protocol}`}`

/** What may be sent from an address that is not the sender's own. */
export const unownedChain = (purpose: Purpose): string => `${beginning[purpose]}unowned`

/** Where packets of a device go that claim an IPv6 address. */
export const claimsChain = (device: string): string => `claims.${device}`

/** Where packets go that pass: it marks them as judged. */
export const passChain = (direction: Direction): string => `pass.${short[direction]}`

/** Where packets of stateful policies are looked up among the known connections. */
export const stateChain = (direction: Direction, purpose: Purpose): string =>
  `${beginning[purpose]}state.${short[direction]}`

/** What has decided, as names of chains have it. */
export const numberName = (number: number): string => number.toString(16).padStart(8, '0')

/** What becomes of packets that somebody may be told of. */
export const outcomes = ['allowed', 'denied', 'rejected'] as const
export type Outcome = (typeof outcomes)[number]

/** Where packets go that do not pass: they are counted and told by their mark. */
export const decidedChain = (
  outcome: Exclude<Outcome, 'allowed'>,
  direction: Direction,
  purpose: Exclude<Purpose, 'observe'>,
): string => `${beginning[purpose]}${outcome}.${short[direction]}`

/** Where packets go that pass and are told of, by what lets them. */
export const toldChain = (direction: Direction, number: number): string =>
  `told.${short[direction]}.${numberName(number)}`

/** Where packets of observed devices go that would not have passed, by what would have decided. */
export const observedChain = (
  outcome: Exclude<Outcome, 'allowed'>,
  direction: Direction,
  number: number,
): string => `${beginning.observe}${outcome}.${short[direction]}.${numberName(number)}`

/** Where packets go of which nobody is told, because there are too many. */
export const suppressedChain = (outcome: Outcome, direction: Direction): string =>
  `suppressed.${outcome}.${short[direction]}`
/** The same on observed devices. */
export const observedSuppressedChain = (direction: Direction): string =>
  `${beginning.observe}suppressed.${short[direction]}`

/** Where packets go that tracking cannot follow, if that decides. */
export const invalidChain = (direction: Direction): string => `invalid.${short[direction]}`

/** What log messages begin with: what became of packets and in which direction. */
export const logPrefix = (outcome: Outcome, direction: Direction): string => `${outcome} ${short[direction]}`

/** Where packets go that do not pass and whose sender is told. */
export const rejectionChain = 'rejection'

/** A chain that nothing enters: its state rule makes the kernel track connections and put fragments together. */
export const trackingChain = 'tracking'

/** What connection tracking cannot follow, dropped where a policy is stateful. */
export const untrackedChain = (direction: Direction, purpose: Purpose): string =>
  `${beginning[purpose]}untracked.${short[direction]}`

/** Where frames go that are no IP packets, if their sender is not checked: by the types that pass. */
export const framesChain = (direction: Direction, types: readonly number[], purpose: Purpose): string =>
  `${beginning[purpose]}${['frames', short[direction], ...types].join('.')}`

/** Where frames of an interface go that are no IP packets, if their sender is checked. */
export const senderFramesChain = (device: string): string => `sender-frames.${device}`

/** Where ARP goes: what has another form does not pass. */
export const arpChain = (direction: Direction, purpose: Purpose): string =>
  `${beginning[purpose]}arp.${short[direction]}`

/** Where fragments go, by the version of IP. */
export const fragmentsChain = (direction: Direction, version: 4 | 6, purpose: Purpose): string =>
  `${beginning[purpose]}fragments${version}.${short[direction]}`

/** Where IPv6 packets go whose headers the kernel may misread. */
export const headersChain = (direction: Direction, purpose: Purpose): string =>
  `${beginning[purpose]}headers6.${short[direction]}`

/** Where what we told the sender of a rejected packet is known again. */
export const answersChain = 'answers.in'

/** Where packets go that are rejected where nobody can be told. */
export const unansweredChain = (direction: Direction): string => `unanswered.${short[direction]}`
/** The set that counts them. */
export const unansweredOf = (hook: Hook): string => `unanswered-${hook}`
/** The set that counts what has decided about packets of which device. */
export const hitsOf = (hook: Hook): string => `${hook}-hits`
/** The set that bounds how many decisions of a device are told, by their rate in a second: elements keep theirs. */
export const samplesOf = (hook: Hook, rate: number): string => `${hook}-samples-${rate}`
/** The set that counts the others. */
export const suppressedOf = (hook: Hook): string => `${hook}-suppressed`
/** The set that counts packets that were rejected at their sender's port, for the MAC of the receiver and what decided. */
export const answerHits = 'answer-hits'
/** The set that counts what would have been dropped on observed devices. */
export const observedOf = (hook: Hook): string => `${hook}-observed`
