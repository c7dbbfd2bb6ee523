/** `portcullis trace`: asks a running service what it does to a packet, and which rule decides. */
import { isIPv6 } from 'node:net'
import { Argument, Command, Option } from 'commander'
import { err, ok, type Result } from '../core/result.ts'
import { ask, readAnswer, withCaller } from './caller.ts'
import { documented } from './help.ts'
import { answer, answerJson, complain, printable } from './output.ts'

export function traceCommand(): Command {
  const command = withCaller(new Command('trace'))
    .description('what happens to a packet, and which rule decides')
    .argument('<server>', 'id, vmid or name of the server')
    .addArgument(
      new Argument('<direction>', 'ingress or egress, as the VM sees it').choices(['ingress', 'egress']),
    )
    .argument('<protocol>', 'tcp, udp, icmp, icmp/TYPE[/CODE], or any other by name or number')
    .argument('<source>', '192.0.2.1, 192.0.2.1:555 or [2001:db8::1]:555')
    .argument('<destination>', 'the same')
    .option(
      '--interface <id>',
      'or its name; default: the one that has the packet’s address, else the first public one',
    )
    .addOption(
      new Option('--state <state>', 'what connection tracking says of it')
        .choices(['new', 'established', 'related', 'invalid'])
        .default('new'),
    )
    .option('--source-mac <mac>', 'sender’s MAC address')
    .option('--hop-limit <number>', 'TTL or hop limit as it reaches the host')
    .option('--target <address>', 'what a neighbour solicitation or advertisement is about')
    .option('--link', 'sent by the host that carries the VM, or addressed to it')
    .option('--json', 'answer in JSON')
    .action(trace)
  return documented(
    command,
    'portcullis trace web1 ingress tcp 198.51.100.10:40000 192.0.2.10:22',
    '0 it is answered, whatever becomes of the packet; 2 it could not be asked.',
  )
}

interface Flags {
  readonly interface?: string
  readonly state: string
  readonly sourceMac?: string
  readonly hopLimit?: string
  readonly target?: string
  readonly link?: true
  readonly json?: true
}

/** The part of the answer that is printed. */
interface Trace {
  readonly action: string
  readonly mode: 'routed' | 'bridged' | null
  readonly told?: string
  readonly note?: string
  readonly decidedBy: {
    readonly kind: string
    readonly rule?: string
    readonly position?: number
    readonly name?: string
    readonly state?: string
    readonly check?: string
  }
  readonly path: readonly {
    readonly rule: string
    readonly position: number
    readonly matched: boolean
    readonly mismatch?: string
  }[]
}

async function trace(
  server: string,
  direction: string,
  protocol: string,
  source: string,
  destination: string,
  flags: Flags,
  command: Command,
): Promise<void> {
  const packet = packetOf(protocol, source, destination)
  if (!packet.ok) return complain(packet.error, 2)
  if (flags.hopLimit !== undefined && !/^\d{1,3}$/.test(flags.hopLimit))
    return complain(`expected a hop limit from 0 to 255, not ${flags.hopLimit}`, 2)
  const response = await ask(command, 'v1/trace', {
    body: {
      server,
      direction,
      ...(flags.interface === undefined ? {} : { interface: flags.interface }),
      packet: {
        ...packet.value,
        state: flags.state,
        ...(flags.sourceMac === undefined ? {} : { sourceMac: flags.sourceMac }),
        ...(flags.hopLimit === undefined ? {} : { hopLimit: Number(flags.hopLimit) }),
        ...(flags.target === undefined ? {} : { target: flags.target }),
        ...(flags.link && { link: true }),
      },
    },
  })
  if (!response.ok) return complain(response.error.text, 2)
  const body = await readAnswer<Trace>(response.value, 'decidedBy')
  if (!body.ok) return complain(body.error.text, 2)
  if (flags.json) return answerJson(JSON.stringify(body.value, null, 2))
  answer(readable(body.value).split('\n').map(printable).join('\n'))
}

/** The packet as the API takes it. Ports are given with the addresses, ICMP types with the protocol. */
export function packetOf(
  protocol: string,
  source: string,
  destination: string,
): Result<Record<string, string | number>> {
  const from = parseEnd(source)
  const to = parseEnd(destination)
  if (!from || !to) return err(`expected an address, or address:port, not ${from ? destination : source}`)
  const [name = '', type, code, ...rest] = protocol.toLowerCase().split('/')
  if (rest.length > 0 || [type, code].some((part) => part !== undefined && !/^\d{1,3}$/.test(part))) {
    return err(`expected a protocol, or icmp/TYPE[/CODE], not ${protocol}`)
  }
  return ok({
    protocol: name,
    source: from.address,
    destination: to.address,
    ...(from.port === undefined ? {} : { sourcePort: from.port }),
    ...(to.port === undefined ? {} : { destinationPort: to.port }),
    ...(type === undefined ? {} : { icmpType: Number(type) }),
    ...(code === undefined ? {} : { icmpCode: Number(code) }),
  })
}

/** `192.0.2.1`, `192.0.2.1:555`, `2001:db8::1` or `[2001:db8::1]:555`; what an address is, the service knows. */
function parseEnd(text: string): { address: string; port?: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::(\d{1,5}))?$/.exec(text)
  if (match) {
    const address = match[1] ?? match[2] ?? ''
    return match[3] === undefined ? { address } : { address, port: Number(match[3]) }
  }
  return isIPv6(text) ? { address: text } : undefined
}

const forged = {
  mac: 'it does not come from the interface’s own MAC address',
  address: 'it does not come from an address of the interface',
  neighbour: 'it claims an address that is not the interface’s',
} as const

const where = { routed: 'where its host routes its packets', bridged: 'at its port of a bridge' } as const

function readable({ action, decidedBy, mode, told, note, path }: Trace): string {
  const why = {
    rule: `rule ${decidedBy.position} (${decidedBy.rule})`,
    default: 'the default: no rule matches',
    essential: `essential traffic (${decidedBy.name})`,
    state: `connection state ${decidedBy.state}`,
    origin: `the sender check (${decidedBy.check}): ${forged[decidedBy.check as keyof typeof forged]}`,
    off: 'nothing: this direction is not filtered',
  }[decidedBy.kind]
  return [
    `${action}, decided by ${why ?? decidedBy.kind}`,
    ...(note === undefined ? [] : [`  ${note}`]),
    ...(told === undefined ? [] : [`  its sender is told: ${told === 'silence' ? 'nothing' : told}`]),
    ...(mode === null ? [] : [`  judged ${where[mode]}`]),
    ...path.map(
      (step) =>
        `  ${step.position}. ${step.matched ? 'matches' : `does not match: ${step.mismatch}`} (${step.rule})`,
    ),
  ].join('\n')
}
