/** `portcullis account|project|zone|server|interface|binding`: what is managed through the API, one noun each. */
import { Command, InvalidArgumentError } from 'commander'
import { isObject, type JsonObject } from '../core/json.ts'
import { call, ifRevisionOption, list, type ResourceFlags, remove, show, table, verb } from './resource.ts'

interface Noun {
  readonly name: string
  readonly about: string
  /** Of its list, in paths and answers. */
  readonly several: string
  /** Member that names one of them, in every answer. */
  readonly key: 'id' | 'interface'
  readonly columns: readonly string[]
  readonly filters: readonly string[]
  /** Body of a new one, for the example; absent: none is made here. */
  readonly example?: string
}

const nouns: readonly Noun[] = [
  {
    ...{ name: 'account', about: 'accounts, for operators', several: 'accounts', key: 'id' },
    ...{ columns: ['id', 'name', 'closed', 'revision'], filters: ['name', 'closed'] },
    example: '{"name": "acme", "quotas": {"servers": 100}}',
  },
  {
    ...{ name: 'project', about: 'projects that servers may be in', several: 'projects', key: 'id' },
    ...{ columns: ['id', 'profile', 'name', 'revision'], filters: ['profile'] },
    example: '{"profile": "scaleway", "name": "production"}',
  },
  {
    ...{ name: 'zone', about: 'zones that servers may be in', several: 'zones', key: 'id' },
    ...{ columns: ['id', 'profile', 'name', 'revision'], filters: ['profile'] },
    example: '{"profile": "ionos", "name": "production"}',
  },
  {
    ...{ name: 'server', about: 'servers of every profile', several: 'servers', key: 'id' },
    columns: ['id', 'profile', 'name', 'zone', 'state', 'revision'],
    filters: ['profile', 'name', 'zone', 'host', 'account'],
    example: '{"profile": "upcloud", "name": "web1", "zone": "fi-hel1"}',
  },
]

/** A JSON object on the command line. */
function objectOf(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value as JsonObject)) return value as JsonObject
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError('Expected a JSON object.')
}

const cell = (value: unknown) =>
  value === null || value === undefined
    ? '-'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

const rows = (columns: readonly string[], items: readonly JsonObject[]) =>
  table([
    columns.map((each) => each.toUpperCase()),
    ...items.map((item) => columns.map((each) => cell(item[each]))),
  ])

export const members = (body: JsonObject) =>
  Object.entries(body)
    .map(([name, value]) => `${name}: ${cell(value)}`)
    .join('\n')

const a = (name: string) => `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`

const pathOf = (several: string, id: string) => `v1/${several}/${encodeURIComponent(id)}`

function lister({ name, several, columns, filters }: Noun): Command {
  const command = verb('list', `list ${several}`, `portcullis ${name} list --json`)
  for (const each of filters) command.option(`--${each} <value>`, `only those with this ${each}`)
  return command.action(async (flags: ResourceFlags & Record<string, string>, self: Command) => {
    const wanted = Object.fromEntries(filters.map((each) => [each, flags[each]]))
    const items = await list(self, `v1/${several}`, several, wanted)
    show(flags, items && { [several]: items }, () => rows(columns, items ?? []))
  })
}

const shower = ({ name, several, key }: Noun) =>
  verb('show', `show one ${name}`, `portcullis ${name} show ID`)
    .argument(`<${key}>`, `${key} of the ${name}, as its list shows it`)
    .action(async (id: string, flags: ResourceFlags, self: Command) =>
      show(flags, await call<JsonObject>(self, pathOf(several, id), key as never), members),
    )

const updater = ({ name, several, key }: Noun) =>
  verb('update', `change ${a(name)}`, `portcullis ${name} update ID '{"name": "new"}'`)
    .argument('<id>', `id of the ${name}, as its list shows it`)
    .argument('<change>', 'what changes, as JSON; null takes it back', objectOf)
    .addOption(ifRevisionOption())
    .action(async (id: string, body: JsonObject, flags: ResourceFlags, self: Command) => {
      const { ifRevision } = flags
      show(
        flags,
        await call<JsonObject>(self, pathOf(several, id), key as never, {
          method: 'PATCH',
          body,
          ifRevision,
        }),
        members,
      )
    })

const remover = (verbName: string, { name, several, key }: Noun) =>
  verb(verbName, `${verbName} ${a(name)}`, `portcullis ${name} ${verbName} ID`)
    .argument(`<${key}>`, `${key} of the ${name}, as its list shows it`)
    .addOption(ifRevisionOption())
    .action(async (id: string, flags: ResourceFlags, self: Command) => {
      if (await remove(self, pathOf(several, id), { ifRevision: flags.ifRevision }))
        show(flags, { [key]: id }, () => `${name} ${id}: done`)
    })

function nounCommand(noun: Noun): Command {
  const { name, about, several, key, example = '{}' } = noun
  const create = verb('create', `make ${a(name)}`, `portcullis ${name} create '${example}'`)
    .argument('<body>', 'as docs/inventory.md has it, as JSON', objectOf)
    .action(async (body: JsonObject, flags: ResourceFlags, self: Command) =>
      show(flags, await call<JsonObject>(self, `v1/${several}`, key as never, { body }), members),
    )
  const command = new Command(name).description(about)
  for (const each of [lister(noun), shower(noun), create, updater(noun), remover('delete', noun)])
    command.addCommand(each)
  return command
}

const interfaces: Noun = {
  ...{ name: 'interface', about: 'interfaces of servers', several: 'interfaces', key: 'id' },
  ...{ columns: ['id', 'index', 'mac', 'addresses', 'type', 'state'], filters: [] },
}

function interfaceCommand(): Command {
  const { columns } = interfaces
  const ofServer = (server: string) => `v1/servers/${encodeURIComponent(server)}/interfaces`
  const listed = verb('list', 'list interfaces of a server', 'portcullis interface list web1')
    .argument('<server>', 'id, number or name of the server')
    .action(async (server: string, flags: ResourceFlags, self: Command) => {
      const body = await call<{ interfaces: readonly JsonObject[] }>(self, ofServer(server), 'interfaces')
      show(flags, body, ({ interfaces: items }) => rows(columns, items))
    })
  const create = verb(
    'create',
    'add an interface',
    `portcullis interface create SERVER '{"type": "private"}'`,
  )
    .argument('<server>', 'id of the server')
    .argument('<body>', 'as docs/inventory.md has it, as JSON', objectOf)
    .action(async (server: string, body: JsonObject, flags: ResourceFlags, self: Command) =>
      show(flags, await call<JsonObject>(self, ofServer(server), 'id' as never, { body }), members),
    )
  const command = new Command('interface').description(interfaces.about)
  for (const each of [listed, shower(interfaces), create, updater(interfaces), remover('delete', interfaces)])
    command.addCommand(each)
  return command
}

const bindings: Noun = {
  ...{ name: 'binding', about: 'where interfaces are, for operators', several: 'bindings', key: 'interface' },
  columns: ['host', 'device', 'interface', 'server', 'boundBy', 'boundAt'],
  filters: ['host', 'device', 'server', 'mac', 'account'],
}

function bindingCommand(): Command {
  const example = 'portcullis binding claim NIC hypervisor-1 tap12i0'
  const claim = verb('claim', 'say where an interface is', example)
    .argument('<interface>', 'id of the interface')
    .argument('<host>', 'host that carries it')
    .argument('<device>', 'network device there')
    .option('--from <interface>', 'the interface that has the device, and gives it up')
    .addOption(ifRevisionOption())
    .action(
      async (
        id: string,
        host: string,
        device: string,
        flags: ResourceFlags & { from?: string },
        self: Command,
      ) => {
        const { from, ifRevision } = flags
        const body = { host, device, ...(from !== undefined && { from }) }
        const path = pathOf('bindings', id)
        show(
          flags,
          await call<JsonObject>(self, path, 'interface' as never, { method: 'PUT', body, ifRevision }),
          members,
        )
      },
    )
  const command = new Command('binding').description(bindings.about)
  for (const each of [lister(bindings), shower(bindings), claim, remover('release', bindings)])
    command.addCommand(each)
  return command
}

export function managedCommand(name: string): Command {
  if (name === 'interface') return interfaceCommand()
  if (name === 'binding') return bindingCommand()
  const noun = nouns.find((each) => each.name === name)
  if (!noun) throw new Error(`no noun ${name}`)
  return nounCommand(noun)
}
