/** Chains that depend on no policy. */
import { ICMP, ICMPV6, TCP, UDP } from '../../core/net/protocol.ts'
import { manyReceivers } from '../../core/semantics/rejection.ts'
import { answers, type BridgeKernel, passOf, rememberRejected, unansweredIn } from './bridge.ts'
import { type Counting, decidedChains } from './counting.ts'
import type { Unit } from './ledger.ts'
import { hookOf, passChain, rejectionChain, trackingChain } from './names.ts'
import type { NftChain, NftRule } from './ruleset.ts'
import { both, drop, goto, perDirection, rulesFor } from './variant.ts'

/** What `rejectionOf` says, as rules: those of silence, and the others. */
const silence: readonly NftRule[] = [
  ...rulesFor({ destination: manyReceivers }, { verdict: drop }),
  { matches: [{ kind: 'protocol', protocols: [ICMP, ICMPV6] }], verdict: drop },
]
const rejectionOf = (before: readonly NftRule[]): NftChain => ({
  name: rejectionChain,
  rules: [
    ...silence,
    ...before,
    ...rulesFor({ protocol: TCP }, { verdict: { kind: 'reject', with: 'tcp-reset' } }),
    ...rulesFor({ protocol: UDP }, { verdict: { kind: 'reject', with: 'port-unreachable' } }),
    ...rulesFor({}, { verdict: { kind: 'reject', with: 'prohibited' } }),
  ],
})
const passing = (limited: boolean) =>
  perDirection(
    (direction): NftChain => ({
      name: passChain(direction),
      rules: [...(limited ? [{ limit: hookOf[direction] }] : []), { pass: hookOf[direction] }],
    }),
  )
const tracking: NftChain = {
  name: trackingChain,
  rules: [{ state: { passed: goto(passChain('egress')), invalid: drop } }],
}

/** What is there beside what passes; `kernel` null where packets are routed. */
export const fixedChains = (kernel: BridgeKernel | null, counting: Counting): Unit => [
  ...(kernel === null
    ? [tracking, rejectionOf([])]
    : [
        ...both(perDirection((direction) => unansweredIn(direction, silence))),
        ...(kernel.tracks ? [tracking] : []),
        ...(kernel.rejects ? [rejectionOf(rememberRejected), answers] : []),
      ]),
  ...decidedChains(counting, kernel),
]

/** Where packets go that pass; `limited`: if they are within the limits of connections. */
export const passingChains = (bridged: boolean, limited: boolean): Unit =>
  both(bridged ? perDirection((direction) => passOf(direction, limited)) : passing(limited))
