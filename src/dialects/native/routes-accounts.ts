/** Accounts, for operators: listed, made, changed, closed and deleted. */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { AccountChange } from '../../service/accounts.ts'
import type { ManagedAccount } from '../../storage/storage.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { textOf } from './decode-query.ts'
import { bodyOf, creations, identifier, removals, resources, routesOf } from './endpoint.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import {
  type AccountCreation,
  AccountCreation as AccountCreationSchema,
  AccountQuery,
  AccountUpdate,
  ManagedAccountList,
  ManagedAccount as ManagedAccountSchema,
} from './schemas-accounts.ts'

const encode = ({ services }: DialectRequest, account: ManagedAccount): JsonObject => {
  const { id, name, closed, origin, quotas, createdAt, revision } = account
  return {
    ...{ id, name, closed, origin, quotas: { ...quotas } },
    ...{ created: createdAt === null ? null : new Date(createdAt).toISOString(), revision },
    ...services.accounts.describe(account),
  }
}

const resourceOf = (request: DialectRequest, account: ManagedAccount) => ({
  body: encode(request, account),
  revision: account.revision,
})

/** Members that are not the API's own are providers'. */
function changeOf({ name, cutFlows, quotas, closed, ...own }: AccountUpdate & JsonObject): AccountChange {
  return {
    ...(name !== undefined && { name }),
    ...(cutFlows !== undefined && { cutFlows: cutFlows as AccountChange['cutFlows'] & {} }),
    ...(quotas !== undefined && { quotas: quotas as AccountChange['quotas'] & {} }),
    ...(closed !== undefined && { closed: closed as boolean }),
    own: own as JsonObject,
  }
}

export const accountRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/accounts',
      operation: 'listAccounts',
      summary: 'Accounts by name',
      scope: 'operator',
      schema: { query: AccountQuery, answer: ManagedAccountList },
      handle: async (request) => {
        const page = keyPageOf(request.query)
        if (!page.ok) return page
        const name = textOf(request.query, 'name')
        if (!name.ok) return name
        const closed = request.query.get('closed')
        const filter = {
          ...(name.value !== undefined && { name: name.value }),
          ...(closed !== null && { closed: closed === 'true' }),
        }
        const found = await request.services.accounts.page(filter, page.value)
        if (!found.ok) return found
        const { items, next } = found.value
        return ok({
          accounts: items.map((each) => encode(request, each)),
          next: next && encodeCursor(next),
        })
      },
    },
  ]),
  ...creations([
    {
      path: '/accounts',
      operation: 'createAccount',
      summary: 'Make an account',
      scope: 'operator',
      schema: { body: AccountCreationSchema, answer: ManagedAccountSchema },
      location: (id) => `/v1/accounts/${encodeURIComponent(id)}`,
      handle: async (request, once) => {
        const body = bodyOf<AccountCreation & JsonObject>(request)
        if (!body.ok) return body
        const { id, name, ...rest } = body.value
        const account = { ...changeOf(rest), name, ...(id !== undefined && { id }) }
        const made = await request.services.accounts.create(request, account, (made) => ({
          ...{ ...request, ...once(made) },
        }))
        return made.ok ? ok({ ...resourceOf(request, made.value), id: made.value.id }) : made
      },
      read: async (request, id) => {
        const found = await request.services.accounts.get(id)
        return found.ok ? ok(resourceOf(request, found.value)) : found
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/accounts/:id',
      operation: 'getManagedAccount',
      summary: 'One account',
      scope: 'operator',
      schema: { answer: ManagedAccountSchema },
      handle: async (request) => {
        const id = identifier(request, 'account')
        if (!id.ok) return id
        const found = await request.services.accounts.get(id.value)
        return found.ok ? ok(resourceOf(request, found.value)) : found
      },
    },
    {
      method: 'PATCH',
      path: '/accounts/:id',
      operation: 'updateManagedAccount',
      summary: 'Change an account, close it, or open it again',
      scope: 'operator',
      schema: { body: AccountUpdate, answer: ManagedAccountSchema },
      handle: async (request, condition) => {
        const id = identifier(request, 'account')
        if (!id.ok) return id
        const change = bodyOf<AccountUpdate & JsonObject>(request)
        if (!change.ok) return change
        const { accounts } = request.services
        const changed = await accounts.change(request, id.value, changeOf(change.value), condition)
        return changed.ok ? ok(resourceOf(request, changed.value)) : changed
      },
    },
  ]),
  ...removals([
    {
      path: '/accounts/:id',
      operation: 'deleteAccount',
      summary: 'Delete an account that has no servers, with all else that it has but its history',
      scope: 'operator',
      handle: async (request, condition) => {
        const id = identifier(request, 'account')
        return id.ok ? request.services.accounts.remove(request, id.value, condition) : id
      },
    },
  ]),
]
