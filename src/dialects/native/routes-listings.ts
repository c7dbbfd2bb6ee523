/** Projects and zones: what providers list in accounts, as resources of one form. */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import { isOperator } from '../../service/context.ts'
import type { Listed, Listing } from '../../service/listings.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { actingIn } from './acting.ts'
import { textOf } from './decode-query.ts'
import { bodyOf, creations, identifier, removals, resources, routesOf } from './endpoint.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import {
  type ListedCreation,
  ListedQuery,
  Listed as ListedSchema,
  ListedUpdate,
  ProjectCreation,
  ProjectList,
  ZoneCreation,
  ZoneList,
} from './schemas-accounts.ts'

function encode({ principal }: DialectRequest, { own, account, ...rest }: Listed): JsonObject {
  return { ...rest, ...(isOperator(principal) && { account }), ...own }
}

const resourceOf = (request: DialectRequest, listed: Listed) => ({
  body: encode(request, listed),
  revision: listed.revision,
})

interface Kind {
  readonly as: Listing
  readonly one: string
  readonly several: 'projects' | 'zones'
  /** In names of operations. */
  readonly called: string
  readonly list: typeof ProjectList | typeof ZoneList
  readonly creation: typeof ProjectCreation
}

const kinds: readonly Kind[] = [
  {
    ...{ as: 'attribute', one: 'project', several: 'projects', called: 'Project' },
    ...{ list: ProjectList, creation: ProjectCreation },
  },
  {
    ...{ as: 'zone', one: 'zone', several: 'zones', called: 'Zone' },
    ...{ list: ZoneList, creation: ZoneCreation },
  },
]

const routesOfKind = ({ as, one, several, called, list, creation }: Kind): readonly Route[] => [
  ...routesOf([
    {
      method: 'GET',
      path: `/${several}`,
      operation: `list${called}s`,
      summary:
        as === 'zone'
          ? 'Zones that servers may be in: those that catalogues offer, then the account’s own'
          : 'Projects that servers may be in',
      operators: true,
      schema: { query: ListedQuery, answer: list },
      handle: async (request) => {
        const page = keyPageOf(request.query)
        if (!page.ok) return page
        const profile = textOf(request.query, 'profile')
        if (!profile.ok) return profile
        const filter = profile.value === undefined ? {} : { profile: profile.value }
        const found = await request.services.listings.page(request, as, filter, page.value)
        if (!found.ok) return found
        const { items, next } = found.value
        return ok({
          [several]: items.map((each) => encode(request, each)),
          next: next && encodeCursor(next),
        })
      },
    },
  ]),
  ...creations([
    {
      path: `/${several}`,
      operation: `create${called}`,
      summary: `Make a ${one} of the account; what its provider’s API answers is the same one`,
      operators: true,
      schema: { body: creation, answer: ListedSchema },
      location: (id) => `/v1/${several}/${encodeURIComponent(id)}`,
      handle: async (request, once) => {
        const body = bodyOf<ListedCreation & JsonObject>(request)
        if (!body.ok) return body
        const { profile, account, ...entry } = body.value
        const acting = await actingIn(request, account)
        if (!acting.ok) return acting
        const { listings } = request.services
        const made = await listings.create(acting.value, as, profile, entry as JsonObject, once)
        return made.ok ? ok({ ...resourceOf(request, made.value), id: made.value.id }) : made
      },
      read: async (request, id) => {
        const found = await request.services.listings.get(request, as, id)
        return found.ok ? ok(resourceOf(request, found.value)) : found
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: `/${several}/:id`,
      operation: `get${called}`,
      summary: `One ${one}`,
      operators: true,
      schema: { answer: ListedSchema },
      handle: async (request) => {
        const id = identifier(request, 'document')
        if (!id.ok) return id
        const found = await request.services.listings.get(request, as, id.value)
        return found.ok ? ok(resourceOf(request, found.value)) : found
      },
    },
    {
      method: 'PATCH',
      path: `/${several}/:id`,
      operation: `update${called}`,
      summary: `Change a ${one} of the account`,
      operators: true,
      schema: { body: ListedUpdate, answer: ListedSchema },
      handle: async (request, condition) => {
        const id = identifier(request, 'document')
        if (!id.ok) return id
        const change = bodyOf<JsonObject>(request)
        if (!change.ok) return change
        const { listings } = request.services
        const changed = await listings.change(request, as, id.value, change.value, condition)
        return changed.ok ? ok(resourceOf(request, changed.value)) : changed
      },
    },
  ]),
  ...removals([
    {
      path: `/${several}/:id`,
      operation: `delete${called}`,
      summary: `Delete a ${one} that nothing is in`,
      operators: true,
      handle: async (request, condition) => {
        const id = identifier(request, 'document')
        return id.ok ? request.services.listings.remove(request, as, id.value, condition) : id
      },
    },
  ]),
]

export const listingRoutes: readonly Route[] = kinds.flatMap(routesOfKind)
