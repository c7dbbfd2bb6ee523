/** The inventory of the whole installation, as operators apply, compare and export it. */
import { type Static, Type } from 'typebox'
import type { JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { answering } from './endpoint.ts'
import { closed, nullable, oneOf } from './schema-words.ts'

/** 100,000 servers are 20 to 40 MB. */
const maxBodyBytes = 128 * 1024 * 1024

const Flag = (description: string) => Type.Optional(Type.Boolean({ description, default: false }))
const prune = Flag('End what the inventory owns and the body does not name')

const Change = Type.Object(
  {
    change: oneOf('added', 'changed', 'removed'),
    resource: Type.String({
      description: '`account`, `credential`, `server`, or the kind of a document: `project`',
    }),
    id: Type.String(),
    name: Type.String(),
    account: Type.String({ description: 'Id of its account' }),
    fields: Type.Optional(
      Type.Array(
        Type.Object({ field: Type.String(), before: Type.Unknown(), after: Type.Unknown() }, closed),
        { description: 'Of what is changed, and only what differs; never a secret' },
      ),
    ),
  },
  closed,
)
const InventoryAnswer = Type.Object(
  {
    changed: Type.Boolean({
      description: 'Whether the store was changed; of a comparison, whether it would be',
    }),
    revision: nullable(
      Type.Integer(),
      'Newest revision after it was applied; null when it was only compared',
    ),
    total: Type.Integer({ description: 'Changes altogether' }),
    changes: Type.Array(Change, { description: 'The first thousand of them' }),
    warnings: Type.Array(Type.String(), {
      description: 'What should be known although it works, with its place',
    }),
  },
  closed,
)
type InventoryAnswer = Static<typeof InventoryAnswer>

export const inventoryRoutes: readonly Route[] = answering([
  {
    method: 'PUT',
    path: '/inventory',
    operation: 'applyInventory',
    summary:
      'Make accounts, credentials, servers and interfaces as the body says, YAML or JSON (docs/inventory.md): all of it or nothing',
    scope: 'operator',
    rawBody: true,
    maxBodyBytes,
    schema: {
      query: Type.Object({ prune, dryRun: Flag('Only say what would be changed') }),
      answer: InventoryAnswer,
    },
    handle: async (request) => {
      const given = await read(request, ['prune', 'dryRun'])
      if (!given.ok) return given
      const { text, flags } = given.value
      return flags.dryRun ? compare(request, text, flags) : apply(request, text, flags)
    },
  },
  {
    method: 'POST',
    path: '/inventory/diff',
    operation: 'compareInventory',
    summary: 'What applying the body would change',
    scope: 'operator',
    rawBody: true,
    maxBodyBytes,
    schema: { query: Type.Object({ prune }), answer: InventoryAnswer },
    handle: async (request) => {
      const given = await read(request, ['prune'])
      return given.ok ? compare(request, given.value.text, given.value.flags) : given
    },
  },
  {
    method: 'GET',
    path: '/inventory',
    operation: 'exportInventory',
    summary: 'Everything as an inventory that changes nothing when it is applied; secrets as their hashes',
    scope: 'operator',
    schema: {
      query: Type.Object({ owned: Flag('Only what the inventory owns') }),
      answer: Type.Object({ accounts: Type.Array(Type.Unknown()) }, closed),
    },
    handle: async (request) => {
      const flags = flagsOf(request, ['owned'])
      if (!flags.ok) return flags
      const bytes = await request.services.inventory.export({ owned: flags.value.owned === true })
      return ok({ status: 200, body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) })
    },
  },
])

type Flags = Readonly<Record<string, boolean>>

async function apply(request: DialectRequest, text: string, { prune }: Flags) {
  const done = await request.services.inventory.apply(request, text, { keep: !prune })
  if (!done.ok) return done
  const { revision, changed, ...rest } = done.value
  return answerOf({ changed, revision, ...rest } as InventoryAnswer)
}

async function compare(request: DialectRequest, text: string, { prune }: Flags) {
  const found = await request.services.inventory.compare(request, text, { keep: !prune })
  if (!found.ok) return found
  return answerOf({ changed: found.value.total > 0, revision: null, ...found.value } as InventoryAnswer)
}

const answerOf = (body: InventoryAnswer) => ok({ status: 200, body: body as unknown as JsonValue })

async function read(
  request: DialectRequest,
  names: readonly string[],
): Promise<Result<{ readonly text: string; readonly flags: Flags }, RequestError>> {
  const flags = flagsOf(request, names)
  if (!flags.ok) return flags
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(request.bytes)
    return ok({ text, flags: flags.value })
  } catch {
    return err({ kind: 'malformed', reason: 'the body is not valid UTF-8' })
  }
}

function flagsOf({ query }: DialectRequest, names: readonly string[]): Result<Flags, RequestError> {
  for (const [field, value] of query) {
    if (!names.includes(field)) return err({ kind: 'invalid', field, reason: 'is not known' })
    if (value !== 'true' && value !== 'false')
      return err({ kind: 'invalid', field, reason: 'expected true or false' })
  }
  return ok(Object.fromEntries(names.map((name) => [name, query.get(name) === 'true'])))
}
