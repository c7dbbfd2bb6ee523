/**
 * Two hosts with VMs, and a world between them in which two services share one PostgreSQL, each in a network namespace of its
 * own, and everybody as a user of their own with the least rights. Agents reach the services by TLS, through a balancer, over
 * links that nothing else goes over.
 *
 *     vm1 ── tap1i0 kvm1 up0 ── d1 world d2 ── up0 kvm2 tap2i0 ── vm2
 *                   kvm1 mg0 ── m1 world m2 ── mg0 kvm2
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { certificatesIn } from './certificates.ts'
import type { Answered } from './lab.ts'
import { type Cluster, startCluster } from './postgresql.ts'
import { type Remote, remote } from './remote.ts'
import type { World } from './world-child.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname
/** No accounts of the machine. */
export const users = { service: 61_301, agent: 61_302 } as const
const enough = 60_000

export const services = [1, 2] as const
export const hosts = ['kvm1', 'kvm2'] as const
export type HostName = (typeof hosts)[number]
export interface Vm {
  readonly name: string
  readonly device: string
  readonly mac: string
  readonly address: string
}
export const vms = [1, 2, 3].map(
  (n): Vm => ({ name: `vm${n}`, device: `tap${n}i0`, mac: `52:54:00:00:09:0${n}`, address: `192.0.2.1${n}` }),
) as [Vm, Vm, Vm]
/** The world's, for VMs. */
export const worldAddress = '198.51.100.10'

/** Resolves with what `look` finds, when it finds something. */
export async function eventually<T>(what: () => string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + enough
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(performance.now() < deadline, what())
    await delay(20)
  }
}

export interface Running {
  readonly child: ChildProcess
  said(): string
  /** Waits until it has said that so often. */
  says(pattern: RegExp, times?: number): Promise<void>
  kill(): Promise<void>
}

export interface TwoHosts {
  readonly folder: string
  readonly database: Cluster
  readonly world: Remote<World>
  /** PEM of the authority of the services. */
  readonly ca: string
  /** Where agents of a host reach the services. */
  url(host: HostName): string
  /** In it: the same for the processes of VMs. */
  inVm(vm: Vm): Remote<World>
  namespace(name: string): string
  in(name: string, command: readonly string[], input?: string): Promise<string>
  /** The device of a VM, on a host. */
  plug(vm: Vm, host: HostName): Promise<void>
  unplug(vm: Vm, host: HostName): Promise<void>
  /** Where the world sends what is for a VM; null: nowhere. */
  route(vm: Vm, host: HostName | null): Promise<void>
  serve(n: number): Promise<Running>
  /** `disk`: MiB of a disk of its own, for its state alone. */
  agent(host: HostName): Promise<Running>
  /** The directory of an agent's state, on a disk of 1 MiB for it alone, as it is seen from here. */
  state(host: HostName): string
  /** The clock of all of them goes by so many seconds more than the machine's, from now on. */
  jump(seconds: number): Promise<void>
  readonly running: ReadonlyMap<string, Running>
  tokenFile(host: HostName): string
  /** As an operator; of a service. */
  ask(n: number, method: string, path: string, body?: unknown): Promise<Answered>
  /** The same, of whoever answers, which it must. */
  must(method: string, path: string, body?: unknown): Promise<Answered['body']>
  actAs(account: string): void
  /** Datagrams that have arrived, by port. */
  arrived(at: string): Promise<ReadonlyMap<number, number>>
  remove(): Promise<void>
}

const balancer = 7000
const portOf = (n: number): number => balancer + n

export async function createTwoHosts(): Promise<TwoHosts> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-hosts-'))
  const prefix = `pcl-two${process.pid % 10_000}-`
  const namespace = (name: string) => `${prefix}${name}`
  const running = new Map<string, Running>()
  const remotes: { end(): Promise<void> }[] = []
  let database: Cluster | undefined

  const stateOf = (host: HostName) => join(folder, host, 'state')
  let holder: ChildProcess | undefined
  /** Mounts that only those see who are started in them; gone with who holds them. */
  async function openDisks(): Promise<ChildProcess> {
    const options = `size=1m,uid=${users.agent},mode=700`
    const mounts = hosts.map((host) => `mount -t tmpfs -o ${options} none ${stateOf(host)}`)
    const script = `${mounts.join(' && ')} && echo done && exec sleep infinity`
    const child = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    holder = child
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
    assert.equal(child.exitCode, null)
    return child
  }

  async function remove(): Promise<void> {
    for (const each of running.values()) each.child.kill('SIGKILL')
    await Promise.all(remotes.map((each) => each.end()))
    await destroyNetwork(prefix)
    holder?.kill('SIGKILL')
    database?.remove()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await chmod(folder, 0o755)
    await createLinks(namespace)
    database = startCluster()
    const socket = new URL(database.url).searchParams.get('host') as string
    // Its own user's alone until now.
    chmodSync(socket, 0o755)
    return await open(database)
  } catch (error) {
    await remove()
    throw error
  }

  async function open(database: Cluster): Promise<TwoHosts> {
    const tls = certificatesIn(join(folder, 'tls'))
    const root = tls.authority('root')
    const names = 'IP:127.0.0.1,IP:10.9.1.1,IP:10.9.2.1'
    const pair = tls.make('service', { names, by: root })
    chownSync(pair.key, users.service, users.service)
    const ca = await readFile(root.cert, 'utf8')
    await mkdir(join(folder, 'service'))
    await chown(join(folder, 'service'), users.service, users.service)
    for (const host of hosts) {
      await mkdir(join(folder, host), { mode: 0o700 })
      await chown(join(folder, host), users.agent, users.agent)
      await mkdir(stateOf(host))
    }
    const disks = await openDisks()
    const clock = await createClock(folder)
    const open = (name: string): Remote<World> => {
      const opened = remote<World>(namespace(name), 'world-child.ts')
      remotes.push(opened)
      return opened
    }
    const world = open('world')
    const inside = new Map(vms.map((vm) => [vm.name, open(vm.name)]))
    await world.balance(balancer, services.map(portOf))
    const tokenFile = (host: HostName) => join(folder, host, 'token')
    const operatorFile = join(folder, 'service', 'operator')
    let token = ''
    let account: string | undefined

    async function ask(n: number, method: string, path: string, body?: unknown) {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(account !== undefined &&
          !/^\/v1\/(bindings|hosts|credentials)/.test(path) && { 'on-behalf-of': account }),
      }
      const text = body === undefined ? undefined : JSON.stringify(body)
      const answer = await world.call(portOf(n), method, path, headers, text, ca)
      const isJson = /^[[{]/.test(answer.text)
      return { status: answer.status, body: isJson ? JSON.parse(answer.text) : answer.text }
    }

    function start(name: string, where: string, command: readonly string[]): Running {
      const env = Object.fromEntries(
        Object.entries(process.env).filter(([key]) => !key.startsWith('PORTCULLIS_')),
      )
      const within = ['--mount', '--target', String(disks.pid), 'ip', 'netns', 'exec', namespace(where)]
      const child = spawn('nsenter', [...within, ...command], {
        ...{ cwd: '/', env: { ...env, ...clock.env } },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const ended = once(child, 'close')
      let said = ''
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => {
          said += text
          child.emit('said')
        })
      const isOver = () => child.exitCode !== null || child.signalCode !== null
      const started: Running = {
        child,
        said: () => said,
        async says(pattern, times = 1) {
          const signal = AbortSignal.timeout(enough)
          const all = new RegExp(pattern, 'gm')
          while ((said.match(all) ?? []).length < times) {
            assert.ok(!signal.aborted && !isOver(), `${name}: no ${pattern}: ${said}`)
            await Promise.race([once(child, 'said', { signal }).catch(() => {}), ended])
          }
        },
        async kill() {
          child.kill('SIGKILL')
          await ended
          running.delete(name)
        },
      }
      running.set(name, started)
      return started
    }

    return {
      ...{ folder, database, world, ca, namespace, running, tokenFile, ask, remove },
      url: (host) => `https://10.9.${host.at(-1)}.1:${balancer}`,
      inVm: (vm) => inside.get(vm.name) as Remote<World>,
      in: (name, command, input) => mustRun('ip', ['netns', 'exec', namespace(name), ...command], input),
      plug: (vm, host) => plug(namespace, vm, host),
      unplug: async (vm, host) => {
        await mustRun('ip', ['-n', namespace(host), 'link', 'del', vm.device])
      },
      route: (vm, host) => route(namespace, vm, host),
      async serve(n) {
        const files = ['--tls-cert', pair.cert, '--tls-key', pair.key, '--operator-token-file', operatorFile]
        const store = ['--database', database.url, '--inventory', 'none']
        const own = [process.execPath, program, 'serve', '--listen', `127.0.0.1:${portOf(n)}`]
        const started = start(`service ${n}`, 'world', [
          ...asUser(users.service, ''),
          ...[...own, ...files, ...store],
        ])
        await started.says(/^listening on /m)
        token ||= (await readFile(operatorFile, 'utf8')).trim()
        return started
      },
      jump: clock.jump,
      state: (host) => join('/proc', String(disks.pid), 'root', stateOf(host)),
      async agent(host) {
        const to = ['--server', `https://10.9.${host.at(-1)}.1:${balancer}`, '--ca', root.cert]
        const as = ['--token-file', tokenFile(host), '--host', host, '--guard', 'tap*']
        return start(`agent ${host}`, host, [
          ...asUser(users.agent, ',+net_admin'),
          ...[process.execPath, program, 'agent', ...to, ...as, '--state-directory', stateOf(host)],
        ])
      },
      async must(method, path, body) {
        for (const n of services) {
          if (!running.has(`service ${n}`)) continue
          const answer = await ask(n, method, path, body)
          assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
          return answer.body
        }
        throw new Error('no service')
      },
      actAs(id) {
        account = id
      },
      async arrived(at) {
        const command = ['nft', '-j', 'list', 'set', 'inet', 'seen', 'ports']
        const text = await mustRun('ip', ['netns', 'exec', namespace(at), ...command])
        const { nftables } = JSON.parse(text) as {
          nftables: { set?: { elem?: { elem: { val: number; counter: { packets: number } } }[] } }[]
        }
        const elements = nftables.find((each) => each.set)?.set?.elem ?? []
        return new Map(elements.map(({ elem }) => [elem.val, elem.counter.packets]))
      },
    }
  }
}

/** The time of day of programs that are started with `env`, and of no others; their other clocks are the kernel's. */
async function createClock(folder: string) {
  const [source, library, file] = ['clock.c', 'clock.so', 'clock'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(source, clockSource)
  await writeFile(file, '0')
  await mustRun('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'])
  return {
    env: { LD_PRELOAD: library, TEST_CLOCK: file },
    jump: (seconds: number) => writeFile(file, String(seconds)),
  }
}

const clockSource = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
  char text[32] = {0};
  const char *path = getenv("TEST_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return 0;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  return got > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, at);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += offset();
  return result;
}
int gettimeofday(struct timeval *at, void *zone) {
  static int (*real)(struct timeval *, void *);
  if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
  int result = real(at, zone);
  if (result == 0) at->tv_sec += offset();
  return result;
}
`

/** Nobody's program, with these capabilities and no other: `,+net_admin`. */
const asUser = (uid: number, capabilities: string): string[] => [
  ...['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs'],
  ...['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=-all${capabilities}`),
]

async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  await mustRun('ip', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`)
}

/** What comes for ports below 9000 is counted and goes no further: no answer, no error, so that each packet begins a flow anew. */
const counting = `table inet seen {
  set ports { type inet_service; size 65535; flags dynamic; }
  chain arrivals { type filter hook input priority -400; policy accept;
    udp dport 1000-8999 add @ports { udp dport counter } drop
  }
}
`

async function createLinks(namespace: (name: string) => string): Promise<void> {
  const names = ['world', ...hosts, ...vms.map(({ name }) => name)].map(namespace)
  await mustRun('ip', ['-batch', '-'], names.map((name) => `netns add ${name}\n`).join(''))
  const settings = [
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    ...['all', 'default'].map((each) => `echo 0 > /proc/sys/net/ipv4/conf/${each}/rp_filter`),
  ].join('; ')
  for (const name of ['world', ...hosts].map(namespace)) {
    await mustRun('ip', ['netns', 'exec', name, 'sh', '-c', settings])
    await batch(name, ['link set lo up'])
  }
  const world = namespace('world')
  await batch(world, [`addr add ${worldAddress}/32 dev lo`])
  for (const [index, host] of hosts.entries()) {
    const n = index + 1
    await batch(world, [
      `link add d${n} type veth peer name up0 netns ${namespace(host)}`,
      `link add m${n} type veth peer name mg0 netns ${namespace(host)}`,
      ...[`addr add 10.8.${n}.1/24 dev d${n}`, `addr add 10.9.${n}.1/24 dev m${n}`],
      ...[`link set d${n} up`, `link set m${n} up`],
    ])
    await batch(namespace(host), [
      ...[`addr add 10.8.${n}.2/24 dev up0`, `addr add 10.9.${n}.2/24 dev mg0`],
      ...['link set up0 up', 'link set mg0 up', `route add default via 10.8.${n}.1 dev up0`],
      // No way round a link that is cut.
      'route add unreachable 10.9.0.0/16',
    ])
  }
  for (const [vm, host] of [
    [vms[0], 'kvm1'],
    [vms[1], 'kvm2'],
    [vms[2], 'kvm1'],
  ] as const) {
    await plug(namespace, vm, host)
    await route(namespace, vm, host)
  }
  for (const name of ['world', ...vms.map((each) => each.name)])
    await mustRun('ip', ['netns', 'exec', namespace(name), 'nft', '-f', '-'], counting)
  // Links are up when a packet has gone over them and back.
  for (const { name } of vms) {
    const ping = ['ping', '-n', '-q', '-c', '1', '-i', '0.02', '-w', '10', worldAddress]
    const ran = await run('ip', ['netns', 'exec', namespace(name), ...ping])
    if (ran.status !== 0) throw new Error(`${name} does not reach the world: ${ran.stderr || ran.stdout}`)
  }
}

/** The gateway is the host, which has the address of all gateways on each device. */
async function plug(namespace: (name: string) => string, vm: Vm, host: HostName): Promise<void> {
  await batch(namespace(vm.name), [
    'link set lo up',
    `link add eth0 address ${vm.mac} type veth peer name ${vm.device} netns ${namespace(host)}`,
    ...['link set eth0 up', `addr add ${vm.address}/32 dev eth0`],
    ...['route add 192.0.2.1 dev eth0 scope link', 'route add default via 192.0.2.1'],
  ])
  await batch(namespace(host), [
    ...[`link set ${vm.device} up`, `addr add 192.0.2.1/32 dev ${vm.device}`],
    `route add ${vm.address}/32 dev ${vm.device}`,
  ])
}

async function route(namespace: (name: string) => string, vm: Vm, host: HostName | null): Promise<void> {
  const n = host?.at(-1)
  const way = host
    ? `${vm.address}/32 via 10.8.${n}.2 dev d${n} src ${worldAddress}`
    : `blackhole ${vm.address}/32`
  await batch(namespace('world'), [`route replace ${way}`])
}
