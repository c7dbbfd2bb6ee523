/** `portcullis inventory`: a file that says what accounts, credentials and servers there are, applied, compared and exported. */
import { Command } from 'commander'
import { ask } from './caller.ts'
import { answer, complain, note } from './output.ts'
import { call, type ResourceFlags, show, verb } from './resource.ts'
import { readText } from './text-file.ts'

export function inventoryCommand(): Command {
  const inventory = new Command('inventory').description(
    'what accounts, credentials, servers and interfaces there are, as a file (docs/inventory.md)',
  )
  inventory.addCommand(
    verb(
      'apply',
      'make it as a file says, all of it or nothing',
      'portcullis inventory apply inventory.yaml --dry-run',
    )
      .argument('<file>', 'YAML or JSON')
      .option('--dry-run', 'only say what would be changed')
      .option('--prune', 'end what the inventory owns and the file does not name')
      .action(apply),
  )
  inventory.addCommand(
    verb('diff', 'what applying a file would change', 'portcullis inventory diff inventory.yaml --prune', {
      statuses:
        '0 nothing would be changed; 1 something would; 2 it could not be tried, or the file is wrong.',
    })
      .argument('<file>', 'YAML or JSON')
      .option('--prune', 'with what would end because the file does not name it')
      .action(diff),
  )
  inventory.addCommand(
    verb(
      'export',
      'everything there is, as a file that changes nothing when it is applied; secrets as their hashes',
      'portcullis inventory export --owned > inventory.json',
    )
      .option('--owned', 'only what the inventory owns')
      .action(exportFile),
  )
  inventory.addCommand(
    new Command('schema')
      .description('the JSON Schema of the file, for editors')
      .option('--json', 'as it is always answered')
      .addHelpText(
        'after',
        '\nExample: portcullis inventory schema > inventory.schema.json\n\nExit status: 0 done; 2 it could not be tried: usage.',
      )
      .action(schema),
  )
  return inventory
}

interface Flags extends ResourceFlags {
  readonly dryRun?: true
  readonly prune?: true
  readonly owned?: true
}

interface Change {
  readonly change: string
  readonly resource: string
  readonly id: string
  readonly name: string
  readonly account: string
  readonly fields?: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[]
}

interface Answer {
  readonly changed: boolean
  readonly revision: number | null
  readonly total: number
  readonly changes: readonly Change[]
  readonly warnings: readonly string[]
}

async function apply(file: string, flags: Flags, command: Command): Promise<void> {
  const body = await sent(file, 'v1/inventory', 'PUT', flags, command)
  show(flags, body, (done) => [...lines(done), summary(done, flags.dryRun === true)].join('\n'))
}

async function diff(file: string, flags: Flags, command: Command): Promise<void> {
  const body = await sent(file, 'v1/inventory/diff', 'POST', flags, command)
  if (!body) {
    process.exitCode = 2
    return
  }
  show(flags, body, (found) => [...lines(found), summary(found, true)].join('\n'))
  if (body.changed) process.exitCode = 1
}

async function sent(
  file: string,
  path: string,
  method: 'PUT' | 'POST',
  { dryRun, prune }: Flags,
  command: Command,
): Promise<Answer | undefined> {
  const text = await readText(file)
  if (!text.ok) {
    complain(`${file}: ${text.error}`, 2)
    return undefined
  }
  const query = new URLSearchParams({ ...(prune && { prune: 'true' }), ...(dryRun && { dryRun: 'true' }) })
  const body = await call<Answer>(command, `${path}?${query}`, 'changes', { method, text: text.value })
  for (const warning of body?.warnings ?? []) note(`${file}: ${warning}`)
  return body
}

const signs: Readonly<Record<string, string>> = { added: '+', changed: '~', removed: '-' }

const lines = ({ changes, total }: Answer): readonly string[] => [
  ...changes.flatMap(({ change, resource, id, name, fields = [] }) => [
    `${signs[change] ?? '?'} ${resource} ${name} (${id})`,
    ...fields.map(
      ({ field, before, after }) => `    ${field}: ${JSON.stringify(before)} > ${JSON.stringify(after)}`,
    ),
  ]),
  ...(total > changes.length ? [`and ${total - changes.length} more`] : []),
]

function summary({ changed, total, revision }: Answer, asked: boolean): string {
  if (!changed) return 'nothing differs'
  const what = total === 1 ? '1 change' : `${total} changes`
  return asked ? `${what} would be made` : `${what} made, revision ${revision}`
}

async function exportFile({ owned }: Flags, command: Command): Promise<void> {
  const response = await ask(command, `v1/inventory${owned ? '?owned=true' : ''}`)
  if (!response.ok) {
    const { text, status } = response.error
    return complain(text, status === undefined ? 2 : 1)
  }
  answer(JSON.stringify(JSON.parse(await response.value.text()), null, 2))
}

async function schema(): Promise<void> {
  const { inventoryJsonSchema } = await import('./serve/inventory-schema.ts')
  answer(inventoryJsonSchema())
}
