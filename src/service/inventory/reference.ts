/** The page on the inventory file, made from its schema: `npm run docs` writes it, and a test keeps it fresh. */
import { offeredPlans, offeredZones, serverStates } from '../../core/model/offers.ts'
import { InventoryFile } from './schema.ts'

interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly description?: string
  readonly default?: unknown
  readonly expected?: string
}

const intro = `# The inventory file

<!-- Made from the schema by \`npm run docs\`; do not edit. -->

\`portcullis serve --inventory FILE\` reads it at every start. It is YAML (JSON is YAML), and it is desired state: what it names is made so, and what an
earlier file made and this one does not name ends.

- **Strict.** A key that is not known, a value that is not right, or anything that is there twice is refused with its place:
  \`accounts[0].servers[2].interfaces[0].mac: expected a MAC address such as 52:54:00:00:00:01\`. Then nothing of the file is applied.
- **The same at every start.** What has no \`id\` gets one that is made from its names. Rename it, and it is another.
- **What leaves.** Credentials and accounts that are no longer named are refused with 401. A server that is no longer named answers 404, has no device
  (\`--guard\` keeps the device closed), and its vmid and device may be given to another, also in the same start. Its rules, and what was made through an API in an
  account that left, are kept, and come back when the file names them again. What an API made is not touched by a file that does not name it.
- **What stays.** Rules are the APIs' alone. A switch that the file does not mention (\`firewall\`, \`firewallActive\`, \`firewallType\`) stays as an API has set it;
  one that it mentions is set at every start. \`state\` is that of a new server only.
- **Several processes** on one database need the same file: the last one that starts decides.
- Text is one line. A number where text is meant is taken as it is written: \`id: 007\` is \`007\`. Anchors, aliases and merge keys (\`<<\`) are followed.
- The file may hold passwords in clear: let nobody else read it.
`

/** Where each table stands, and what it is about. */
const sections: readonly [title: string, path: readonly string[]][] = [
  ['The file', []],
  ['An account', ['accounts']],
  ['A credential', ['accounts', 'credentials']],
  ['A project', ['accounts', 'projects']],
  ['A datacenter', ['accounts', 'datacenters']],
  ['A server', ['accounts', 'servers']],
  ['An interface', ['accounts', 'servers', 'interfaces']],
]

export function inventoryReference(): string {
  const tables = sections.map(([title, path]) => {
    const place = path.reduce<Schema | undefined>(
      (at, key) => at?.properties?.[key]?.items,
      InventoryFile as object as Schema,
    )
    const where = path.length === 0 ? '' : `\`${path.map((key) => `${key}[]`).join('.')}\`. `
    const about = `${where}${place?.description ?? ''}`.trim()
    const rows = Object.entries(place?.properties ?? {}).map(([key, value]) => {
      const needed = place?.required?.includes(key) ? 'yes' : ''
      return `| \`${key}\` | ${needed} | ${cell(expectedOf(value))} | ${cell(textOf(value))} |`
    })
    const head = '| key | needed | expected | |\n| --- | --- | --- | --- |'
    return `## ${title}\n${about === '' ? '' : `\n${about}\n`}\n${head}\n${rows.join('\n')}\n`
  })
  return [intro, ...tables, offers()].join('\n')
}

function expectedOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'boolean') return '`true`, `false`'
  if (schema.type === 'integer') return 'a whole number'
  return schema.expected ?? (schema.type === 'array' ? 'a list' : 'text')
}

function textOf({ description = '', default: otherwise }: Schema): string {
  return otherwise === undefined ? description : `${description} \`${otherwise}\` when absent.`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

function offers(): string {
  const rows = Object.entries(serverStates).flatMap(([profile, states]) => {
    const lists = [states, (offeredZones as Lists)[profile], (offeredPlans as Lists)[profile]]
    const cells = lists.map((list) => list?.map((each) => `\`${each}\``).join(' ') ?? 'no list')
    return profile === 'native' ? [] : [`| \`${profile}\` | ${cells.join(' | ')} |`]
  })
  return `## What providers offer\n\n| profile | states | zones | plans |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}
type Lists = Readonly<Record<string, readonly string[] | undefined>>
