/** The page on the inventory file, made from its schema: `npm run docs` writes it, and a test keeps it fresh. */
import { inOrder } from '../../core/model/profile.ts'
import { keyTable, type Schema } from '../config/reference.ts'
import type { Provider } from './provider.ts'
import { documentsOf, inventoryFile } from './schema.ts'

const intro = (numbers: readonly string[], switches: readonly string[]) => `# The inventory file

<!-- Made from the schema by \`npm run docs\`; do not edit. -->

\`portcullis serve --inventory FILE\` reads it at every start. It is YAML (JSON is YAML), and it is desired state: what it names is made so, and what an
earlier file made and this one does not name ends.

- **Strict.** A key that is not known, a value that is not right, or anything that is there twice is refused with its place:
  \`accounts[0].servers[2].interfaces[0].mac: expected a MAC address such as 52:54:00:00:00:01\`. Then nothing of the file is applied.
- **The same at every start.** What has no \`id\` gets one that is made from its names. Rename it, and it is another.
- **What leaves.** Credentials and accounts that are no longer named are refused with 401. A server that is no longer named answers 404, has no device
  (\`--guard\` keeps the device closed), and its ${[...numbers, 'device'].join(' and ')} may be given to another, also in the same start. Its rules, and what was made through an API in an
  account that left, are kept, and come back when the file names them again. What an API made is not touched by a file that does not name it.
- **What stays.** Rules are the APIs' alone. A switch that the file does not mention (${switches.map((each) => `\`${each}\``).join(', ')}) stays as an API has left it;
  one that it mentions is set at every start. \`state\` is that of a new server only.
- **Several processes** on one database need the same file: the last one that starts decides.
- Text is one line. A number where text is meant is taken as it is written: \`id: 007\` is \`007\`. Anchors, aliases and merge keys (\`<<\`) are followed.
- The file may hold passwords in clear: let nobody else read it.
`

/** Where each table stands, and what it is about. */
const sectionsOf = (providers: readonly Provider[]): readonly [title: string, path: readonly string[]][] => [
  ['The file', []],
  ['An account', ['accounts']],
  ['A credential', ['accounts', 'credentials']],
  ...documentsOf(providers).map(({ kind, key }): [string, string[]] => [`A ${kind}`, ['accounts', key]]),
  ['A server', ['accounts', 'servers']],
  ['An interface', ['accounts', 'servers', 'interfaces']],
]

/** `providers`: with the catalogues that are built in. */
export function inventoryReference(providers: readonly Provider[]): string {
  const file = inventoryFile(providers) as object as Schema
  const tables = sectionsOf(providers).map(([title, path]) => {
    const place = path.reduce<Schema | undefined>((at, key) => at?.properties?.[key]?.items, file)
    const where = path.length === 0 ? '' : `\`${path.map((key) => `${key}[]`).join('.')}\`. `
    const about = `${where}${place?.description ?? ''}`.trim()
    return `## ${title}\n${about === '' ? '' : `\n${about}\n`}\n${keyTable(place)}`
  })
  const numbers = providers.flatMap(({ inventory: { number } }) => (number ? [number.key] : []))
  const switches = providers.flatMap(({ interfacePolicies }) =>
    interfacePolicies ? [interfacePolicies.enabledBy, interfacePolicies.filtersBy.attribute] : [],
  )
  return [
    intro(numbers, ['firewall', 'cutFlows', 'log', 'logAllowed', ...switches]),
    ...tables,
    offered(providers),
  ].join('\n')
}

function offered(providers: readonly Provider[]): string {
  const rows = inOrder(providers).flatMap(({ profile, states, offers }) => {
    const { zones, plans } = offers
    const cells = [states, zones, plans].map(
      (list) => list?.map((each) => `\`${each}\``).join(' ') ?? 'no list',
    )
    return states.length === 0 ? [] : [`| \`${profile}\` | ${cells.join(' | ')} |`]
  })
  return `## What providers offer

Zones and plans are those of the catalogues that come with this version; [\`--catalogue\`](catalogue.md) replaces them.

| profile | states | zones | plans |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
