/**
 * A host in a network namespace of its own, with two VMs and the world around it, and `portcullis` run on it as an
 * operator runs it: with starts that fail, and without a lab that waits until rules are in force.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createNetwork, destroyNetwork, namespaceOf, plug, routerNamespace } from '../../src/lab/network.ts'
import { mustRun, type Ran, run } from '../../src/lab/run.ts'
import { outside } from '../../src/lab/topology.ts'
import { defaultVms } from './lab-topology.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname

/** `one` has the devices `tap1i0`, `two` has `tap2i0` and `tap2i1`. */
const [one, two] = defaultVms as [(typeof defaultVms)[0], (typeof defaultVms)[0]]

export interface Service {
  readonly child: ChildProcess
  readonly url: string
  stdout(): string
  stderr(): string
  /** Waits until one of its outputs matches. */
  says(pattern: RegExp): Promise<void>
  /** Ends it; SIGTERM unless told otherwise. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface Host {
  readonly folder: string
  /** The network namespace that is the host. */
  readonly netns: string
  /** Arguments that make `serve` work on this host. */
  readonly flags: readonly string[]
  /** Writes an inventory of these interfaces, by server, all under UpCloud's profile and without rules. */
  describe(interfaces: Record<string, unknown>[], more?: Record<string, unknown>): Promise<string>
  /** Starts `serve`, and answers when it listens. */
  serve(
    args: readonly string[],
    options?: {
      readonly wrapper?: readonly string[]
      /** Another than that of the sources. */
      readonly program?: string
    },
  ): Promise<Service>
  /** Runs the program until it ends. */
  portcullis(args: readonly string[], env?: Record<string, string>): Promise<Ran>
  inRouter(command: readonly string[], input?: string): Promise<Ran>
  inside(name: string, command: readonly string[], input?: string): Promise<string>
  /**
   * Echo requests that arrive, of three sent on each way: from the world to VM one (`in`), from VM one to the world
   * (`out`), from the router itself to VM one (`local`), from VM one to the router itself (`host`), and between the VMs.
   */
  arriving(): Promise<Record<Way, number>>
  /** Sends echo requests one way until it is stopped, all of one connection, or each of its own. */
  stream(way: Exclude<Way, 'host'>, each?: 'anew'): Promise<Stream>
  /** Waits until `arriving` is as wanted: rules that are new are not in force at once. */
  until(wanted: (arriving: Record<Way, number>) => boolean): Promise<void>
  /** Takes VM one's device away and plugs another in under the same name. */
  replug(device: string): Promise<void>
  remove(): Promise<void>
}

export interface Stream {
  /** How many have arrived so far. */
  arrived(): Promise<number>
  /** How many were sent in all. */
  stop(): Promise<number>
}

const ways = ['in', 'out', 'local', 'host', 'between'] as const
export type Way = (typeof ways)[number]
export const closed: Record<Way, number> = { in: 0, out: 0, local: 0, host: 0, between: 0 }
export const open: Record<Way, number> = { in: 3, out: 3, local: 3, host: 3, between: 3 }

/** Tells the ways apart: differentiated services code points that nobody looks at here. */
const dscpOf = (n: number) => 8 * (n + 1)

function senderOf(device: unknown): Record<string, unknown> {
  const nic = [...one.nics, ...two.nics].find((each) => each.device === device)
  return nic ? { mac: nic.mac, addresses: nic.addresses, type: nic.type } : {}
}

/** `bridged`: VMs and world are ports of bridges, neighbours on one link. */
export async function createHost(name: string, { bridged = false } = {}): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-host-'))
  const prefix = `pcl-${name}${process.pid % 10_000}-`
  const router = routerNamespace(prefix)
  await createNetwork({ prefix, vms: [one, two], bridged })
  // VMs and the world count what comes in; the router counts what it delivers to itself.
  const counting = (hook: string) => `table inet seen {
    ${ways.map((way) => `counter ${way} { }`).join('\n')}
    chain arrivals { type filter hook ${hook} priority 400; policy accept;
      ${ways.map((way, n) => `icmp type echo-request ip dscp ${dscpOf(n)} counter name ${way}`).join('\n')}
    }
  }\n`
  const within = (name: string) => ['netns', 'exec', name]
  for (const each of [outside.name, one.name, two.name]) {
    await mustRun('ip', [...within(namespaceOf(prefix, each)), 'nft', '-f', '-'], counting('prerouting'))
  }
  await mustRun('ip', [...within(router), 'nft', '-f', '-'], counting('input'))

  const address = one.nics[0]?.addresses[0] ?? ''
  const sends: Record<Way, readonly [from: string, to: string, counted: string]> = {
    in: [namespaceOf(prefix, outside.name), address, namespaceOf(prefix, one.name)],
    out: [namespaceOf(prefix, one.name), outside.ipv4, namespaceOf(prefix, outside.name)],
    local: [router, address, namespaceOf(prefix, one.name)],
    host: [namespaceOf(prefix, one.name), bridged ? '192.0.2.1' : '198.51.100.1', router],
    between: [namespaceOf(prefix, two.name), address, namespaceOf(prefix, one.name)],
  }

  async function arrivedOn(way: Way): Promise<number> {
    const text = await mustRun('ip', [
      ...within(sends[way][2]),
      'nft',
      'list',
      'counter',
      'inet',
      'seen',
      way,
    ])
    return Number(/packets (\d+)/.exec(text)?.[1])
  }

  /** Again where somebody else's change of the namespace's tables comes in between, which the kernel refuses. */
  async function resetCounters(inside: readonly string[]): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      const ran = await run('ip', [...inside, 'nft', 'reset', 'counters', 'table', 'inet', 'seen'])
      if (ran.status === 0) return
      assert.ok(/Interrupted system call/.test(ran.stderr) && attempts < 20, ran.stderr)
    }
  }

  async function arriving(): Promise<Record<Way, number>> {
    const namespaces = [...new Set(Object.values(sends).map(([, , counted]) => counted))]
    await Promise.all(namespaces.map((each) => resetCounters(within(each))))
    await Promise.all(
      ways.map((way, n) => {
        const [from, to] = sends[way]
        const args = ['-n', '-q', '-c', '3', '-i', '0.01', '-W', '0.3', '-Q', String(4 * dscpOf(n)), to]
        return run('ip', [...within(from), 'ping', ...args])
      }),
    )
    const counted = await Promise.all(
      ways.map(async (way): Promise<[Way, number]> => [way, await arrivedOn(way)]),
    )
    return Object.fromEntries(counted) as Record<Way, number>
  }

  async function stream(way: Exclude<Way, 'host'>, each?: 'anew'): Promise<Stream> {
    const [from, to] = sends[way]
    const args = ['-n', '-q', '-Q', String(4 * dscpOf(ways.indexOf(way))), to]
    const one = `ping -c 1 -W 0.002 ${args.join(' ')} > /dev/null; n=$((n + 1))`
    const many = `n=0; trap 'echo "$n packets transmitted"; exit' INT; while :; do ${one}; done`
    const command = each === 'anew' ? ['sh', '-c', many] : ['ping', '-i', '0.002', ...args]
    const child = spawn('ip', [...within(from), ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
    streams.add(child)
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    const ended = once(child, 'close')
    const before = await arrivedOn(way)
    return {
      arrived: async () => (await arrivedOn(way)) - before,
      async stop() {
        child.kill('SIGINT')
        await ended
        streams.delete(child)
        return Number(/(\d+) packets transmitted/.exec(said)?.[1])
      },
    }
  }

  const streams = new Set<ChildProcess>()
  const started: Service[] = []
  const node = (args: readonly string[]) => [process.execPath, program, ...args] as const
  const env = (more: Record<string, string> = {}) => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('PORTCULLIS_'))),
    ...more,
  })
  const flags = [...['--data', join(folder, 'data'), '--netns', router], ...['--guard', 'tap*']]

  return {
    folder,
    netns: router,
    flags,
    async describe(interfaces, more = {}) {
      const path = join(folder, 'inventory.yaml')
      const servers = interfaces.map((nic, n) => ({
        ...{ profile: 'upcloud', id: `00000000-0000-4000-8000-00000000000${n + 1}`, name: `vm${n + 1}` },
        // MAC and addresses as they are, or its packets would be forged.
        ...{ firewall: true, interfaces: [{ host: 'kvm', ...senderOf(nic.device), ...nic }] },
      }))
      const account = { name: 'a', credentials: [{ token: 'token' }], servers, ...more }
      await writeFile(path, JSON.stringify({ accounts: [account] }))
      return path
    },
    async serve(args, { wrapper = [], program: main = program } = {}) {
      const own = ['serve', '--listen', '127.0.0.1:0', ...args]
      const [command, ...rest] = [...wrapper, process.execPath, main, ...own]
      const child = spawn(command as string, rest, {
        cwd: folder,
        env: env(),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text) => {
        stdout += text
      })
      child.stderr.setEncoding('utf8').on('data', (text) => {
        stderr += text
      })
      const ended = once(child, 'close')
      while (!stdout.includes('\n')) {
        if (child.exitCode !== null) throw new Error(stderr)
        await Promise.race([once(child.stdout, 'data'), ended])
      }
      const service: Service = {
        child,
        url: /^listening on (\S+)/.exec(stdout)?.[1] ?? '',
        stdout: () => stdout,
        stderr: () => stderr,
        async says(pattern) {
          const signal = AbortSignal.timeout(15_000)
          while (!pattern.test(stdout) && !pattern.test(stderr)) {
            assert.ok(!signal.aborted && child.exitCode === null, `${stdout}${stderr}`)
            await Promise.race([
              once(child.stdout, 'data', { signal }).catch(() => {}),
              once(child.stderr, 'data', { signal }).catch(() => {}),
              ended,
            ])
          }
        },
        async stop(signal = 'SIGTERM') {
          child.kill(signal)
          await ended
        },
      }
      started.push(service)
      return service
    },
    portcullis(args, more) {
      return new Promise((resolve) => {
        const [command, ...rest] = node(args)
        const child = spawn(command as string, rest, {
          cwd: folder,
          env: env(more),
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let [stdout, stderr] = ['', '']
        child.stdout.setEncoding('utf8').on('data', (text) => {
          stdout += text
        })
        child.stderr.setEncoding('utf8').on('data', (text) => {
          stderr += text
        })
        child.on('close', (code) => resolve({ status: code ?? 1, stdout, stderr }))
      })
    },
    inRouter: (command, input) => run('ip', [...within(router), ...command], input),
    inside: (name, command, input) =>
      mustRun('ip', [...within(namespaceOf(prefix, name)), ...command], input),
    arriving,
    stream,
    async until(wanted) {
      const deadline = Date.now() + 15_000
      for (;;) {
        const now = await arriving()
        if (wanted(now)) return
        assert.ok(Date.now() < deadline, `still ${JSON.stringify(now)}`)
        await delay(20)
      }
    },
    async replug(device) {
      await mustRun('ip', ['-n', router, 'link', 'del', device])
      await plug(prefix, one, bridged)
    },
    async remove() {
      for (const child of streams) child.kill('SIGKILL')
      for (const { child } of started)
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await destroyNetwork(prefix)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
