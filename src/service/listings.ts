/**
 * What providers list in accounts, and servers name: projects, and zones that are documents; with them, only to read, the
 * zones that catalogues offer. They are the documents that dialects answer.
 */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { inOrder, type Profile } from '../core/model/profile.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { DocumentRecord, KeyPage, Storage } from '../storage/storage.ts'
import { actorOf, type Context, inAccount, isWithin } from './context.ts'
import { bodyOfListed } from './inventory/accounts.ts'
import { entrySchemas, readEntry, someOf } from './inventory/entry.ts'
import type { NamedDocuments, Provider } from './inventory/provider.ts'
import type { Condition, Outcome } from './outcome.ts'
import { keyOf, type Paged, pagedBy } from './pages.ts'

/** How servers name it. */
export type Listing = NamedDocuments['server']['as']

export interface Listed {
  readonly profile: Profile
  readonly id: string
  readonly name: string
  /** Keys of its provider. */
  readonly own: JsonObject
  /** Null of what a catalogue offers: it is nobody's, and not changed here. */
  readonly account: string | null
  /** 0 of what a catalogue offers. */
  readonly revision: number
}

/** Another account's is `not-found`. Ids of one provider are looked up before those of the next. */
export interface ListingService {
  /** What catalogues offer comes first, then documents in order of profile and id. */
  page(
    ctx: Context,
    as: Listing,
    filter: { readonly profile?: Profile },
    page: KeyPage,
  ): Outcome<Paged<Listed>>
  get(ctx: Context, as: Listing, id: string): Outcome<Listed>
  /** In the caller's account; answers its id. */
  create(
    ctx: Context,
    as: Listing,
    profile: Profile,
    entry: JsonObject,
    once: (id: string) => Partial<Context>,
  ): Outcome<Listed>
  /** What is given changes. */
  change(ctx: Context, as: Listing, id: string, change: JsonObject, condition: Condition): Outcome<Listed>
  /** `conflict` (document) while anything names it, or when every account has one and it is the last. */
  remove(ctx: Context, as: Listing, id: string, condition: Condition): Outcome<void>
}

interface Source {
  readonly profile: Profile
  readonly of: NamedDocuments
}

export function createListingService(storage: Storage, providers: readonly Provider[]): ListingService {
  const schemas = entrySchemas(providers)
  const ordered = inOrder(providers)

  const sourcesOf = (as: Listing, profile?: Profile): readonly Source[] =>
    ordered.flatMap(({ profile: owner, inventory: { documents: of } }) =>
      of?.server.as === as && (profile === undefined || owner === profile) ? [{ profile: owner, of }] : [],
    )

  const offeredOf = (as: Listing, profile?: Profile): readonly Listed[] =>
    as === 'attribute'
      ? []
      : ordered
          .filter(({ profile: owner }) => profile === undefined || owner === profile)
          .flatMap(({ profile, offers }) =>
            (offers.zones ?? []).map((id) => ({
              profile,
              id,
              name: id,
              own: {},
              account: null,
              revision: 0,
            })),
          )

  const listed = ({ profile, id, body, account, revision }: DocumentRecord, of: NamedDocuments): Listed => ({
    ...{ profile, id, account, revision, name: String(body.name ?? '') },
    own: Object.fromEntries(Object.keys(of.keys).map((key) => [key, body[key] ?? of.defaults[key] ?? null])),
  })

  async function find(
    ctx: Context,
    as: Listing,
    id: string,
  ): Promise<{ readonly of: NamedDocuments; readonly document: DocumentRecord } | undefined> {
    for (const { profile, of } of sourcesOf(as)) {
      const document = await storage.document(profile, of.kind, id)
      if (document && isWithin(ctx, document.account)) return { of, document }
    }
    return undefined
  }

  const get: ListingService['get'] = async (ctx, as, id) => {
    const found = await find(ctx, as, id)
    if (found) return ok(listed(found.document, found.of))
    const offered = offeredOf(as).find((each) => each.id === id)
    return offered ? ok(offered) : err({ kind: 'not-found', resource: 'document', id })
  }

  /** One that may be changed. */
  async function changeable(ctx: Context, as: Listing, id: string) {
    const found = await find(ctx, as, id)
    if (found) return ok(found)
    const offered = await get(ctx, as, id)
    const reason = 'the catalogue offers it: it is not changed here'
    return offered.ok ? err<RequestError>({ kind: 'conflict', resource: 'document', reason }) : offered
  }

  function sourceOf(as: Listing, profile: Profile): Result<Source, RequestError> {
    const [source] = sourcesOf(as, profile)
    const reason = `expected one of ${sourcesOf(as)
      .map((each) => each.profile)
      .join(', ')}`
    return source ? ok(source) : err({ kind: 'invalid', field: 'profile', reason })
  }

  return {
    async page(ctx, as, { profile }, page) {
      const fits = keyOf(page, ['number', 'text', 'text'])
      if (!fits.ok) return fits
      const sources = sourcesOf(as, profile)
      const kinds = Object.fromEntries(sources.map((source) => [source.profile, source.of.kind]))
      const { account } = ctx.principal
      const [part = '0', ...key] = page.after ?? []
      const offered = part === '0' ? offeredOf(as, profile) : []
      const behind = offered.findIndex((each) => each.profile === key[0] && each.id === key[1]) + 1
      return ok(
        await pagedBy(
          page,
          async ({ limit }) => {
            const first = offered.slice(behind, behind + limit)
            const after = part === '0' ? null : key
            const filter = { kinds, ...(account !== '' && { account }) }
            const rest = await storage.documentPage(filter, { after, limit: limit - first.length })
            const ofDocument = (each: DocumentRecord) =>
              listed(each, sources.find((source) => source.profile === each.profile)?.of as NamedDocuments)
            return [...first, ...rest.map(ofDocument)]
          },
          (item) => [item.account === null ? '0' : '1', item.profile, item.id],
        ),
      )
    },
    get,
    async create(ctx, as, profile, entry, once) {
      const source = sourceOf(as, profile)
      if (!source.ok) return source
      const { of } = source.value
      const { kind, initial } = of
      const id = typeof entry.id === 'string' ? entry.id : randomUUID()
      const read = readEntry(
        schemas.document(of),
        entry,
        (checked) => checked as JsonObject & { name: string },
      )
      if (!read.ok) return read
      const { account } = ctx.principal
      const body = { ...bodyOfListed(of, read.value), ...initial, createdAt: ctx.now }
      const args = { document: { account, profile, kind, id, body }, ifRevision: 0 }
      const done = await storage.run('putDocument', args, actorOf({ ...ctx, ...once(id) }))
      if (done.ok) return get(ctx, as, id)
      // Another account's, or the account's own; not what the credential forbids, nor a request that is repeated.
      const { error } = done
      const isTaken =
        (error.kind === 'forbidden' || error.kind === 'conflict') && error.resource === 'document'
      const reason = `a ${kind} with this id exists`
      return isTaken ? err({ kind: 'conflict', resource: 'document', reason }) : done
    },
    async change(ctx, as, id, change, condition) {
      const found = await changeable(ctx, as, id)
      if (!found.ok) return found
      const { of, document } = found.value
      const schema = someOf(schemas.document(of), ['name', ...Object.keys(of.keys)])
      const read = readEntry(schema, change, (checked) => checked)
      if (!read.ok) return read
      const { account, profile, kind, body } = document
      const args = {
        document: { account, profile, kind, id, body: { ...body, ...read.value } },
        ifRevision: condition.ifRevision ?? document.revision,
      }
      const done = await storage.run('putDocument', args, actorOf(inAccount(ctx, account)))
      return done.ok ? get(ctx, as, id) : done
    },
    async remove(ctx, as, id, condition) {
      const found = await changeable(ctx, as, id)
      if (!found.ok) return found
      const { of, document } = found.value
      const { account, profile, kind } = document
      const unusedAs = as === 'zone' ? as : { attribute: of.server.key }
      const args = { account, profile, kind, id, ...condition, unusedAs, notLast: of.always !== undefined }
      const done = await storage.run('deleteDocument', args, actorOf(inAccount(ctx, account)))
      return done.ok ? ok(undefined) : done
    },
  }
}
