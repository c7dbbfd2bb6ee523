/** The lab as a fixture: brought up once per file, rules set through the API, packets sent, and every verdict checked twice. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { down, type Lab, obstacle, save, up } from '../../src/lab/lab.ts'
import { namespaceOf, routerNamespace } from '../../src/lab/network.ts'
import {
  createProber,
  type Probe,
  type ProbeAnswer,
  type ProbeOptions,
  type Prober,
  planProbe,
} from '../../src/lab/probe.ts'
import { mustRun, type Ran, run } from '../../src/lab/run.ts'
import { startService, stopService } from '../../src/lab/service.ts'
import type { LabVm } from '../../src/lab/topology.ts'
import { credentials, topology } from './lab-topology.ts'

/** For `test({ skip })`: why there can be no lab here, or false. */
export const noLab: string | false = (await obstacle()) ?? false

/** The same for tests that need more programs, each with its Debian package. */
export async function noLabOr(programs: Readonly<Record<string, string>>): Promise<string | false> {
  for (const [name, debian] of Object.entries(programs)) {
    if ((await run('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${name}`])).status !== 0)
      return `it needs ${name} (Debian package ${debian})`
  }
  return noLab
}

/**
 * Whether br_netfilter shows bridged packets to the hooks of routed ones in a namespace: the sysctls of the kernel, which
 * begin as 1 where it is loaded. Nothing where it is not.
 */
export async function bridgeNetfilter(namespace: string, state: 'on' | 'off'): Promise<void> {
  const value = state === 'on' ? 1 : 0
  const files = ['iptables', 'ip6tables', 'arptables'].map(
    (name) => `/proc/sys/net/bridge/bridge-nf-call-${name}`,
  )
  const script = `for file in ${files.join(' ')}; do [ ! -e $file ] || echo ${value} > $file; done`
  await mustRun('ip', ['netns', 'exec', namespace, 'sh', '-c', script])
}

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname

export interface Answered {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test picks from whatever the API answered
  readonly body: any
}

/** A rule as UpCloud spells it; `direction` defaults to `in`, `family` to IPv4 when a protocol needs one. */
export type WireRule = Readonly<Record<string, string>>

export interface TestLab {
  readonly prober: Prober
  /** The lab as it is now: a restart changes its service. */
  lab(): Lab
  vm(name: string): LabVm
  api(method: string, path: string, body?: unknown): Promise<Answered>
  /** Replaces a VM's chain, and waits until that is enforced. */
  chain(vm: string, rules: readonly WireRule[]): Promise<void>
  firewall(vm: string, state: 'on' | 'off'): Promise<void>
  /** Waits until what was acknowledged last is enforced. */
  enforced(): Promise<void>
  /** Whether the host's agent says that it enforces all it knows. */
  behind(): Promise<boolean>
  /** Sends the packet, asks `/v1/trace` about it and about the answer, and asserts that both say the same. */
  probe(from: string, to: string, packet: string, options?: ProbeOptions): Promise<ProbeAnswer>
  /** The same probe without asking: for states in which desired and enforced differ. */
  send(from: string, to: string, packet: string, options?: ProbeOptions): Promise<ProbeAnswer>
  inRouter(command: readonly string[], input?: string): Promise<Ran>
  inside(name: string, command: readonly string[], input?: string): Promise<string>
  /** Ends the service as a crash would. */
  kill(): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

/** Whether labs are bridged where a test says nothing: PORTCULLIS_TEST_LAB=bridged runs the suites of routed labs there. */
export const bridgedByDefault = process.env.PORTCULLIS_TEST_LAB === 'bridged'
/** The table that judges there, as nft's words. */
export const judging = [bridgedByDefault ? 'bridge' : 'inet', 'portcullis'] as const

/** `serve`: more arguments for the service. */
export async function openLab(
  serve: readonly string[] = [],
  bridged: boolean = bridgedByDefault,
): Promise<TestLab> {
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-lab-'))
  // Nothing in the tests may wait for the periodic check: what repairs must be told.
  const started = await up({ directory, topology, program, listen: '127.0.0.1:0', serve, bridged })
  if (!started.ok) throw new Error(started.error)
  let lab = started.value
  const prober = createProber(lab.prefix)

  const vm = (name: string): LabVm => {
    const found = lab.vms.find((each) => each.name === name)
    if (!found) throw new Error(`no VM ${name}`)
    return found
  }

  /** What is read of the native API is read by an operator: a tenant is not told what its host says. */
  const operator = (await readFile(join(directory, 'data', 'operator.token'), 'utf8')).trim()
  const whoAsks = (method: string, path: string): Record<string, string> => {
    if (path.startsWith('/instance/')) return { 'x-auth-token': credentials.secretKey }
    return path.startsWith('/v1/') && method === 'GET'
      ? { authorization: `Bearer ${operator}`, 'on-behalf-of': 'lab' }
      : { authorization: `Bearer ${credentials.token}` }
  }

  async function api(method: string, path: string, body?: unknown): Promise<Answered> {
    const response = await fetch(`${lab.service.url}${path}`, {
      method,
      headers: {
        ...whoAsks(method, path),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }

  async function behind(): Promise<boolean> {
    const { body } = await api('GET', '/v1/servers')
    const interfaces = (
      body.servers as {
        interfaces: { desiredGeneration: number; appliedGeneration: number | null; error: string | null }[]
      }[]
    ).flatMap((server) => server.interfaces)
    return interfaces.some(
      ({ appliedGeneration, desiredGeneration, error }) =>
        (appliedGeneration ?? -1) < desiredGeneration &&
        // In a bridge this kernel may be unable to enforce stateful policies; that is not a matter of time.
        !error?.includes('tracks no connections'),
    )
  }

  async function enforced(): Promise<void> {
    // An emulated kernel takes its time.
    const deadline = Date.now() + 60_000
    while (await behind()) {
      if (Date.now() > deadline) throw new Error('the agent did not catch up in a minute')
      await delay(2)
    }
  }

  async function chain(name: string, rules: readonly WireRule[]): Promise<void> {
    const { status, body } = await api('PUT', `/1.3/server/${vm(name).server}/firewall_rule`, {
      firewall_rules: { firewall_rule: rules },
    })
    assert.equal(status, 204, JSON.stringify(body))
    await enforced()
  }

  const plan = (from: string, to: string, packet: string, options: ProbeOptions): Probe => {
    const planned = planProbe(lab.vms, from, to, packet, options)
    if (!planned.ok) throw new Error(planned.error)
    return planned.value
  }

  /** What the service says of a packet on its way: judged where it leaves its sender and where it reaches its receiver. */
  async function allowed(from: string, to: string, packet: Record<string, unknown>): Promise<boolean> {
    for (const [name, direction, address] of [
      [from, 'egress', packet.source],
      [to, 'ingress', packet.destination],
    ] as const) {
      const found = lab.vms.find((each) => each.name === name)
      if (!found) continue
      const nic = found.nics.find((each) => each.addresses.includes(String(address)))
      const { status, body } = await api('POST', '/v1/trace', {
        server: found.server,
        interface: nic?.id,
        direction,
        packet,
      })
      assert.equal(status, 200, JSON.stringify(body))
      if (body.action !== 'allow') return false
    }
    return true
  }

  async function expected(probe: Probe): Promise<{ arrives: boolean; returns: boolean }> {
    const { from, to, source, destination, sourcePort, kind } = probe
    const there =
      kind.protocol === 'icmp'
        ? { protocol: 'icmp', source, destination, icmpType: kind.type, icmpCode: kind.code }
        : { protocol: kind.protocol, source, destination, sourcePort, destinationPort: kind.port }
    const back =
      kind.protocol === 'icmp'
        ? {
            protocol: 'icmp',
            source: destination,
            destination: source,
            icmpType: kind.type === 8 ? 0 : 129,
            icmpCode: 0,
          }
        : {
            protocol: kind.protocol,
            source: destination,
            destination: source,
            sourcePort: kind.port,
            destinationPort: sourcePort,
          }
    const arrives = await allowed(from, to, there)
    return { arrives, returns: arrives && (await allowed(to, from, { ...back, state: 'established' })) }
  }

  return {
    prober,
    lab: () => lab,
    vm,
    api,
    chain,
    enforced,
    behind,
    async firewall(name, state) {
      const { status, body } = await api('PUT', `/1.3/server/${vm(name).server}`, {
        server: { firewall: state },
      })
      assert.equal(status, 202, JSON.stringify(body))
      await enforced()
    },
    async send(from, to, packet, options = {}) {
      return prober.send(plan(from, to, packet, options))
    },
    async probe(from, to, packet, options = {}) {
      const probe = plan(from, to, packet, options)
      const [came, want] = [await prober.send(probe), await expected(probe)]
      const what = `${packet} from ${from} (${probe.source}) to ${to} (${probe.destination})`
      assert.equal(came.arrived, want.arrives, `the kernel and /v1/trace disagree whether ${what} arrives`)
      const echo = probe.kind.protocol === 'icmp' && (probe.kind.type === 8 || probe.kind.type === 128)
      if (probe.kind.protocol !== 'icmp' || echo) {
        assert.equal(
          came.outcome === 'answered',
          want.returns,
          `the kernel and /v1/trace disagree on the answer to ${what}`,
        )
      }
      return came
    },
    inRouter: (command, input) =>
      run('ip', ['netns', 'exec', routerNamespace(lab.prefix), ...command], input),
    inside: (name, command, input) =>
      mustRun('ip', ['netns', 'exec', namespaceOf(lab.prefix, name), ...command], input),
    async kill() {
      process.kill(lab.service.pid, 'SIGKILL')
      await stopService(lab.service)
    },
    async restart() {
      await stopService(lab.service)
      const service = await startService({
        directory,
        prefix: lab.prefix,
        program,
        listen: '127.0.0.1:0',
        inventory: join(directory, 'inventory.yaml'),
        serve,
      })
      if (!service.ok) throw new Error(service.error)
      lab = { ...lab, service: service.value }
      await save(lab)
    },
    async close() {
      await prober.close()
      await down(directory)
    },
  }
}

/** Counts, in a VM's own namespace, the UDP datagrams that reach it, by destination port. */
export interface Meter {
  read(): Promise<ReadonlyMap<number, number>>
  reset(): Promise<void>
  remove(): Promise<void>
}

export async function meter(lab: TestLab, name: string): Promise<Meter> {
  await lab.inside(
    name,
    ['nft', '-f', '-'],
    `table inet counted {
      set ports { type inet_service; size 65535; flags dynamic; }
      chain arrivals { type filter hook prerouting priority -400; policy accept;
        meta l4proto udp add @ports { udp dport counter }
      }
    }\n`,
  )
  return {
    async read() {
      const { nftables } = JSON.parse(
        await lab.inside(name, ['nft', '-j', 'list', 'set', 'inet', 'counted', 'ports']),
      ) as {
        nftables: { set?: { elem?: { elem: { val: number; counter: { packets: number } } }[] } }[]
      }
      const elements = nftables.find((each) => each.set)?.set?.elem ?? []
      return new Map(elements.map(({ elem }) => [elem.val, elem.counter.packets]))
    },
    async reset() {
      await lab.inside(name, ['nft', 'flush', 'set', 'inet', 'counted', 'ports'])
    },
    async remove() {
      await lab.inside(name, ['nft', 'delete', 'table', 'inet', 'counted'])
    },
  }
}
