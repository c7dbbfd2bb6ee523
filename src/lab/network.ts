/**
 * The lab's network: namespaces for the VMs and for the world, joined by a router namespace.
 *
 * Every name begins with the lab's prefix, every link is made inside the namespaces: the machine's own interfaces,
 * routes, rules and settings are never touched.
 *
 *     VM eth0 ── tap1i0 ┐
 *     VM eth0 ── tap2i0 ┤ router ├ up0 ── eth0 outside
 *     VM eth1 ── tap2i1 ┘
 */
import { readdir } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { mustRun, run } from './run.ts'
import { type LabNic, type LabVm, outside } from './topology.ts'

export interface Network {
  /** `pcl-lab-`: what every namespace's name begins with. */
  readonly prefix: string
  readonly vms: readonly LabVm[]
}

export const routerNamespace = (prefix: string): string => `${prefix}router`
/** Of a VM, or of `outside`. */
export const namespaceOf = (prefix: string, name: string): string => `${prefix}${name}`

/** Answers when a packet can go from every VM to the router and back. */
export async function createNetwork({ prefix, vms }: Network): Promise<void> {
  const router = routerNamespace(prefix)
  const names = [router, namespaceOf(prefix, outside.name), ...vms.map((vm) => namespaceOf(prefix, vm.name))]
  await batch(
    [],
    names.map((name) => `netns add ${name}`),
  )
  await mustRun('ip', ['netns', 'exec', router, 'sh', '-c', routerSettings])
  await Promise.all([createOutside(prefix), ...vms.map((vm) => plug(prefix, vm))])
  await Promise.all([
    reaches(prefix, outside.name, '198.51.100.1'),
    reaches(prefix, outside.name, '2001:db8:ffff::1'),
    ...vms.flatMap((vm) =>
      vm.nics.flatMap((nic, index) =>
        nic.addresses.map((address) =>
          reaches(prefix, vm.name, isIPv6(address) ? `fe80::1%eth${index}` : gateway(nic)),
        ),
      ),
    ),
  ])
}

/** Joins a VM's namespace, without links yet, to the router. */
export async function plug(prefix: string, vm: LabVm): Promise<void> {
  const router = routerNamespace(prefix)
  await batch(['-n', namespaceOf(prefix, vm.name)], vmLines(vm, router))
  await batch(['-n', router], vm.nics.flatMap(routerLines))
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
].join('; ')

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

async function createOutside(prefix: string): Promise<void> {
  const router = routerNamespace(prefix)
  await batch(
    ['-n', namespaceOf(prefix, outside.name)],
    [
      'link set lo up',
      `link add eth0 type veth peer name up0 netns ${router}`,
      'link set eth0 up',
      `addr add ${outside.ipv4}/24 dev eth0`,
      `addr add ${outside.ipv6}/64 dev eth0 nodad`,
      'route add default via 198.51.100.1',
      'route add ::/0 via 2001:db8:ffff::1',
    ],
  )
  await batch(
    ['-n', router],
    ['link set up0 up', 'addr add 198.51.100.1/24 dev up0', 'addr add 2001:db8:ffff::1/64 dev up0 nodad'],
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
