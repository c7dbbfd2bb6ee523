/**
 * How a ruleset counts what decides, and tells of it: sets that packets fill, and the chains that packets end in (decision
 * 0048). A rule that denies never counts by itself: where there is no room to count it would not hold, and the packet went
 * on to rules that allow. So it marks the packet, which dies, and the chain that it goes to counts by the mark.
 */
import type { Direction } from '../../core/model/rule.ts'
import type { BridgeKernel } from './bridge.ts'
import { markText } from './endings.ts'
import type { Unit } from './ledger.ts'
import {
  answerHits,
  decidedChain,
  hitsOf,
  hookOf,
  logPrefix,
  type Outcome,
  observedChain,
  observedSuppressedChain,
  passChain,
  rejectionChain,
  samplesOf,
  suppressedChain,
  suppressedOf,
  toldChain,
  unansweredChain,
} from './names.ts'
import { deviceOf, hooks } from './places.ts'
import type { NftChain, NftEnding, NftRule } from './ruleset.ts'
import { directions, drop, goto, tellsSender } from './variant.ts'

export interface Counting {
  /** Whether rules that allow and are looked up together are counted one by one, or with all others of their policy. */
  readonly by: 'rules' | 'lists'
  /** Decisions of an interface that are told in a second, in each direction; 0: none. */
  readonly samples: number
}

/** The group of nflog that decisions are told to. */
export const logGroup = 1017
/** Of a packet, in bytes: its headers. */
const snapLength = 128

const perDevice = (counts: boolean): string =>
  ['type iface_index', 'size 1048576', 'flags dynamic', ...(counts ? ['counter'] : [])].join('\n')
const perDecider = (key: string): string => `type ${key} . mark\nsize 4194304\nflags dynamic\ncounter`

/** How the sets are declared, by name. What packets put into them is never compared. `kernel` null: where packets are routed. */
export const countingSets = (
  { samples }: Counting,
  kernel: BridgeKernel | null,
): ReadonlyMap<string, string> =>
  new Map([
    ...hooks.flatMap((hook) => [
      [hitsOf(hook), perDecider('iface_index')] as const,
      ...(samples > 0 ? [[samplesOf(hook, samples), perDevice(false)] as const] : []),
      [suppressedOf(hook), perDevice(true)] as const,
    ]),
    ...(kernel?.rejects ? [[answerHits, perDecider('ether_addr')] as const] : []),
  ])

/** Where packets go that do not pass, whatever has decided it. */
export const decidedChains = (counting: Counting, kernel: BridgeKernel | null): Unit => [
  ...directions.flatMap((direction) =>
    (['denied', 'rejected'] as const).flatMap((outcome): NftChain[] => {
      const end: NftEnding =
        outcome === 'denied'
          ? { verdict: drop }
          : rejected(tellsSender(direction, kernel) ? rejectionChain : unansweredChain(direction))
      return [
        {
          name: decidedChain(outcome, direction, 'enforce'),
          rules: [
            { count: hookOf[direction], by: 'mark' },
            ...sampled(outcome, direction, counting, suppressedChain(outcome, direction)),
            { matches: [], ...end },
          ],
        },
        ...suppressed(suppressedChain(outcome, direction), direction, counting, end),
      ]
    }),
  ),
  ...(kernel?.rejects
    ? [
        {
          name: decidedChain('rejected', 'ingress', 'answer'),
          rules: [{ countAnswer: true } as const, { matches: [], ...rejected(rejectionChain) }],
        },
      ]
    : []),
]

/** Whoever sends the answer may copy the packet's mark to it (net.ipv4.fwmark_reflect), where it would mean something else. */
const rejected = (chain: string): NftEnding => ({ marks: 0, verdict: goto(chain) })

/** The chain of packets that pass and are told of, and the one behind it. */
export const toldChains = (direction: Direction, number: number, counting: Counting): Unit => {
  const end = { verdict: goto(passChain(direction)) }
  const suppressing = suppressedChain('allowed', direction)
  return [
    {
      name: toldChain(direction, number),
      rules: [
        { count: hookOf[direction], by: number },
        ...sampled('allowed', direction, counting, suppressing, number),
        { matches: [], ...end },
      ],
    },
    ...suppressed(suppressing, direction, counting, end),
  ]
}

/** The chain of packets that would not have passed, and the one behind it. */
export const observedChains = (
  outcome: Exclude<Outcome, 'allowed'>,
  direction: Direction,
  number: number,
  counting: Counting,
): Unit => {
  const end = { verdict: goto(passChain(direction)) }
  const suppressing = observedSuppressedChain(direction)
  return [
    {
      name: observedChain(outcome, direction, number),
      rules: [
        { count: hookOf[direction], by: number },
        { observe: hookOf[direction] },
        ...sampled(outcome, direction, counting, suppressing, number),
        { matches: [], ...end },
      ],
    },
    ...suppressed(suppressing, direction, counting, end),
  ]
}

/** Tells of packets, by `number` where it is not their mark; what is too many goes to `suppressing`. */
function sampled(
  outcome: Outcome,
  direction: Direction,
  { samples }: Counting,
  suppressing: string,
  number?: number,
): NftRule[] {
  if (samples === 0) return []
  const hook = hookOf[direction]
  const limit = `limit rate over ${samples}/second burst ${samples} packets`
  // `isObserved` in the words of whoever reads the log.
  const observed = suppressing === observedSuppressedChain(direction) ? 'observed ' : ''
  const by = number === undefined ? '' : ` ${markText(number)}`
  return [
    { words: `update @${samplesOf(hook, samples)} { ${deviceOf[hook]} ${limit} } goto ${suppressing}` },
    {
      words: `log prefix "${observed}${logPrefix(outcome, direction)}${by}" group ${logGroup} snaplen ${snapLength}`,
    },
  ]
}

function suppressed(name: string, direction: Direction, { samples }: Counting, end: NftEnding): NftChain[] {
  if (samples === 0) return []
  const hook = hookOf[direction]
  return [
    {
      name,
      rules: [{ words: `update @${suppressedOf(hook)} { ${deviceOf[hook]} }` }, { matches: [], ...end }],
    },
  ]
}
