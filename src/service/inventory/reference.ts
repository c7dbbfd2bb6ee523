/** The page on the inventory file, made from its schema: `npm run docs` writes it, and a test keeps it fresh. */
import { inOrder } from '../../core/model/profile.ts'
import { keyTable, type Schema } from '../config/reference.ts'
import type { Provider } from './provider.ts'
import { documentsOf, inventoryFile } from './schema.ts'

const intro = (
  example: string,
  numbers: readonly string[],
  switches: readonly string[],
) => `# The inventory file

<!-- Made from the schema by \`npm run docs\`; do not edit. -->

A file that says what accounts, credentials, servers and interfaces there are. It is YAML or JSON, which is faster: 100,000 servers are read in a second. \`portcullis serve
--inventory FILE\` applies it at the start, again when it changes, and on SIGHUP. A file that is wrong changes nothing, and is told in the log, in
\`portcullis_inventory_in_force\` ([metrics](metrics.md)) and in \`/readyz\`, until it is right. While the service runs operators apply, compare and export files.

## An example

It is run from top to bottom in a checkout, and the tests do so. The service begins with nothing; the token is its first [operator](operating.md#operators)'s.

\`\`\`sh
alias portcullis="$PWD/bin/portcullis.js"
mkdir -m 700 /tmp/portcullis-inventory
cd /tmp/portcullis-inventory
portcullis serve --listen 127.0.0.1:8080 --data data --inventory none 2> log &
SERVICE=$!
until curl -s --fail-with-body http://127.0.0.1:8080/readyz; do sleep 1; done
export PORTCULLIS_URL=http://127.0.0.1:8080 PORTCULLIS_TOKEN=$(cat data/operator.token)
\`\`\`

A file is looked at, and applied: all of it or nothing.

\`\`\`sh
cat > inventory.yaml <<'END'
# yaml-language-server: $schema=./inventory.schema.json
accounts:
  - name: acme
    credentials: [ { token: acme-token, scopes: [read, write] } ]
    servers:
      - { ${example}, firewall: true,
          interfaces: [ { mac: "52:54:00:00:00:01", addresses: [192.0.2.10] } ] }
END
portcullis inventory schema > inventory.schema.json     # for editors
portcullis inventory apply inventory.yaml --dry-run
portcullis inventory apply inventory.yaml
portcullis inventory diff inventory.yaml                # exit status 0: nothing differs
curl -H 'Authorization: Bearer acme-token' http://127.0.0.1:8080/v1/servers
\`\`\`

\`\`\`
+ account acme (…)
+ server web1 (…)
…would be made
…made, revision …
nothing differs
{"servers":[{…"name":"web1"…
\`\`\`

What is wrong is refused with its place. What the file no longer names ends with \`--prune\`:

\`\`\`sh
sed 's/name: web1/nam: web1/' inventory.yaml > wrong.yaml
portcullis inventory apply wrong.yaml                   # exit status 1
sed 's/web1/web2/' inventory.yaml > renamed.yaml
portcullis inventory diff renamed.yaml --prune          # exit status 1: something differs
portcullis inventory apply renamed.yaml --prune
\`\`\`

\`\`\`
+ server web2 (…)
- server web1 (…)
\`\`\`

What is exported changes nothing when it is applied, here or to another store:

\`\`\`sh
portcullis inventory export > everything.json
portcullis inventory diff everything.json --prune       # exit status 0
kill $SERVICE
wait $SERVICE
cd -
rm -r /tmp/portcullis-inventory
\`\`\`

## What holds

- **Strict.** A key that is not known, a value that is not right, or anything that is there twice is refused with its place:
  \`accounts[0].servers[2].interfaces[0].mac: expected a MAC address such as 52:54:00:00:00:01\`. Then nothing of the file is applied.
- **The same every time.** What has no \`id\` gets one that is made from its names. Rename it, and it is another.
- **One owner among others.** The inventory owns what it made, and where it put interfaces; \`serve\` and \`inventory apply\` are the same owner. What an API made stays as it is when no file names it; what a file says of it is made so, and it stays the API's.
  A device, number, name, access key or secret that something else has is refused, unless the same file moves it.
- **What leaves.** \`serve\`, and \`inventory apply --prune\`, end what the inventory owns and the file does not name; without \`--prune\` nothing ends. Credentials and accounts that end are refused with 401. A server that leaves answers 404, has no device
  (\`--guard\` keeps the device closed), and its ${[...numbers, 'device'].join(' and ')} may be given to another, also in the same file. Its rules, and what was made through an API in an
  account that left, are kept, and come back when a file names them again.
- **What stays.** Rules are the APIs' alone. A switch that the file does not mention (${switches.map((each) => `\`${each}\``).join(', ')}) stays as an API has left it;
  one that it mentions is set each time. An interface without \`host\` stays where an API put it. \`state\` is that of a new server only.
- **Secrets** are stored as hashes, and exported as such: \`passwordHash\`, \`tokenHash\`, \`secretKeyHash\` may stand in a file in place of the secret.
- **Several processes** on one database follow the same file: the first makes it so, and the others find nothing to change.
- **Replace a file** by renaming a finished one over it, or by a link that comes to lead elsewhere: one that is written in place may be read half done.
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
    intro(exampleOf(providers), numbers, ['firewall', 'cutFlows', 'log', 'logAllowed', ...switches]),
    ...tables,
    offered(providers),
  ].join('\n')
}

/** Of the first provider whose servers have chains, and need nothing else that the file would have to say. */
function exampleOf(providers: readonly Provider[]): string {
  const found = inOrder(providers).find(
    ({ chain, offers, inventory: { number, documents } }) =>
      chain && offers.zones && !number && documents?.server.as !== 'zone',
  )
  if (!found) throw new Error('no provider has servers that an example can show')
  return `profile: ${found.profile}, name: web1, zone: ${found.offers.zones?.[0]}`
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
