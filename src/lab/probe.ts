/**
 * Sends one real packet from one namespace of the lab to another and says what came of it.
 *
 * Whether it arrived is counted in the receiver's own namespace, behind everything that filters, and so is known even
 * when nothing comes back. It judges nothing: what should have come of it is what `trace` says.
 */
import { randomInt } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { InterfaceType } from '../core/model/interface.ts'
import { err, ok, type Result } from '../core/result.ts'
import { type Endpoint, startEndpoint } from './endpoint.ts'
import { namespaceOf } from './network.ts'
import { mustRun, run } from './run.ts'
import { type LabVm, outside } from './topology.ts'

/** What is sent. Ports 1 to 65535; ICMP type and code 0 to 255, the numbers of the packet's family. */
export type ProbeKind =
  | { readonly protocol: 'tcp' | 'udp'; readonly port: number }
  | { readonly protocol: 'icmp'; readonly type: number; readonly code: number }

/** Two ends and a packet, with addresses settled. */
export interface Probe {
  /** VM's name or `outside`. */
  readonly from: string
  readonly to: string
  readonly source: string
  readonly destination: string
  readonly kind: ProbeKind
  /** Absent for ICMP. */
  readonly sourcePort?: number
  /** How long nothing may come back before that is the answer, milliseconds. */
  readonly waitMs: number
}

export type ProbeOutcome =
  /** It arrived and the receiver's answer came back. */
  | 'answered'
  /** It arrived; no answer came back, or none was due. */
  | 'arrived'
  /** It was rejected on the way: an error came back. */
  | 'refused'
  /** It did not arrive and nothing came back. */
  | 'timed-out'

export interface ProbeAnswer extends Probe {
  readonly outcome: ProbeOutcome
  /** The packet itself reached the receiver. */
  readonly arrived: boolean
  /** What a user would call working: a connection or an echo came about; a datagram or a one-way message arrived. */
  readonly through: boolean
  readonly milliseconds: number
}

export interface ProbeOptions {
  readonly family?: 4 | 6
  readonly sourcePort?: number
  readonly waitMs?: number
}

/** Parses `tcp/22`, `udp/53`, `icmp` (echo), `icmp/13` and `icmp/3/1` (type and code). */
export function parseKind(text: string, family: 4 | 6): Result<ProbeKind> {
  const match = /^(?:(tcp|udp)\/(\d{1,5})|icmp(?:\/(\d{1,3})(?:\/(\d{1,3}))?)?)$/.exec(text)
  if (!match) return err(`expected tcp/PORT, udp/PORT, icmp or icmp/TYPE, not ${text}`)
  const [, protocol, port, type, code] = match
  if (protocol === 'tcp' || protocol === 'udp') {
    const number = Number(port)
    return number >= 1 && number <= 65535 ? ok({ protocol, port: number }) : err('ports are 1 to 65535')
  }
  const kind = {
    protocol: 'icmp',
    type: type === undefined ? echo(family) : Number(type),
    code: Number(code ?? 0),
  } as const
  return kind.type <= 255 && kind.code <= 255 ? ok(kind) : err('ICMP types and codes are 0 to 255')
}

const echo = (family: 4 | 6): number => (family === 4 ? 8 : 128)

/** Settles addresses. `from` and `to` are VMs' names, `outside`, or an address of either. */
export function planProbe(
  vms: readonly LabVm[],
  from: string,
  to: string,
  packet: string,
  options: ProbeOptions = {},
): Result<Probe> {
  const ends = [from, to].map((text) => findEnd(vms, text))
  const [sender, receiver] = ends
  if (!sender || !receiver) {
    const unknown = sender ? to : from
    return err(
      `${unknown} is no VM of the lab; there are ${vms.map((vm) => vm.name).join(', ')} and ${outside.name}`,
    )
  }
  if (sender.name === receiver.name) return err('a packet to itself never leaves a VM')

  // A named address settles the family and the network; otherwise public IPv4 is meant where both have it.
  const named = receiver.named ?? sender.named
  const family = options.family ?? (named === undefined ? undefined : isIPv6(named) ? 6 : 4)
  const type = typeOf(receiver, receiver.named) ?? typeOf(sender, sender.named) ?? 'public'
  const families: readonly (4 | 6)[] = family === undefined ? [4, 6] : [family]
  for (const candidate of families) {
    const source = addressOf(sender, type, candidate)
    const destination = addressOf(receiver, type, candidate)
    if (source === undefined || destination === undefined) continue
    const kind = parseKind(packet, candidate)
    if (!kind.ok) return kind
    return ok({
      from: sender.name,
      to: receiver.name,
      source,
      destination,
      kind: kind.value,
      ...(kind.value.protocol === 'icmp'
        ? {}
        : { sourcePort: options.sourcePort ?? randomInt(33000, 60000) }),
      waitMs: options.waitMs ?? 300,
    })
  }
  return err(`${from} and ${to} share no ${type} network${family === undefined ? '' : ` with IPv${family}`}`)
}

interface End {
  readonly name: string
  readonly addresses: readonly { readonly address: string; readonly type: InterfaceType }[]
  /** The address it was called by, if it was. */
  readonly named: string | undefined
}

function findEnd(vms: readonly LabVm[], text: string): End | undefined {
  const ends = [
    {
      name: outside.name,
      addresses: [outside.ipv4, outside.ipv6].map((address) => ({ address, type: 'public' as const })),
    },
    ...vms.map((vm) => ({
      name: vm.name,
      addresses: vm.nics.flatMap((nic) => nic.addresses.map((address) => ({ address, type: nic.type }))),
    })),
  ]
  for (const end of ends) {
    if (end.name === text) return { ...end, named: undefined }
    if (end.addresses.some(({ address }) => address === text)) return { ...end, named: text }
  }
  return undefined
}

const typeOf = (end: End, address: string | undefined): InterfaceType | undefined =>
  end.addresses.find((candidate) => candidate.address === address)?.type

/** The named address if it fits, else the first of that network and family. */
function addressOf(end: End, type: InterfaceType, family: 4 | 6): string | undefined {
  const fitting = end.addresses.filter((a) => a.type === type && (isIPv6(a.address) ? 6 : 4) === family)
  return fitting.find(({ address }) => address === end.named)?.address ?? fitting[0]?.address
}

/** Sends probes, one at a time; keeps its helpers and counters between them, so that many cost little. */
export interface Prober {
  /** Rejects when the probe could not be tried. */
  send(probe: Probe): Promise<ProbeAnswer>
  /** The helper in a namespace, for tests that need more than one packet. */
  endpoint(name: string): Promise<Endpoint>
  close(): Promise<void>
}

export function createProber(prefix: string): Prober {
  const endpoints = new Map<string, Promise<Endpoint>>()
  const endpoint = (name: string): Promise<Endpoint> => {
    const started = endpoints.get(name) ?? startEndpoint(namespaceOf(prefix, name))
    endpoints.set(name, started)
    return started
  }

  const table = `inet probe_${randomInt(2 ** 47)}`
  const counting = new Set<string>()

  async function send(probe: Probe): Promise<ProbeAnswer> {
    const { kind } = probe
    const arrivals = await countArrivals(prefix, table, probe)
    counting.add(probe.to)
    const oneWay =
      kind.protocol === 'udp' || (kind.protocol === 'icmp' && kind.type !== echo(familyOf(probe)))
    const started = performance.now()
    const came = kind.protocol === 'icmp' ? await ping(prefix, probe, kind) : await exchange(probe, kind)
    let arrived = (await arrivals()) > 0
    // What is never answered is not waited for: its arrival is what decides.
    while (oneWay && !arrived && came === 'nothing' && performance.now() - started < probe.waitMs) {
      arrived = (await arrivals()) > 0
    }
    const outcome: ProbeOutcome =
      came === 'answer' ? 'answered' : arrived ? 'arrived' : came === 'refusal' ? 'refused' : 'timed-out'
    return {
      ...probe,
      outcome,
      arrived,
      through: oneWay ? arrived : outcome === 'answered',
      milliseconds: Math.round((performance.now() - started) * 10) / 10,
    }
  }

  async function exchange(
    probe: Probe,
    kind: Extract<ProbeKind, { port: number }>,
  ): Promise<'answer' | 'refusal' | 'nothing'> {
    const [sender, receiver] = await Promise.all([endpoint(probe.from), endpoint(probe.to)])
    const place = { protocol: kind.protocol, address: probe.destination, port: kind.port }
    const { busy } = await receiver.ask({ op: 'listen', ...place })
    try {
      const { came } = await sender.ask({
        op: 'send',
        protocol: kind.protocol,
        source: probe.source,
        sourcePort: probe.sourcePort ?? 0,
        destination: probe.destination,
        port: kind.port,
        waitMs: probe.waitMs,
      })
      return came ?? 'nothing'
    } finally {
      // Busy: somebody's own server is there, and answers for itself.
      if (!busy) await receiver.ask({ op: 'unlisten', ...place })
    }
  }

  return {
    send,
    endpoint,
    async close() {
      await Promise.all([
        ...[...endpoints.values()].map((started) =>
          started.then(
            (it) => it.close(),
            () => {},
          ),
        ),
        ...[...counting].map((name) => run('ip', [...nftIn(prefix, name), `delete table ${table}`])),
      ])
    },
  }
}

const familyOf = (probe: Probe): 4 | 6 => (isIPv6(probe.destination) ? 6 : 4)

const nftIn = (prefix: string, name: string): string[] => ['netns', 'exec', namespaceOf(prefix, name), 'nft']

/** Counts packets like the probe's where they enter the receiver's namespace, and no longer those of the probe before. */
async function countArrivals(prefix: string, table: string, probe: Probe): Promise<() => Promise<number>> {
  const { kind } = probe
  const ip = familyOf(probe) === 4 ? 'ip' : 'ip6'
  const icmp = familyOf(probe) === 4 ? 'icmp' : 'icmpv6'
  const match =
    kind.protocol === 'icmp'
      ? `${icmp} type ${kind.type} ${icmp} code ${kind.code}`
      : `${kind.protocol} sport ${probe.sourcePort ?? 0} ${kind.protocol} dport ${kind.port}`
  const nft = nftIn(prefix, probe.to)
  await mustRun(
    'ip',
    [...nft, '-f', '-'],
    `table ${table} {}
    delete table ${table}
    table ${table} { chain arrivals { type filter hook prerouting priority -400; policy accept;
      ${ip} saddr ${probe.source} ${ip} daddr ${probe.destination} ${match} counter
    }
    }\n`,
  )
  return async () => {
    const listed = await mustRun('ip', [...nft, `list table ${table}`])
    return Number(/counter packets (\d+)/.exec(listed)?.[1] ?? 0)
  }
}

/**
 * An echo request, or one that is given another type and code on its way out of the sender's namespace: the kernel
 * keeps the checksum right, and no raw sockets or packet generators are needed.
 */
async function ping(
  prefix: string,
  probe: Probe,
  kind: Extract<ProbeKind, { protocol: 'icmp' }>,
): Promise<'answer' | 'refusal' | 'nothing'> {
  const family = familyOf(probe)
  const exec = ['netns', 'exec', namespaceOf(prefix, probe.from)]
  const plain = kind.type === echo(family) && kind.code === 0
  const table = ['inet', `probe_${randomInt(2 ** 47)}`] as const
  if (!plain) {
    const icmp = family === 4 ? 'icmp' : 'icmpv6'
    const ip = family === 4 ? 'ip' : 'ip6'
    await mustRun(
      'ip',
      [...exec, 'nft', '-f', '-'],
      `table ${table.join(' ')} { chain relabel { type filter hook output priority 0; policy accept;
        ${ip} daddr ${probe.destination} ${icmp} type ${echo(family)} ${icmp} type set ${kind.type} ${icmp} code set ${kind.code}
      }
      }\n`,
    )
  }
  try {
    const wait = plain ? String(probe.waitMs / 1000) : '0.01'
    const ran = await run('ip', [
      ...exec,
      'ping',
      '-n',
      '-c',
      '1',
      '-W',
      wait,
      '-I',
      probe.source,
      probe.destination,
    ])
    if (ran.status === 0) return 'answer'
    if (ran.status === 127 || /invalid|usage/i.test(ran.stderr)) throw new Error(`ping: ${ran.stderr.trim()}`)
    return /Unreachable|Filtered|prohibited/i.test(ran.stdout) ? 'refusal' : 'nothing'
  } finally {
    if (!plain) await run('ip', [...exec, 'nft', 'delete', 'table', ...table])
  }
}
