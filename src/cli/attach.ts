/**
 * `portcullis attach` and `detach`: whoever starts VMs by itself says whose a device is, and goes on when its rules are in force.
 *
 * They ask the agent of this host alone: without a token, a store or a network.
 */
import { Command, InvalidArgumentError, Option } from 'commander'
import { isDeviceName } from '../core/model/link.ts'
import { longestWaitMs } from '../core/model/local.ts'
import { formatAddress, parseAddress } from '../core/net/address.ts'
import { parseMac } from '../core/net/mac.ts'
import { documented } from './help.ts'
import { askAgent, type LocalFlags, socketOption, tellAnswer } from './local.ts'

interface Flags extends LocalFlags {
  readonly device: string
  readonly timeout: number
  readonly json?: true
}

interface AttachFlags extends Flags {
  readonly mac: string
  readonly address: readonly string[]
  readonly policy: readonly string[]
  readonly account?: string
  readonly profile: string
  readonly id?: string
  readonly name?: string
  readonly ephemeral?: true
}

const deviceOption = () =>
  new Option('--device <name>', 'the VM’s device on this host')
    .argParser((text) => {
      if (isDeviceName(text)) return text
      throw new InvalidArgumentError('Expected the name of a device, at most 15 letters, digits, _ . or -.')
    })
    .makeOptionMandatory()
const timeoutOption = () =>
  new Option('--timeout <duration>', `how long to wait, at most ${longestWaitMs / 1000}s`)
    .default(longestWaitMs, '2s')
    .argParser((text) => {
      const [, digits = '', unit] = /^(\d{1,6})(ms|s)$/.exec(text) ?? []
      const ms = Number(digits) * (unit === 's' ? 1000 : 1)
      if (digits !== '' && ms <= longestWaitMs) return ms
      throw new InvalidArgumentError(
        `Expected a duration such as 500ms or 2s, at most ${longestWaitMs / 1000}s.`,
      )
    })

/** What is given several times; each is read by `read`. */
const several =
  (read: (text: string) => string) =>
  (text: string, before: readonly string[] = []): readonly string[] => [...before, read(text)]

const macOf = (text: string): string => {
  const parsed = parseMac(text)
  if (parsed.ok) return parsed.value
  throw new InvalidArgumentError(`Expected a MAC address such as 52:54:00:00:00:01.`)
}
const addressOf = (text: string): string => {
  const parsed = parseAddress(text)
  if (parsed.ok) return formatAddress(parsed.value.family, parsed.value.value)
  throw new InvalidArgumentError(`Expected an address such as 192.0.2.10: ${parsed.error}.`)
}
const shortOf = (text: string): string => {
  if (text !== '' && text.length <= 128) return text
  throw new InvalidArgumentError('Expected 1 to 128 characters.')
}

export function attachCommand(): Command {
  const command = new Command('attach')
    .description('say whose a device on this host is, and wait until its rules are in force')
    .addOption(deviceOption())
    .addOption(new Option('--mac <mac>', 'the VM’s, as it sends from').argParser(macOf).makeOptionMandatory())
    .addOption(
      new Option('--address <address>', 'the VM’s; may be given several times')
        .argParser(several(addressOf))
        .default([], 'none'),
    )
    .addOption(
      new Option('--policy <id>', 'its policy; may be given several times, in order')
        .argParser(several(shortOf))
        .default([], 'as the profile has it'),
    )
    .addOption(
      new Option(
        '--account <id>',
        'where a server is made for it if no interface has its MAC; this host must be one that may adopt into it',
      ).argParser(shortOf),
    )
    .addOption(new Option('--profile <name>', 'of that server').argParser(shortOf).default('native'))
    .addOption(new Option('--id <id>', 'of that server, the same for all devices of a VM').argParser(shortOf))
    .addOption(new Option('--name <name>', 'of that server, for people').argParser(shortOf))
    .option('--ephemeral', 'that server ends with its last device, unless somebody has changed it meanwhile')
    .addOption(timeoutOption())
    .addOption(socketOption())
    .option('--json', 'answer in JSON')
    .action(attach)
  return documented(
    command,
    'portcullis attach --device tap0 --mac 52:54:00:00:00:01 --address 192.0.2.10 --policy web --account acme',
    '0 the policy is in force on the device; 1 it is not, and the device stays closed; 2 no agent runs on this host, or usage.',
  )
}

async function attach(flags: AttachFlags): Promise<void> {
  const { device, mac, address, policy, profile, timeout, socket, json } = flags
  const { account = null, id = null, name = null, ephemeral } = flags
  const body = {
    device,
    mac,
    addresses: address,
    policies: policy,
    account,
    profile,
    id,
    name,
    ms: timeout,
    ...(ephemeral && { ephemeral }),
  }
  const said = await askAgent('attach', body, { ...(socket !== undefined && { socket }) })
  tellAnswer(said, {
    json,
    inWords: (devices) =>
      devices
        .map((each) => `${each.device} is ${states[each.state]} by interface ${each.interface}`)
        .join('\n'),
  })
}

const states = { applied: 'filtered', observing: 'observed', ready: 'expected' } as const

export function detachCommand(): Command {
  const command = new Command('detach')
    .description('take back what attach said of a device, and wait until it is closed')
    .addOption(deviceOption())
    .addOption(timeoutOption())
    .addOption(socketOption())
    .option('--json', 'answer in JSON')
    .action(detach)
  return documented(
    command,
    'portcullis detach --device tap0',
    '0 nothing is attached to the device; 1 it failed; 2 no agent runs on this host, or usage.',
  )
}

async function detach({ device, timeout, socket, json }: Flags): Promise<void> {
  const body = { device, ms: timeout }
  const said = await askAgent('detach', body, { ...(socket !== undefined && { socket }) })
  tellAnswer(said, { json, inWords: () => `nothing is attached to ${device}` })
}
