/**
 * What an expert would write for two VMs and one policy: the same duties as ours, one look at each place.
 *
 * Senders are who they are, essential traffic passes, state is looked at where the policy is stateful, the policy is one
 * set, and a guard of its own closes both devices to what the main table has not passed.
 */
import type { Family } from '../../src/core/net/address.ts'
import { type Mode, macs, type Setting } from './router.ts'
import { owned, type Shape } from './shapes.ts'
import { addressText, rangesOf } from './text.ts'

export function handWritten(mode: Mode, setting: Setting, shape: Shape, family: Family): string {
  const state = setting.stateful
    ? ['ct state vmap { established : goto pass, related : goto pass, invalid : drop }']
    : []
  const kind = mode === 'routed' ? 'inet' : 'bridge'
  const table = [
    `table ${kind} by-hand {`,
    policySet(shape, setting, family),
    ...(['sender', 'receiver'] as const).map(
      (who) =>
        `set ${who}-addresses {\ntype ipv4_addr\nflags interval\nelements = { 0.0.0.0, ${subnetOf(who, 'ipv4')} }\n}\n` +
        `set ${who}-addresses6 {\ntype ipv6_addr\nflags interval\nelements = { ::, ${subnetOf(who, 'ipv6')}, fe80::/10 }\n}`,
    ),
    chain('pass', 'meta mark set meta mark | 0x1 accept'),
    chain(
      'essential',
      'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 goto pass',
      'icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } ip6 hoplimit 1 goto pass',
      'ip protocol igmp ip ttl 1 goto pass',
      'udp sport 68 udp dport 67 goto pass',
      'udp sport 546 udp dport 547 goto pass',
    ),
    ...(['sender', 'receiver'] as const).map((who) =>
      chain(
        `from-${who}`,
        `ether saddr != ${macs[who]} drop`,
        `ip saddr != @${who}-addresses drop`,
        `ip6 saddr != @${who}-addresses6 drop`,
        'meta l4proto { icmpv6, igmp } jump essential',
        'udp dport { 67, 547 } jump essential',
        // The other end is asked in its turn.
        ...(setting.stateful
          ? ['ct state vmap { established : return, related : return, invalid : drop }']
          : []),
        'tcp dport 25 drop',
      ),
    ),
    chain('to-sender', ...state, 'tcp dport 25 drop', 'goto pass'),
    chain(
      'to-receiver',
      ...state,
      ...policyRules(shape, family),
      setting.default === 'allow' ? 'goto pass' : 'drop',
    ),
    'map senders {\ntype iface_index : verdict\nelements = { tap0 : jump from-sender, tap1 : jump from-receiver }\n}',
    'map receivers {\ntype iface_index : verdict\nelements = { tap0 : goto to-sender, tap1 : goto to-receiver }\n}',
    // One hook sees both devices. What falls through both maps has passed.
    chain('judge', base('forward', 0), 'iif vmap @senders', 'oif vmap @receivers', 'goto pass'),
    chain('judge-local', base('input', 0), 'iif vmap @senders'),
    '}',
    `table ${kind} by-hand-guard {`,
    chain(
      'guard',
      base('forward', 1),
      'meta mark & 0x1 == 0x1 meta mark set meta mark & 0xfffffffe accept',
      'oifname "tap*" drop',
    ),
    '}',
  ]
  return `${table.join('\n')}\n`
}

const base = (hook: string, priority: number) =>
  `type filter hook ${hook} priority ${priority}; policy accept;`
const chain = (name: string, ...rules: readonly string[]) => `chain ${name} {\n${rules.join('\n')}\n}`

function subnetOf(who: keyof typeof owned, family: Family): string {
  const { base: first, bits } = owned[who][family]
  return addressText(family, {
    first,
    last: first + (1n << BigInt((family === 'ipv4' ? 32 : 128) - bits)) - 1n,
  })
}

const ip = { ipv4: 'ip', ipv6: 'ip6' } as const
const type = { ipv4: 'ipv4_addr', ipv6: 'ipv6_addr' } as const

/** The policy as the set that its shape asks for. */
function policySet(shape: Shape, setting: Setting, family: Family): string {
  const elements = setting.rules.flatMap(({ matches }) =>
    matches.map((match) => {
      const { sources, destinations, ports } = rangesOf(match, family)
      return [sources, destinations, ports].filter((each) => each !== undefined).join(' . ')
    }),
  )
  const key = {
    'cloud group': `${type[family]} . inet_service`,
    'prefixes and a port': `${type[family]} . ${type[family]} . inet_service`,
    'block list': type[family],
  }[shape.name]
  if (key === undefined) throw new Error(`nobody wrote ${shape.name} by hand`)
  return `set matched {\ntype ${key}\nflags interval\nelements = { ${elements.join(', ')} }\n}`
}

function policyRules(shape: Shape, family: Family): readonly string[] {
  const word = ip[family]
  switch (shape.name) {
    case 'cloud group':
      return [`meta l4proto udp ${word} saddr . udp dport @matched goto pass`]
    case 'prefixes and a port':
      return [`meta l4proto udp ${word} saddr . ${word} daddr . udp dport @matched goto pass`]
    default:
      return [`meta l4proto udp ${word} saddr @matched drop`]
  }
}
