/**
 * A hypervisor of its own: libvirtd and virtlogd in a network namespace whose name, /run, /etc/libvirt and /var/lib/libvirt are its own too, emulated
 * domains on a bridge, and a neighbour outside that sends to them. A second one may stand beside the first. Nothing of the machine's is touched.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun, type Ran, run } from '../../src/lab/run.ts'
import { eventually } from './eventually.ts'
import { noLabOr } from './lab.ts'

/** For `test({ skip })`. */
export const noLibvirt: string | false = await noLabOr({
  virsh: 'libvirt-clients',
  libvirtd: 'libvirt-daemon-system',
  'qemu-system-x86_64': 'qemu-system-x86',
  tcpdump: 'tcpdump',
  curl: 'curl',
})

export interface Domain {
  readonly name: string
  /** Absent: libvirt makes one. */
  readonly uuid?: string
  /** Its interfaces' MACs, all in the bridge. */
  readonly macs: readonly string[]
  /** Content of its metadata; absent: none. */
  readonly metadata?: string
}

/** UDP datagrams that reached ports of the bridge, behind all rules. */
export interface Arrived {
  readonly device: string
  /** To whom. */
  readonly mac: string
  readonly port: number
  readonly packets: number
}

export interface Libvirt {
  readonly folder: string
  /** Name of its network namespace, and of the neighbour's. */
  readonly host: string
  readonly world: string
  /** What a command begins with that is to run on the hypervisor; its working directory is `/` there. */
  readonly enter: readonly [program: string, ...args: string[]]
  /** A program that runs virsh there. */
  readonly virshPath: string
  run(command: readonly string[], input?: string): Promise<Ran>
  mustRun(command: readonly string[], input?: string): Promise<string>
  virsh(...args: string[]): Promise<string>
  define(domain: Domain): Promise<void>
  /** Devices of a domain that runs, in order. */
  devicesOf(name: string): Promise<string[]>
  /** Writes the hook that libvirtd calls; it finds new ones only when it starts. */
  hook(script: string): Promise<void>
  startDaemon(): Promise<void>
  /** As by SIGKILL: domains run on. */
  killDaemon(): Promise<void>
  /** Sends a datagram each few milliseconds from the world to an address behind a MAC. Answers how to stop, with how many it sent. */
  stream(to: {
    readonly mac: string
    readonly address: string
    readonly port: number
  }): Promise<() => Promise<number>>
  /** Resolves when the world has sent so many more. */
  sent(datagrams: number): Promise<void>
  /** Since the last reset. */
  arrived(): Promise<readonly Arrived[]>
  reset(): Promise<void>
  remove(): Promise<void>
}

export const bridge = 'br0'
export const emulator = '/usr/bin/qemu-system-x86_64'

/** The XML of a domain that boots nothing: its firmware waits for a disk that never comes. */
export const domainXml = ({ name, uuid, macs, metadata = '' }: Domain): string => `<domain type='qemu'>
  <name>${name}</name>${uuid === undefined ? '' : `<uuid>${uuid}</uuid>`}
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <metadata>${metadata}</metadata>
  <devices>
    <emulator>${emulator}</emulator>
    ${macs.map((mac) => `<interface type='bridge'><mac address='${mac}'/><source bridge='${bridge}'/><model type='virtio'/></interface>`).join('\n    ')}
    <memballoon model='none'/>
  </devices>
</domain>
`

/** libvirt's own, which a namespace of mounts gives another of. */
const own = {
  run: '/run',
  etc: '/etc/libvirt',
  lib: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
}

export interface LibvirtOptions {
  /** Without a bridge, and nothing outside. */
  readonly bare?: boolean
  /** The world outside is that one's; it is removed after this one. The two reach each other at 198.51.100.1 and 198.51.100.2 besides. */
  readonly beside?: Libvirt
}

export async function createLibvirt(
  name: string,
  { bare = false, beside }: LibvirtOptions = {},
): Promise<Libvirt> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-libvirt-'))
  const host = `pcl-${name}${process.pid % 100_000}`
  const world = beside?.world ?? `${host}-world`
  for (const part of Object.keys(own)) await mkdir(join(folder, part))
  await mkdir(join(folder, 'etc/hooks'))
  await mkdir(join(folder, 'run/lock'))
  await writeFile(
    join(folder, 'etc/qemu.conf'),
    // Processes of domains stay in what we remove, and nothing of the machine confines them.
    'security_driver = "none"\nuser = "root"\ngroup = "root"\nnamespaces = []\ncgroup_controllers = []\nremember_owner = 0\n',
  )
  // What polkit, which is no part of this, says to everybody unless it is told otherwise.
  await writeFile(join(folder, 'etc/libvirtd.conf'), `auth_unix_ro = "none"\nhost_uuid = "${randomUUID()}"\n`)
  await mustRun('ip', ['netns', 'add', host])
  if (!beside) await mustRun('ip', ['netns', 'add', world])
  const mounts = Object.entries(own).map(([part, path]) => `mount --bind ${join(folder, part)} ${path}`)
  const holder = spawn(
    'ip',
    [
      ...['netns', 'exec', host, 'unshare', '--uts', '--mount', '--propagation', 'private', 'sh', '-ec'],
      [`hostname ${host}`, ...mounts, 'echo $$', 'exec cat'].join('\n'),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const [said] = (await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'close').then(() => assert.fail('no namespace of mounts')),
  ])) as [Buffer]
  const enter = ['nsenter', '-t', String(said).trim(), '-m', '-n', '-u'] as const
  const streams = new Set<ChildProcess>()

  const runHere = (command: readonly string[], input?: string) => {
    const [program, ...args] = [...enter, ...command] as [string, ...string[]]
    return run(program, args, input)
  }
  async function must(command: readonly string[], input?: string): Promise<string> {
    const ran = await runHere(command, input)
    assert.equal(ran.status, 0, `${command.join(' ')}: ${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }
  const virsh = (...args: string[]) => must(['virsh', '--quiet', ...args])
  const inWorld = (command: readonly string[]) => mustRun('ip', ['netns', 'exec', world, ...command])

  async function startDaemon(): Promise<void> {
    await must(['libvirtd', '--daemon', '--pid-file', '/run/libvirtd.pid'])
    await eventually('libvirtd answers', async () =>
      (await runHere(['virsh', 'uri'])).status === 0 ? true : undefined,
    )
  }
  const daemonPid = async () => Number(await readFile(join(folder, 'run/libvirtd.pid'), 'utf8'))

  const virshPath = join(folder, 'virsh')
  await writeFile(virshPath, `#!/bin/sh\nexec ${enter.join(' ')} virsh "$@"\n`)
  await chmod(virshPath, 0o700)

  const libvirt: Libvirt = {
    folder,
    host,
    world,
    enter,
    virshPath,
    run: runHere,
    mustRun: must,
    virsh,
    async define(domain) {
      const file = join(folder, 'domain.xml')
      await writeFile(file, domainXml(domain))
      await virsh('define', file)
    },
    async devicesOf(domain) {
      return (await virsh('domiflist', domain)).split('\n').flatMap((line) => {
        const [device = ''] = line.trim().split(/\s+/)
        return device === '' ? [] : [device]
      })
    },
    async hook(script) {
      await writeFile(join(folder, 'etc/hooks/qemu'), script)
      await chmod(join(folder, 'etc/hooks/qemu'), 0o700)
    },
    startDaemon,
    async killDaemon() {
      const pid = await daemonPid()
      process.kill(pid, 'SIGKILL')
      await eventually('libvirtd is gone', async () =>
        (await runHere(['virsh', 'uri'])).status === 0 ? undefined : true,
      )
    },
    async stream({ mac, address, port }) {
      await inWorld(['ip', 'neighbour', 'replace', address, 'lladdr', mac, 'dev', 'eth0'])
      const script = `n=0; trap 'echo $n; exit' TERM; while :; do echo x > /dev/udp/${address}/${port}; n=$((n + 1)); read -t 0.005 _ <> <(:); done`
      const child = spawn('ip', ['netns', 'exec', world, 'bash', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      streams.add(child)
      let sent = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        sent += text
      })
      return async () => {
        child.kill()
        await once(child, 'close')
        streams.delete(child)
        return Number(sent)
      }
    },
    async sent(datagrams) {
      const read = async () => {
        const [{ stats64 }] = JSON.parse(await inWorld(['ip', '-j', '-s', 'link', 'show', 'eth0'])) as [
          { stats64: { tx: { packets: number } } },
        ]
        return stats64.tx.packets
      }
      const before = await read()
      await eventually(`${datagrams} are sent`, async () =>
        (await read()) >= before + datagrams ? true : undefined,
      )
    },
    async arrived() {
      const { nftables } = JSON.parse(
        await must(['nft', '-j', 'list', 'set', 'bridge', 'seen', 'arrived']),
      ) as {
        nftables: {
          set?: {
            elem?: { elem: { val: { concat: [string, string, number] }; counter: { packets: number } } }[]
          }
        }[]
      }
      return (nftables.find(({ set }) => set)?.set?.elem ?? []).map(({ elem: { val, counter } }) => {
        const [device, mac, port] = val.concat
        return { device, mac, port, packets: counter.packets }
      })
    },
    async reset() {
      await must(['nft', 'flush', 'set', 'bridge', 'seen', 'arrived'])
    },
    async remove() {
      for (const child of streams) child.kill('SIGKILL')
      for (const space of beside ? [host] : [host, world]) {
        await eventually(`nobody is in ${space}`, async () => {
          const pids = (await run('ip', ['netns', 'pids', space])).stdout
            .split('\n')
            .filter((each) => each !== '')
          for (const pid of pids) await run('kill', ['-KILL', pid])
          return pids.length === 0 ? true : undefined
        })
        await run('ip', ['netns', 'delete', space])
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await must(['virtlogd', '--daemon', '--pid-file', '/run/virtlogd.pid'])
    await must(['ip', 'link', 'set', 'lo', 'up'])
    if (bare) return libvirt
    await must(['ip', 'link', 'add', bridge, 'type', 'bridge'])
    // Its own, which would be that of whichever port has the lowest.
    await must(['ip', 'link', 'set', bridge, 'address', '02:00:00:00:00:01', 'up'])
    const inHost = (line: string) => mustRun('ip', ['-n', host, ...line.split(' ')])
    const port = beside ? 'port2' : 'port1'
    await inHost(`link add uplink master ${bridge} type veth peer name ${port} netns ${world}`)
    await inHost('link set uplink up')
    if (!beside) {
      await inWorld(['ip', 'link', 'add', 'eth0', 'type', 'bridge'])
      await inWorld(['ip', 'address', 'add', '192.0.2.1/24', 'dev', 'eth0'])
      await inWorld(['ip', 'link', 'set', 'eth0', 'up'])
    }
    await inWorld(['ip', 'link', 'set', port, 'master', 'eth0', 'up'])
    if (beside) {
      await inHost(`link add manage type veth peer name manage netns ${beside.host}`)
      for (const [space, address] of [
        [beside.host, '198.51.100.1/24'],
        [host, '198.51.100.2/24'],
      ] as const) {
        await mustRun('ip', ['-n', space, 'address', 'add', address, 'dev', 'manage'])
        await mustRun('ip', ['-n', space, 'link', 'set', 'manage', 'up'])
      }
    }
    await must(
      ['nft', '-f', '-'],
      `table bridge seen {
      set arrived { typeof oifname . ether daddr . udp dport; size 65535; flags dynamic; }
      chain last { type filter hook postrouting priority 2147483000; policy accept;
        oifname "vnet*" meta l4proto udp update @arrived { oifname . ether daddr . udp dport counter }
      }
    }\n`,
    )
  } catch (error) {
    await libvirt.remove()
    throw error
  }
  return libvirt
}
