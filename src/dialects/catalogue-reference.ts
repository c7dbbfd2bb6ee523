/** The page on the catalogue file, made from the catalogues: `npm run docs` writes it, and a test keeps it fresh. */
import { keyTable, type Schema } from '../service/config/reference.ts'
import type { Dialect } from './dialect.ts'

/** The test starts a service with it. */
export const catalogueExample = `upcloud:
  zones:
    - { id: berlin-1, description: Berlin Mitte }
    - { id: berlin-2, description: Berlin Adlershof, public: no }
  plans:
    - { name: small, core_number: 1, memory_amount: 2048, storage_size: 20, storage_tier: maxiops, public_traffic_out: 0 }
    - { name: large, core_number: 8, memory_amount: 32768, storage_size: 200, storage_tier: maxiops, public_traffic_out: 0 }
scaleway:
  zones: [berlin-1]
  types:
    S1: { ncpus: 2, ram: 4294967296, local_storage: 0, bandwidth: 1000000000, hourly_price: 0.01 }
`

const intro = `# The catalogue file

<!-- Made from the schemas by \`npm run docs\`; do not edit. -->

What clients can choose from (zones, plans, types, images, templates) is data. Each dialect has a catalogue built in, with what its provider lists;
\`portcullis serve --catalogue FILE\` (\`PORTCULLIS_CATALOGUE\`) puts your own in its place. The file is YAML (JSON is YAML):

\`\`\`yaml
${catalogueExample}\`\`\`

- **A section replaces a section.** A section is a key below a dialect, as in the tables here. One that the file gives takes the place of the one built in,
  whole; the others stay. To extend a list, copy the one built in (\`src/dialects/*/catalogue.json\` in the source) and add to it.
- **Strict.** A key that is not known, a value that is not right, or an id that is there twice is refused with its place, such as
  \`upcloud.plans[0].core_number: expected a whole number from 1 to 1024\`, and the service does not start.
- **Checked everywhere.** The [inventory file](inventory.md) may name the zones and plans that the catalogue in force has, and no others.
- **What exists stays.** A server keeps the zone and plan it was created with when the catalogue no longer lists them. Scaleway's servers are found below
  their zone only: take a zone out when it has no servers.
- **Several processes** on one database need the same file.
`

/** \`dialects\`: with the catalogues that are built in. */
export function catalogueReference(dialects: readonly Dialect[]): string {
  const parts = dialects.flatMap(({ profile, catalogue }) => {
    if (!catalogue) return []
    const schema = catalogue.schema as object as Schema
    return [`## \`${profile}\`\n\n${keyTable({ ...schema, required: [] })}`, ...entries(profile, schema)]
  })
  return [intro, ...parts].join('\n')
}

/** Lists of objects, and objects by name, have a table of their own. */
function entries(profile: string, { properties = {} }: Schema): readonly string[] {
  return Object.entries(properties).flatMap(([key, section]) => {
    const byName = Object.values(section.patternProperties ?? {})[0]
    const entry = section.items ?? byName
    if (!entry?.properties) return []
    return [`### \`${profile}.${key}${byName ? '.<name>' : '[]'}\`\n\n${keyTable(entry)}`]
  })
}
