/** `portcullis rule`: the rules of a policy; those of native policies can be written. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { call, ifRevisionOption, type ResourceFlags, remove, show, table, verb } from './resource.ts'

interface Rule {
  readonly id: string
  readonly position: number
  readonly direction: string
  readonly enabled: boolean
  readonly text: string
  readonly comment?: string
}

/** Takes a field back. */
const any = 'any'

/** Options of a rule's fields: how each is said, and what is sent for it. */
const fields: readonly (readonly [flags: string, key: string, read: (text: string) => JsonValue, string])[] =
  [
    ['--family <family>', 'family', textOf, 'ipv4 or ipv6'],
    ['--protocol <name>', 'protocol', textOf, 'name or number'],
    ['--sources <list>', 'sources', listOf, 'addresses, prefixes and ranges, with commas'],
    ['--destinations <list>', 'destinations', listOf, 'the same of receivers'],
    ['--source-ports <list>', 'sourcePorts', listOf, 'ports and ranges first-last, with commas'],
    ['--ports <list>', 'destinationPorts', listOf, 'the same of receivers'],
    ['--icmp-type <number>', 'icmpType', byteOf, '0 to 255'],
    ['--icmp-code <number>', 'icmpCode', byteOf, '0 to 255'],
    ['--source-mac <mac>', 'sourceMac', textOf, 'of the sender'],
  ]

interface Flags extends ResourceFlags {
  readonly [name: string]: JsonValue | undefined | true
}

export function ruleCommand(): Command {
  return new Command('rule')
    .description('rules of a policy, in the order in which they are looked at')
    .addCommand(
      verb('list', 'all rules of a policy of any profile', 'portcullis rule list 7f8c2e9a')
        .argument('<policy>', 'its id')
        .action(async (policy: string, flags: ResourceFlags, command: Command) => {
          const found = await call<{ rules: readonly Rule[] }>(command, at(policy), 'rules')
          show(flags, found, ({ rules }) => inTable(rules))
        }),
    )
    .addCommand(
      withPlace(
        withFields(
          verb(
            'add',
            'insert a rule, behind the others unless a place is given',
            'portcullis rule add 7f8c2e9a --direction ingress --action allow --protocol tcp --ports 22,8000-8080',
          ),
          true,
        ),
      )
        .argument('<policy>', 'its id')
        .action(async (policy: string, flags: Flags, command: Command) => {
          const question = { body: { ...bodyOf(flags), ...placeOf(flags) } }
          show(flags, await call<Rule>(command, at(policy), 'position', question), (rule) => inTable([rule]))
        }),
    )
    .addCommand(
      withFields(
        verb(
          'set',
          'change what is given; any takes a field back',
          'portcullis rule set 7f8c2e9a 4be1 --ports 443',
        ),
        false,
      )
        .argument('<policy>', 'its id')
        .argument('<rule>', 'its id')
        .addOption(ifRevisionOption())
        .action((policy: string, rule: string, flags: Flags, command: Command) =>
          change(policy, rule, bodyOf(flags), flags, command),
        ),
    )
    .addCommand(
      withPlace(verb('move', 'put a rule somewhere else', 'portcullis rule move 7f8c2e9a 4be1 --position 1'))
        .argument('<policy>', 'its id')
        .argument('<rule>', 'its id')
        .addOption(ifRevisionOption())
        .action((policy: string, rule: string, flags: Flags, command: Command) =>
          change(policy, rule, placeOf(flags), flags, command),
        ),
    )
    .addCommand(
      verb('delete', 'delete a rule', 'portcullis rule delete 7f8c2e9a 4be1')
        .argument('<policy>', 'its id')
        .argument('<rule>', 'its id')
        .addOption(ifRevisionOption())
        .action(async (policy: string, rule: string, flags: ResourceFlags, command: Command) => {
          const { ifRevision } = flags
          if (await remove(command, at(policy, rule), { ifRevision }))
            show(flags, { id: rule }, () => `deleted ${rule}`)
        }),
    )
}

const at = (policy: string, rule?: string): string =>
  `v1/policies/${encodeURIComponent(policy)}/rules${rule === undefined ? '' : `/${encodeURIComponent(rule)}`}`

async function change(
  policy: string,
  rule: string,
  body: JsonObject,
  flags: ResourceFlags,
  command: Command,
): Promise<void> {
  const question = { method: 'PATCH', body, ifRevision: flags.ifRevision } as const
  show(flags, await call<Rule>(command, at(policy, rule), 'position', question), (changed) =>
    inTable([changed]),
  )
}

/** `needed`: of a new rule. */
function withFields(command: Command, needed: boolean): Command {
  const required = (option: Option) => command.addOption(option.makeOptionMandatory(needed))
  required(new Option('--direction <direction>', 'as the VM sees it').choices(['ingress', 'egress']))
  required(new Option('--action <action>', 'what becomes of the packet').choices(['allow', 'deny', 'reject']))
  for (const [flags, , read, description] of fields)
    command.addOption(new Option(flags, description).argParser((text) => (text === any ? any : read(text))))
  return command
    .addOption(
      new Option('--enabled <switch>', 'off: it keeps its place and never matches').choices(['on', 'off']),
    )
    .option('--log <level>', 'how what it lets pass is told as decisions; none: it is not')
    .option('--comment <text>', 'for people')
}

const withPlace = (command: Command): Command =>
  command
    .addOption(new Option('--position <number>', 'from 1').argParser(positionOf))
    .option('--before <rule>', 'id of another rule of the policy')
    .option('--after <rule>', 'id of another rule of the policy')

function bodyOf(flags: Flags): JsonObject {
  const body: Record<string, JsonValue> = {}
  for (const [option, key] of fields) {
    const value = flags[new Option(option).attributeName()]
    if (value !== undefined) body[key] = value === any ? null : value
  }
  for (const key of ['direction', 'action', 'comment'] as const) {
    const value = flags[key]
    if (value !== undefined) body[key] = value
  }
  if (flags.enabled !== undefined) body.enabled = flags.enabled === 'on'
  if (flags.log !== undefined) body.log = flags.log === 'none' ? null : flags.log
  return body
}

const placeOf = ({ position, before, after }: Flags): JsonObject => ({
  ...(position !== undefined && { position }),
  ...(before !== undefined && { before }),
  ...(after !== undefined && { after }),
})

function textOf(text: string): JsonValue {
  return text
}
function listOf(text: string): JsonValue {
  return text.split(',')
}
function byteOf(text: string): JsonValue {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return Number(text)
  throw new InvalidArgumentError('Expected a number from 0 to 255.')
}
function positionOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a number from 1 on.')
}

const inTable = (rules: readonly Rule[]): string =>
  table([
    ['POSITION', 'ID', 'DIRECTION', 'RULE', 'COMMENT'],
    ...rules.map(({ position, id, direction, enabled, text, comment = '' }) => [
      ...[String(position), id, direction, enabled ? text : `(off) ${text}`, comment],
    ]),
  ])
