/** What documents name, and is gone: their dialects say which of their values are ids (`ProfileSpec.documentNames`). */
import { type JsonObject, parseObject } from '../../core/json.ts'
import type { Named, ProfileSpec } from '../../core/model/profile.ts'
import { chunks, marks, query, type Row, type Steps } from '../statement.ts'
import type { Fault } from './fault.ts'

type Profiles = readonly Pick<ProfileSpec, 'profile' | 'documentNames'>[]

interface Mention {
  /** Of the document. */
  readonly key: string
  readonly account: string
  readonly profile: string
  readonly as: string
  readonly named: Named
  readonly id: string
}

/** Documents that are looked at together. */
const perPage = 500

/** In pages, so that memory does not grow with the store. What an inventory no longer names is not looked at. */
export function* namedFaults(profiles: Profiles, found: (fault: Fault) => void): Steps<void> {
  const specs = new Map(profiles.map(({ profile, documentNames }) => [profile, documentNames ?? {}]))
  for (let after = ['', '', '']; ; ) {
    const rows = yield* query(
      `SELECT profile, kind, id, account, body, origin FROM documents
       WHERE (profile, kind, id) > (?, ?, ?) ORDER BY profile, kind, id LIMIT ${perPage}`,
      ...after,
    )
    const last = rows.at(-1)
    if (!last) return
    after = [last.profile, last.kind, last.id].map(String)
    const mentions = rows.flatMap((row) => (row.origin === 'left' ? [] : mentionsIn(row, specs)))
    for (const [of, each] of Map.groupBy(mentions, ({ named, profile }) =>
      JSON.stringify([named, profile]),
    )) {
      const [named, profile] = JSON.parse(of) as [Named, string]
      const owners = yield* ownersOf(named, profile, each)
      for (const mention of each) {
        const problem = problemOf(mention, owners.get(mention.id))
        if (problem) found({ ...problem, table: 'documents', key: mention.key })
      }
    }
  }
}

function mentionsIn(
  row: Row,
  specs: ReadonlyMap<string, NonNullable<ProfileSpec['documentNames']>>,
): readonly Mention[] {
  const [profile, kind, own, account] = [row.profile, row.kind, row.id, row.account].map(String) as [
    ...[string, string, string, string],
  ]
  const spec = specs.get(profile)?.[kind]
  if (!spec) return []
  // One that cannot be read is a fault of another kind.
  const body: JsonObject = parseObject(String(row.body)) ?? {}
  const mention = (as: string, named: Named, id: string): Mention => ({
    ...{ key: `${profile} ${kind} ${own}`, account, profile, as, named, id },
  })
  const keys = Object.entries(spec.keys ?? {}).flatMap(([as, named]) => {
    const id = body[as]
    return typeof id === 'string' && id !== '' ? [mention(as, named, id)] : []
  })
  return spec.within ? [mention('id', spec.within, own.split('/')[0] ?? ''), ...keys] : keys
}

/** Accounts of those that are there, by id; of one that is another profile’s null. */
function* ownersOf(
  named: Named,
  profile: string,
  mentions: readonly Mention[],
): Steps<ReadonlyMap<string, string | null>> {
  const owners = new Map<string, string | null>()
  for (const chunk of chunks([...new Set(mentions.map(({ id }) => id))])) {
    const rows =
      named === 'server'
        ? yield* query(`SELECT id, profile, account FROM servers WHERE id IN (${marks(chunk)})`, ...chunk)
        : yield* query(
            `SELECT id, profile, account FROM documents WHERE profile = ? AND kind = ? AND id IN (${marks(chunk)})`,
            ...[profile, named.document, ...chunk],
          )
    for (const row of rows) owners.set(String(row.id), row.profile === profile ? String(row.account) : null)
  }
  return owners
}

function problemOf(
  { as, named, id, account }: Mention,
  owner: string | null | undefined,
): Pick<Fault, 'kind' | 'problem'> | undefined {
  const word = named === 'server' ? 'server' : named.document
  if (owner === undefined)
    return { kind: 'reference', problem: `its ${as} names the ${word} ${id}, which is gone` }
  if (owner === account) return undefined
  return {
    kind: 'owner',
    problem: `its ${as} names the ${word} ${id}, which is another account’s or profile’s`,
  }
}
