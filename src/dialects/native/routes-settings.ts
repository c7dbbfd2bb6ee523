/** What owners choose beside their rules, of all policies that say nothing themselves. */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { AccountSettings } from '../../service/settings.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { bodyOf, routesOf } from './endpoint.ts'
import { Account, AccountChange } from './schemas-settings.ts'

export const settingsRoutes: readonly Route[] = routesOf([
  {
    method: 'GET',
    path: '/account',
    operation: 'getAccount',
    summary:
      'What the account chose for policies that say nothing themselves, its quotas, and how much it has of each',
    schema: { answer: Account },
    handle: async (request) =>
      ok(encodeAccount(request, await request.services.ownerSettings.account(request))),
  },
  {
    method: 'PATCH',
    path: '/account',
    operation: 'updateAccount',
    summary: 'Change what becomes of connections when rules change',
    schema: { body: AccountChange, answer: Account },
    handle: async (request) => {
      const change = bodyOf<AccountChange>(request)
      if (!change.ok) return change
      const changed = await request.services.ownerSettings.changeAccount(request, change.value)
      return changed.ok ? ok(encodeAccount(request, changed.value)) : changed
    },
  },
])

const encodeAccount = (
  { principal }: DialectRequest,
  { cutFlows, used, quotas }: AccountSettings,
): JsonObject => ({
  account: principal.account,
  cutFlows,
  quotas: { ...quotas },
  usage: { ...used },
})
