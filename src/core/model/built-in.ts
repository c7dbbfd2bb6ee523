/** Rules that come with a policy and are the same in all that have them: one list, so that it is compiled once. */
import { TCP } from '../net/protocol.ts'
import type { RuleList } from './effective-policy.ts'
import type { BuiltIn } from './policy.ts'
import type { Direction, Rule } from './rule.ts'

/** No mail leaves: SMTP, submission over TLS, and submission. The ids are the same in every policy: clients know them. */
const noSmtp: readonly Rule[] = (['ipv4', 'ipv6'] as const)
  .flatMap((family) => [25, 465, 587].map((port) => ({ family, port })))
  .map(({ family, port }, index) => ({
    id: `11111111-2222-4333-8444-00000000000${index + 1}`,
    position: index + 1,
    direction: 'egress',
    action: 'deny',
    enabled: true,
    matches: [{ family, protocol: TCP, destinationPorts: [{ first: port, last: port }] }],
  }))

/** By position. */
export const builtInRules: Readonly<Record<BuiltIn, readonly Rule[]>> = { 'no-smtp': noSmtp }

/** None for a direction that has no rule. */
function listOf(policy: BuiltIn, direction: Direction): readonly RuleList[] {
  const rules = builtInRules[policy].filter((rule) => rule.direction === direction)
  return rules.length > 0 ? [{ policy, part: 0, direction, rules }] : []
}

/** The same objects always: a target may remember what it made of them. */
export const builtInLists: Readonly<Record<BuiltIn, Readonly<Record<Direction, readonly RuleList[]>>>> = {
  'no-smtp': { ingress: listOf('no-smtp', 'ingress'), egress: listOf('no-smtp', 'egress') },
}
