/** `portcullis lab up | status | probe | down`: VMs made of network namespaces, with real packets. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { dialects } from '../dialects/dialects.ts'
import { defaultDirectory, down, find, type Lab, obstacle, status, up } from '../lab/lab.ts'
import { createProber, type ProbeAnswer, planProbe } from '../lab/probe.ts'
import { topologyOf } from '../lab/topology.ts'
import { documented } from './help.ts'
import { answer, complain } from './output.ts'

export function labCommand(): Command {
  const lab = new Command('lab').description(
    'VMs made of network namespaces behind a filtering router (root, Linux)',
  )
  documented(
    lab
      .command('up')
      .description('bring the lab up, or anew; returns when its rules are enforced')
      .addOption(
        new Option('--listen <address:port>', 'where its API listens; port 0 picks a free one')
          .default('127.0.0.1:0')
          .env('PORTCULLIS_LAB_LISTEN'),
      )
      .addOption(directoryOption())
      .option('--bridge', 'the VMs are ports of bridges, as under libvirt and Proxmox, not behind a router')
      .option('--json', 'answer in JSON')
      .action(labUp),
    'portcullis lab up --listen 127.0.0.1:8080',
    '0 it is up and its rules are enforced; 1 it failed; 2 it cannot be had here.',
  )
  documented(
    lab
      .command('status')
      .description('address, credentials, VMs and the router’s namespace of the lab that is up')
      .addOption(directoryOption())
      .option('--json', 'answer in JSON')
      .action(labStatus),
    'portcullis lab status --json',
    '0 it is up; 1 none is; 2 it could not be asked.',
  )
  documented(
    lab
      .command('probe')
      .description('send a real packet: exit status 0 it got through, 1 it did not, 2 it could not be tried')
      .argument('<from>', 'a VM’s name or address, or outside')
      .argument('<to>', 'the same')
      .argument('<packet>', 'tcp/PORT, udp/PORT, icmp (an echo request) or icmp/TYPE[/CODE]')
      .addOption(
        new Option('--family <version>', 'IP version; default 4 where both ends have it').choices(['4', '6']),
      )
      .option('--source-port <port>', 'default: a random one', between(1, 65535))
      .option('--wait <milliseconds>', 'how long nothing may come back', between(10, 60_000), 300)
      .addOption(directoryOption())
      .option('--json', 'answer in JSON')
      .action(labProbe),
    'portcullis lab probe outside web1 tcp/22',
    '0 it got through; 1 it did not; 2 it could not be tried.',
  )
  documented(
    lab
      .command('down')
      .description('remove every trace of it, also after a crash')
      .addOption(directoryOption())
      .option('--json', 'answer in JSON')
      .action(labDown),
    'portcullis lab down',
    '0 nothing of it is left; 1 something is; 2 it could not be tried.',
  )
  return lab
}

const directoryOption = (): Option =>
  new Option('--directory <directory>', 'where its state is kept; labs in different ones do not meet')
    .env('PORTCULLIS_LAB_DIR')
    .default(defaultDirectory)
    .argParser((text) => text || defaultDirectory)

const between = (least: number, most: number) => (text: string) => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least || number > most) {
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`)
  }
  return number
}

async function labUp(options: {
  listen: string
  directory: string
  bridge?: true
  json?: true
}): Promise<void> {
  const why = await obstacle()
  if (why !== undefined) return complain(why, 2)
  // Whatever runs us is what runs the service.
  const program = process.argv[1] ?? ''
  const started = await up({
    directory: options.directory,
    topology: topologyOf(dialects),
    program,
    listen: options.listen,
    bridged: options.bridge ?? false,
  })
  if (!started.ok) return complain(started.error, 1)
  await tell(started.value, options.json, [
    'try:',
    '  portcullis lab probe outside web1 tcp/22',
    '  portcullis lab status --json',
    '  portcullis lab down',
  ])
}

async function labStatus(options: { directory: string; json?: true }): Promise<void> {
  const lab = await find(options.directory)
  if (lab === undefined) return complain('no lab is up: portcullis lab up', 1)
  await tell(lab, options.json, [])
}

async function tell(lab: Lab, json: true | undefined, more: readonly string[]): Promise<void> {
  const said = await status(lab)
  if (json) return answer(JSON.stringify(said, null, 2))
  const { username, password, token, accessKey, secretKey } = said.credentials
  answer(
    [
      said.running ? `API         ${said.url}` : `API         ended; its log is ${said.log}`,
      `VMs         ${said.bridged ? 'ports of bridges' : 'behind a router'}`,
      `Basic       ${username}:${password}`,
      `Bearer      ${token}`,
      ...(secretKey === undefined ? [] : [`Secret key  ${secretKey} (${accessKey})`]),
      `Router      ${said.router} (the namespace whose rules are enforced)`,
      ...said.vms.flatMap((vm) => [
        `${vm.name.padEnd(11)} ${vm.profile} ${vm.server}`,
        ...vm.interfaces.map(
          (nic) => `            ${nic.type.padEnd(8)} ${nic.addresses.join(' ')} (${nic.device})`,
        ),
      ]),
      ...more,
    ].join('\n'),
  )
}

interface ProbeFlags {
  readonly family?: '4' | '6'
  readonly sourcePort?: number
  readonly wait: number
  readonly directory: string
  readonly json?: true
}

async function labProbe(from: string, to: string, packet: string, flags: ProbeFlags): Promise<void> {
  const why = await obstacle()
  if (why !== undefined) return complain(why, 2)
  const lab = await find(flags.directory)
  if (lab === undefined) return complain('no lab is up: portcullis lab up', 2)
  const plan = planProbe(lab.vms, from, to, packet, {
    waitMs: flags.wait,
    ...(flags.family === undefined ? {} : { family: flags.family === '4' ? 4 : 6 }),
    ...(flags.sourcePort === undefined ? {} : { sourcePort: flags.sourcePort }),
  })
  if (!plan.ok) return complain(plan.error, 2)
  const prober = createProber(lab.prefix)
  try {
    const came = await prober.send(plan.value)
    answer(flags.json ? JSON.stringify(flat(came), null, 2) : sentence(came, packet))
    process.exitCode = came.through ? 0 : 1
  } catch (error) {
    complain(`the probe could not be tried: ${error instanceof Error ? error.message : error}`, 2)
  } finally {
    await prober.close()
  }
}

/** One level, so that it is easily picked from. */
function flat({ kind, ...probe }: ProbeAnswer): Record<string, unknown> {
  const { protocol } = kind
  return kind.protocol === 'icmp'
    ? { ...probe, protocol, icmpType: kind.type, icmpCode: kind.code }
    : { ...probe, protocol, destinationPort: kind.port }
}

function sentence(came: ProbeAnswer, packet: string): string {
  const source = came.sourcePort === undefined ? came.source : `${bracket(came.source)}:${came.sourcePort}`
  const what = `${packet} from ${came.from} (${source}) to ${came.to} (${came.destination})`
  const how = {
    answered: 'got through and was answered',
    arrived: came.through ? 'got through; nothing came back' : 'arrived, but the answer did not come back',
    refused: 'was refused on the way',
    'timed-out': 'did not arrive: nothing came back',
  }[came.outcome]
  return `${what} ${how} (${came.milliseconds} ms)`
}

const bracket = (address: string): string => (address.includes(':') ? `[${address}]` : address)

async function labDown(options: { directory: string; json?: true }): Promise<void> {
  if (process.getuid?.() !== 0) return complain('the lab needs root: run it with sudo', 2)
  const { removed } = await down(options.directory)
  if (options.json) return answer(JSON.stringify({ removed }, null, 2))
  answer(removed.length === 0 ? 'nothing was up' : `removed ${removed.join(', ')}`)
}
