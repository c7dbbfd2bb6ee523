/** `portcullis policy`: policies of an account, and what those of the native profile are attached to. */
import { Command, Option } from 'commander'
import type { JsonObject } from '../core/json.ts'
import { call, ifRevisionOption, list, type ResourceFlags, remove, show, table, verb } from './resource.ts'

interface Policy {
  readonly id: string
  readonly profile: string
  readonly name: string
  readonly description: string
  readonly enabled: boolean
  readonly stateful: boolean
  readonly defaults: { readonly ingress: string; readonly egress: string }
  readonly ruleCount: number
  readonly revision: number
}

interface Settings extends ResourceFlags {
  readonly name?: string
  readonly description?: string
  readonly ingress?: string
  readonly egress?: string
  readonly stateful?: string
  readonly enabled?: string
  readonly cutFlows?: string
}

export function policyCommand(): Command {
  return new Command('policy')
    .description('policies: their settings, and what they are attached to (their rules: portcullis rule)')
    .addCommand(
      verb('list', 'policies of every profile', 'portcullis policy list --server web1')
        .option('--name <name>', 'just this one')
        .option('--profile <profile>', 'only of one dialect')
        .option('--server <server>', 'attached to it or to one of its interfaces: its id or name')
        .action(listPolicies),
    )
    .addCommand(
      verb('show', 'one policy, without its rules', 'portcullis policy show 7f8c2e9a')
        .argument('<policy>', 'its id')
        .action(async (id: string, flags: ResourceFlags, command: Command) =>
          show(flags, await call<Policy>(command, at(id), 'ruleCount'), described),
        ),
    )
    .addCommand(
      withSettings(verb('create', 'make a native policy', 'portcullis policy create web --egress deny'))
        .argument('<name>', 'what it is called')
        .action(async (name: string, flags: Settings, command: Command) => {
          const body = { name, ...settingsOf(flags) }
          show(flags, await call<Policy>(command, 'v1/policies', 'ruleCount', { body }), described)
        }),
    )
    .addCommand(
      withSettings(
        verb('update', 'change what is given', 'portcullis policy update 7f8c2e9a --ingress reject'),
      )
        .argument('<policy>', 'its id')
        .option('--name <name>', 'what it is called')
        .addOption(ifRevisionOption())
        .action(async (id: string, flags: Settings, command: Command) => {
          const { name, ifRevision } = flags
          const body = { ...(name !== undefined && { name }), ...settingsOf(flags) }
          const question = { method: 'PATCH', body, ifRevision } as const
          show(flags, await call<Policy>(command, at(id), 'ruleCount', question), described)
        }),
    )
    .addCommand(
      verb(
        'delete',
        'delete a native policy that is attached to nothing',
        'portcullis policy delete 7f8c2e9a',
      )
        .argument('<policy>', 'its id')
        .addOption(ifRevisionOption())
        .action(async (id: string, flags: ResourceFlags, command: Command) => {
          const { ifRevision } = flags
          if (await remove(command, at(id), { ifRevision })) show(flags, { id }, () => `deleted ${id}`)
        }),
    )
    .addCommand(attachment('attach', 'put it behind what is attached there', attach))
    .addCommand(attachment('detach', 'take it off', detach))
    .addCommand(
      verb(
        'order',
        'say what is attached, and in which order',
        'portcullis policy order web1 7f8c2e9a 0b1d77c2',
      )
        .argument('<server>', 'its id or name')
        .argument('[policies...]', 'ids; none: nothing is attached, and nothing comes in but answers')
        .option('--interface <id>', 'of this interface alone')
        .action(order),
    )
}

const at = (id: string): string => `v1/policies/${encodeURIComponent(id)}`

async function listPolicies(
  flags: ResourceFlags & { readonly name?: string; readonly profile?: string; readonly server?: string },
  command: Command,
): Promise<void> {
  const { name, profile, server: called } = flags
  const server = called === undefined ? undefined : await serverId(command, called)
  if (called !== undefined && server === undefined) return
  const policies = await list<Policy>(command, 'v1/policies', 'policies', { name, profile, server })
  show(flags, policies, (all) =>
    table([
      ['ID', 'NAME', 'PROFILE', 'INGRESS', 'EGRESS', 'RULES'],
      ...all.map(({ id, name: own, profile: of, defaults, ruleCount }) => [
        ...[id, own, of, defaults.ingress, defaults.egress, String(ruleCount)],
      ]),
    ]),
  )
}

function withSettings(command: Command): Command {
  const actions = ['allow', 'deny', 'reject']
  const flag = ['on', 'off']
  return command
    .option('--description <text>', 'for people')
    .addOption(new Option('--ingress <action>', 'default for what comes to the VM').choices(actions))
    .addOption(new Option('--egress <action>', 'default for what leaves the VM').choices(actions))
    .addOption(new Option('--stateful <switch>', 'whether answers pass').choices(flag))
    .addOption(new Option('--enabled <switch>', 'off: as if it were not attached').choices(flag))
    .addOption(
      new Option('--cut-flows <when>', 'whether connections end that the rules would not let begin').choices([
        'never',
        'revoked',
      ]),
    )
}

function settingsOf({ description, ingress, egress, stateful, enabled, cutFlows }: Settings): JsonObject {
  const defaults = { ...(ingress && { ingress }), ...(egress && { egress }) }
  return {
    ...(description !== undefined && { description }),
    ...(Object.keys(defaults).length > 0 && { defaults }),
    ...(stateful && { stateful: stateful === 'on' }),
    ...(enabled && { enabled: enabled === 'on' }),
    ...(cutFlows && { cutFlows }),
  }
}

const described = ({ id, name, profile, enabled, stateful, defaults, ruleCount, revision }: Policy): string =>
  table([
    ['ID', 'NAME', 'PROFILE', 'ENABLED', 'STATEFUL', 'INGRESS', 'EGRESS', 'RULES', 'REVISION'],
    [
      ...[id, name, profile, enabled ? 'yes' : 'no', stateful ? 'yes' : 'no'],
      ...[defaults.ingress, defaults.egress, String(ruleCount), String(revision)],
    ],
  ])

interface PlaceFlags extends ResourceFlags {
  readonly interface?: string
}

const attachment = (
  name: string,
  description: string,
  action: (policy: string, server: string, flags: PlaceFlags, command: Command) => Promise<void>,
): Command =>
  verb(name, `${description}: of a server, or of one interface`, `portcullis policy ${name} 7f8c2e9a web1`)
    .argument('<policy>', 'its id')
    .argument('<server>', 'its id or name')
    .option('--interface <id>', 'of this interface alone')
    .action(action)

/** Undefined when there is none, and that has been told. */
const serverId = async (command: Command, called: string): Promise<string | undefined> =>
  (await call<{ id: string }>(command, `v1/servers/${encodeURIComponent(called)}`, 'id'))?.id

async function attach(policy: string, called: string, flags: PlaceFlags, command: Command): Promise<void> {
  const server = await serverId(command, called)
  if (server === undefined) return
  const body = { server, interface: flags.interface ?? null }
  const made = await call(command, `${at(policy)}/attachments`, 'server', { body })
  show(flags, made, () => `attached ${policy} to ${placeText(called, flags)}`)
}

async function detach(policy: string, called: string, flags: PlaceFlags, command: Command): Promise<void> {
  const server = await serverId(command, called)
  if (server === undefined) return
  const { interface: nic } = flags
  const path = [server, ...(nic === undefined ? [] : [nic])].map(encodeURIComponent).join('/')
  if (!(await remove(command, `${at(policy)}/attachments/${path}`))) return
  const place = { policy, server, interface: nic ?? null }
  show(flags, place, () => `took ${policy} off ${placeText(called, flags)}`)
}

async function order(
  called: string,
  policies: readonly string[],
  flags: PlaceFlags,
  command: Command,
): Promise<void> {
  const server = await serverId(command, called)
  if (server === undefined) return
  const { interface: nic } = flags
  const part = nic === undefined ? '' : `/interfaces/${encodeURIComponent(nic)}`
  const path = `v1/servers/${encodeURIComponent(server)}${part}/policies`
  const question = { method: 'PUT', body: { policies } } as const
  const done = await call<{ policies: readonly { id: string; name: string }[] }>(
    command,
    path,
    'policies',
    question,
  )
  show(flags, done, ({ policies: all }) =>
    all.length === 0
      ? `nothing is attached to ${placeText(called, flags)}`
      : table([['ID', 'NAME'], ...all.map(({ id, name }) => [id, name])]),
  )
}

const placeText = (server: string, { interface: nic }: PlaceFlags): string =>
  nic === undefined ? server : `interface ${nic} of ${server}`
