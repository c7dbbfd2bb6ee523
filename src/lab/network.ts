/**
 * The lab's network: namespaces for the VMs and for the world, joined by a router namespace.
 *
 * Every name begins with the lab's prefix, every link is made inside the namespaces: the machine's own interfaces,
 * routes, rules and settings are never touched.
 *
 *     VM eth0 ── tap1i0 ┐
 *     VM eth0 ── tap2i0 ┤ router ├ up0 ── eth0 outside
 *     VM eth1 ── tap2i1 ┘
 *
 * Routed, every VM has a link of its own to the router, and so has the world. Bridged, the same devices are ports of
 * bridges in the router, one for each kind of network, and the world is a port of the public one: VMs and world are
 * neighbours on one link, and the router is one more host on it.
 */
import { readdir } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import type { InterfaceType } from '../core/model/interface.ts'
import { mustRun, run } from './run.ts'
import { type LabNic, type LabVm, outside } from './topology.ts'

export interface Network {
  /** `pcl-lab-`: what every namespace's name begins with. */
  readonly prefix: string
  readonly vms: readonly LabVm[]
  /** Whether the VMs are ports of bridges; default: the router forwards between them. */
  readonly bridged?: boolean
}

/** The bridge that interfaces of that type are ports of. */
export const bridgeOf = (type: InterfaceType): string => `br-${type}`

export const routerNamespace = (prefix: string): string => `${prefix}router`
/** Of a VM, or of `outside`. */
export const namespaceOf = (prefix: string, name: string): string => `${prefix}${name}`

/** Answers when a packet can go from every VM to the router and back. */
export async function createNetwork({ prefix, vms, bridged = false }: Network): Promise<void> {
  const router = routerNamespace(prefix)
  const names = [router, namespaceOf(prefix, outside.name), ...vms.map((vm) => namespaceOf(prefix, vm.name))]
  await batch(
    [],
    names.map((name) => `netns add ${name}`),
  )
  await mustRun('ip', ['netns', 'exec', router, 'sh', '-c', routerSettings])
  if (bridged) await batch(['-n', router], bridges(vms))
  await Promise.all([createOutside(prefix, bridged), ...vms.map((vm) => plug(prefix, vm, bridged))])
  await Promise.all([
    reaches(prefix, outside.name, bridged ? '192.0.2.1' : '198.51.100.1'),
    reaches(prefix, outside.name, bridged ? '2001:db8::1' : '2001:db8:ffff::1'),
    ...vms.flatMap((vm) =>
      vm.nics.flatMap((nic, index) =>
        nic.addresses.map((address) =>
          reaches(prefix, vm.name, isIPv6(address) ? `fe80::1%eth${index}` : gateway(nic)),
        ),
      ),
    ),
  ])
}

/** Joins a VM's namespace, without links yet, to the router or its bridges. */
export async function plug(prefix: string, vm: LabVm, bridged = false): Promise<void> {
  const router = routerNamespace(prefix)
  const name = namespaceOf(prefix, vm.name)
  if (bridged) await mustRun('ip', ['netns', 'exec', name, 'sh', '-c', neighbourSettings])
  await batch(['-n', name], (bridged ? bridgedVmLines : vmLines)(vm, router))
  await batch(['-n', router], vm.nics.flatMap(bridged ? portLines : routerLines))
}

/** Deletes the namespaces with this prefix, whoever left them, and ends what runs inside. */
export async function destroyNetwork(prefix: string): Promise<void> {
  for (const name of await namespaces(prefix)) {
    const { stdout } = await run('ip', ['netns', 'pids', name])
    for (const pid of stdout.split('\n').filter(Boolean).map(Number)) {
      try {
        if (pid !== process.pid) process.kill(pid, 'SIGKILL')
      } catch {
        // Ended between the list and now.
      }
    }
    await run('ip', ['netns', 'del', name])
  }
}

/** Namespaces whose name begins with the prefix. */
export async function namespaces(prefix: string): Promise<readonly string[]> {
  const all = await readdir('/run/netns').catch(() => [])
  return all.filter((name) => name.startsWith(prefix)).sort()
}

// Forwarding is this namespace's own setting. Reverse-path checks are off: filtering is the dataplane's work alone.
const routerSettings = [
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  'echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter',
  'echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter',
  // A reply that is due to a probe must not be held back for having sent one a moment ago.
  'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit',
  'echo 0 > /proc/sys/net/ipv6/icmp/ratelimit',
  // Bridged packets are no routed ones, also where the kernel has br_netfilter, whose switches begin as 1.
  'for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $file ] || echo 0 > $file; done',
].join('; ')

/** An address belongs to one interface: with two of them on one link the other must not answer for it. */
const neighbourSettings = [
  'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore',
  'echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce',
].join('; ')

const bridgeAddresses: Readonly<Record<InterfaceType, readonly string[]>> = {
  public: ['192.0.2.1/24', '2001:db8::1/64', 'fe80::1/64'],
  utility: [],
  private: ['10.0.0.1/24', 'fe80::1/64'],
}

const bridgeMacs: Readonly<Record<InterfaceType, string>> = {
  ...{ public: '02:00:00:00:01:01', utility: '02:00:00:00:01:02', private: '02:00:00:00:01:03' },
}

function bridges(vms: readonly LabVm[]): string[] {
  const types = new Set(['public' as const, ...vms.flatMap((vm) => vm.nics.map((nic) => nic.type))])
  return [...types].flatMap((type) => {
    const name = bridgeOf(type)
    return [
      // One of its own: otherwise a bridge has the lowest of its ports, and changes it when that port leaves.
      `link add ${name} address ${bridgeMacs[type]} type bridge`,
      ...bridgeAddresses[type].map((a) => `addr add ${a} dev ${name}${a.includes(':') ? ' nodad' : ''}`),
      `link set ${name} up`,
      // The world is on the same link: the router, too, finds it there.
      ...(type === 'public' ? worldPrefixes.map((prefix) => `route add ${prefix} dev ${name}`) : []),
    ]
  })
}

const worldPrefixes = ['198.51.100.0/24', '2001:db8:ffff::/64'] as const
const publicPrefixes = ['192.0.2.0/24', '2001:db8::/64'] as const

/** All are neighbours: no packet between them crosses the router. */
function bridgedVmLines(vm: LabVm, router: string): string[] {
  return [
    'link set lo up',
    ...vm.nics.flatMap((nic, index) => {
      const device = `eth${index}`
      return [
        `link add ${device} address ${nic.mac} type veth peer name ${nic.device} netns ${router}`,
        `link set ${device} up`,
        ...nic.addresses.map((address) =>
          isIPv6(address)
            ? `addr add ${address}/64 dev ${device} nodad`
            : `addr add ${address}/24 dev ${device}`,
        ),
        ...(nic.type === 'public'
          ? [
              ...worldPrefixes.map((prefix) => `route add ${prefix} dev ${device}`),
              'route add default via 192.0.2.1',
              `route add ::/0 via fe80::1 dev ${device}`,
            ]
          : []),
      ]
    }),
  ]
}

const portLines = (nic: LabNic): string[] => [`link set ${nic.device} master ${bridgeOf(nic.type)} up`]

/** VMs sit behind host routes: they share no link, so everything between them crosses the router. */
function vmLines(vm: LabVm, router: string): string[] {
  return [
    'link set lo up',
    ...vm.nics.flatMap((nic, index) => {
      const device = `eth${index}`
      const v4 = nic.addresses.filter((address) => !isIPv6(address))
      const v6 = nic.addresses.filter(isIPv6)
      return [
        `link add ${device} address ${nic.mac} type veth peer name ${nic.device} netns ${router}`,
        `link set ${device} up`,
        ...v4.map((address) => `addr add ${address}/32 dev ${device}`),
        ...v6.map((address) => `addr add ${address}/128 dev ${device} nodad`),
        ...(v4.length > 0 ? [`route add ${gateway(nic)} dev ${device} scope link`] : []),
        ...(v4.length > 0
          ? [`route add ${nic.type === 'private' ? '10.0.0.0/24' : 'default'} via ${gateway(nic)}`]
          : []),
        ...(v6.length > 0 ? [`route add ::/0 via fe80::1 dev ${device}`] : []),
      ]
    }),
  ]
}

function routerLines(nic: LabNic): string[] {
  return [
    `link set ${nic.device} up`,
    `addr add ${gateway(nic)}/32 dev ${nic.device}`,
    `addr add fe80::1/64 dev ${nic.device} nodad`,
    ...nic.addresses.map((address) =>
      isIPv6(address)
        ? `route add ${address}/128 dev ${nic.device}`
        : `route add ${address}/32 dev ${nic.device}`,
    ),
  ]
}

const gateway = (nic: LabNic): string => (nic.type === 'private' ? '10.0.0.1' : '192.0.2.1')

async function createOutside(prefix: string, bridged: boolean): Promise<void> {
  const router = routerNamespace(prefix)
  await batch(
    ['-n', namespaceOf(prefix, outside.name)],
    [
      'link set lo up',
      `link add eth0 type veth peer name up0 netns ${router}`,
      'link set eth0 up',
      `addr add ${outside.ipv4}/24 dev eth0`,
      `addr add ${outside.ipv6}/64 dev eth0 nodad`,
      ...(bridged
        ? publicPrefixes.map((prefix) => `route add ${prefix} dev eth0`)
        : ['route add default via 198.51.100.1', 'route add ::/0 via 2001:db8:ffff::1']),
    ],
  )
  await batch(
    ['-n', router],
    bridged
      ? [`link set up0 master ${bridgeOf('public')} up`]
      : ['link set up0 up', 'addr add 198.51.100.1/24 dev up0', 'addr add 2001:db8:ffff::1/64 dev up0 nodad'],
  )
}

const batch = (options: readonly string[], lines: readonly string[]): Promise<string> =>
  mustRun('ip', [...options, '-batch', '-'], `${lines.join('\n')}\n`)

/** Ends with the first answer: links come up when the kernel says so, not after a time we guess. */
async function reaches(prefix: string, name: string, address: string): Promise<void> {
  const args = [
    'netns',
    'exec',
    namespaceOf(prefix, name),
    'ping',
    '-n',
    '-q',
    '-c',
    '1',
    '-i',
    '0.02',
    '-w',
    '5',
    address,
  ]
  const ran = await run('ip', args)
  if (ran.status !== 0)
    throw new Error(`${name} does not reach the router at ${address}: ${ran.stderr || ran.stdout}`)
}
