/**
 * A router or bridge in a namespace, between a VM that sends (tap0) and one that receives (tap1), and what its rules cost
 * packets.
 */
import { createNftables, type Notrack } from '../../src/agent/nftables/nftables.ts'
import { type Desired, policyOf } from '../../src/core/model/desired.ts'
import type { DirectionPolicy, EffectivePolicy, Origin } from '../../src/core/model/effective-policy.ts'
import type { Action, Rule } from '../../src/core/model/rule.ts'
import { type Family, families, formatAddress } from '../../src/core/net/address.ts'
import { TCP, UDP } from '../../src/core/net/protocol.ts'
import { essentials } from '../../src/core/semantics/essentials.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { addressSet } from '../../src/core/sets/address-set.ts'
import { desire } from '../../test/support/desired.ts'
import { batch, inside, namespace, remove } from '../workshop.ts'
import { frame } from './frame.ts'
import { type Cost, generate } from './generator.ts'
import { type Flow, owned, type Shape } from './shapes.ts'

export const macs = {
  sender: '02:00:00:00:00:0a',
  receiver: '02:00:00:00:00:0b',
  tap0: '02:00:00:00:01:0a',
  tap1: '02:00:00:00:01:0b',
} as const

export type Mode = 'routed' | 'bridged'
export type Kind = 'new flows' | 'one flow'
export const kinds: readonly Kind[] = ['new flows', 'one flow']

export interface Router {
  readonly netns: string
  readonly mode: Mode
  /** Namespaces of the VMs, or what stands for them where nobody answers. */
  readonly ends: { readonly sender: string; readonly receiver: string }
  remove(): void
}

let wall: Promise<string> | undefined
let cables = 0

/** VMs with addresses (IPv4) answer; without, what is sent to them disappears. */
export async function createRouter(
  mode: Mode,
  hosts?: Readonly<Record<'sender' | 'receiver', string>>,
): Promise<Router> {
  const netns = await namespace()
  wall ??= namespace()
  const ends = hosts
    ? { sender: await namespace(), receiver: await namespace() }
    : { sender: await wall, receiver: await wall }
  const cable = cables++
  const devices = [
    ['tap0', macs.tap0, `a${cable}`, ends.sender, macs.sender],
    ['tap1', macs.tap1, `b${cable}`, ends.receiver, macs.receiver],
  ] as const
  await batch(netns, [
    ...devices.map(
      ([tap, mac, end, other]) => `link add ${tap} address ${mac} type veth peer name ${end} netns ${other}`,
    ),
    ...(mode === 'bridged' ? ['link add br0 type bridge mcast_snooping 0', 'link set br0 up'] : []),
    ...devices.map(([tap]) => `link set ${tap}${mode === 'bridged' ? ' master br0' : ''} up`),
  ])
  for (const [, , end, other, mac] of devices)
    await batch(other, [...(hosts ? [`link set ${end} address ${mac}`] : []), `link set ${end} up`])
  await inside(netns, ['sh', '-c', settings])
  if (mode === 'routed') await batch(netns, devices.flatMap(routes))
  else {
    const learnt = [`${macs.sender} dev tap0`, `${macs.receiver} dev tap1`]
    await inside(
      netns,
      ['bridge', '-batch', '-'],
      learnt.map((each) => `fdb replace ${each} master static\n`).join(''),
    )
  }
  if (hosts) {
    for (const [index, [, mac, end, other]] of devices.entries()) {
      await batch(other, [
        ...['link set lo up', `addr add ${Object.values(hosts)[index]}/32 dev ${end}`],
        ...[`route add 10.254.0.1 dev ${end}`, `route add default via 10.254.0.1 dev ${end}`],
        `neigh replace 10.254.0.1 lladdr ${mac} dev ${end} nud permanent`,
      ])
    }
  }
  return {
    ...{ netns, mode, ends },
    remove() {
      for (const name of hosts ? [netns, ends.sender, ends.receiver] : [netns]) remove(name)
    },
  }
}

const settings = [
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $file; done',
  // Bridged packets are no routed ones, also where the kernel has br_netfilter, whose switches begin as 1.
  'for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $file ] || echo 0 > $file; done',
].join('; ')

/** All that a VM owns is behind its device, at one neighbour. */
function routes([tap]: readonly [string, ...string[]]): string[] {
  const who = tap === 'tap0' ? 'sender' : 'receiver'
  return families.flatMap((family) => {
    const { base, bits } = owned[who][family]
    const next = family === 'ipv4' ? `10.25${tap === 'tap0' ? 3 : 2}.0.2` : 'fe80::2'
    return [
      ...(family === 'ipv4' ? [`addr add ${next.replace(/2$/, '1')}/30 dev ${tap}`] : []),
      `neigh replace ${next} lladdr ${macs[who]} dev ${tap} nud permanent`,
      `route add ${formatAddress(family, base)}/${bits} via ${next} dev ${tap}`,
    ]
  })
}

const originOf = (who: 'sender' | 'receiver'): Origin => ({
  mac: macs[who],
  addresses: addressSet(
    families.map((family) => {
      const { base, bits } = owned[who][family]
      return { family, first: base, last: base + (1n << BigInt((family === 'ipv4' ? 32 : 128) - bits)) - 1n }
    }),
  ),
})

/** What VMs commonly may not send: one rule that no packet of ours meets. */
const noMail = (direction: 'ingress' | 'egress'): Rule => ({
  ...{ id: 'no-mail', position: 1, direction, action: 'deny', enabled: true },
  matches: [{ protocol: TCP, destinationPorts: [{ first: 25, last: 25 }] }],
})
const list = (policy: string, direction: 'ingress' | 'egress', rules: readonly Rule[]) => ({
  ...{ policy, part: 0, direction, rules },
})

export interface Setting {
  readonly stateful: boolean
  /** Of the receiver, towards it. */
  readonly rules: readonly Rule[]
  readonly default: Action
  /** Duties that are left out. */
  readonly without?: readonly ('essentials' | 'origin' | 'filtering')[]
}

const uuid = (n: number) => `00000000-0000-8000-8000-${String(n).padStart(12, '0')}`

/** Both VMs' policies, as the product would resolve them. */
export function desiredOf({ stateful, rules, default: action, without = [] }: Setting): Desired {
  const filtered = !without.includes('filtering')
  const part = (lists: readonly ReturnType<typeof list>[], standard: Action): DirectionPolicy =>
    filtered ? { filtered, lists, default: standard } : { filtered }
  const policy = (who: 'sender' | 'receiver', ingress: DirectionPolicy): EffectivePolicy => ({
    ...{ stateful, ingress },
    essentials: without.includes('essentials') ? [] : essentials,
    ...(without.includes('origin') ? {} : { origin: originOf(who) }),
    egress: part([list(uuid(3), 'egress', [noMail('egress')])], 'allow'),
  })
  const interfaces = [
    ['tap0', 'sender', part([list(uuid(2), 'ingress', [noMail('ingress')])], 'allow')],
    ['tap1', 'receiver', part([list(uuid(1), 'ingress', rules)], action)],
  ] as const
  return desire(
    interfaces.map(([device, who, ingress]) => ({
      ...{ id: device, device, mac: macs[who], policy: policy(who, ingress) },
    })),
  )
}

/** Applies as the product does, and lets go: rules stay. */
export async function enforce(
  { netns, mode }: Router,
  desired: Desired,
  notrack: Notrack = 'auto',
): Promise<void> {
  const dataplane = createNftables({ guard: ['tap*'], netns, notrack })
  try {
    const { interfaces } = await dataplane.apply(desired)
    for (const each of interfaces) {
      if (each.state !== 'applied' || each.mode !== mode)
        throw new Error(`${each.id} is ${each.state} and ${each.mode}: ${each.error}`)
    }
  } finally {
    await dataplane.close()
  }
}

/** What packets of a flow do at a router. */
export interface Passage {
  readonly family: Family
  readonly flow: Flow
  readonly kind: Kind
  /** Whether they pass. */
  readonly passes: boolean
}

/** What becomes of a flow under a policy: established flows that the receiver began pass a stateful one. */
export function passageOf(shape: Shape, setting: Setting, family: Family, flow: Flow, kind: Kind): Passage {
  const desired = desiredOf(setting)
  const receiver = desired.interfaces.get('tap1')
  const policy = receiver && policyOf(desired, receiver)
  if (!policy) throw new Error('there is no policy')
  const { source, destination, destinationPort } = flow
  const state = kind === 'one flow' && setting.stateful ? 'established' : 'new'
  const packet = { family, protocol: UDP, source, destination, sourcePort, destinationPort, state } as const
  const { action, decidedBy } = evaluate(policy, 'ingress', packet)
  if (state === 'new' && decidedBy.kind === 'rule' && decidedBy.rule !== setting.rules.at(-1)?.id)
    throw new Error(`${shape.name}: rule ${decidedBy.position} decides, not the last`)
  return { family, flow, kind, passes: action === 'allow' }
}

const sourcePort = 40_000

/** Sends so many packets; rejects when others pass than should. */
export async function send(
  { netns, mode }: Pick<Router, 'netns' | 'mode'>,
  { family, flow, kind, passes }: Passage,
  count: number,
): Promise<Cost> {
  const { source, destination, destinationPort, mask } = flow
  const there = { family, source, destination, sourcePort, destinationPort }
  const back = {
    ...{ family, source: destination, destination: source },
    ...{ sourcePort: destinationPort, destinationPort: sourcePort },
  }
  const routed = mode === 'routed'
  const cost = await generate(
    ...[
      'packets',
      netns,
      'tap0',
      'tap1',
      frame(macs.sender, routed ? macs.tap0 : macs.receiver, there),
      count,
    ],
    ...(kind === 'new flows'
      ? [mask.toString(16).padStart(4, '0'), '-', '-']
      : ['-', 'tap1', frame(macs.receiver, routed ? macs.tap1 : macs.sender, back)]),
  )
  // The kernel itself sends a few, neighbour solicitations for one; on a loaded machine its queue may overflow.
  const wrong = passes ? cost.arrived < count * 0.98 : cost.arrived > 20
  if (wrong)
    throw new Error(`${cost.arrived} of ${count} packets passed, where ${passes ? 'all' : 'none'} should`)
  return cost
}
