/** What owners choose beside their rules: of one policy, and of all that say nothing themselves. */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { AccountSettings, PolicyOwnSettings } from '../../service/settings.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { bodyOf, identifier, routesOf } from './endpoint.ts'
import { Account, AccountChange, PolicyChange, PolicySettings } from './schemas-settings.ts'

export const settingsRoutes: readonly Route[] = routesOf([
  {
    method: 'GET',
    path: '/policies/:id',
    operation: 'getPolicy',
    summary: 'What its owner chose for a policy beside its rules: a server’s chain, an interface’s, a group',
    schema: { answer: PolicySettings },
    handle: async (request) => {
      const id = identifier(request, 'policy')
      if (!id.ok) return id
      const found = await request.services.ownerSettings.policy(request, id.value)
      return found.ok ? ok(encodePolicySettings(found.value)) : found
    },
  },
  {
    method: 'PATCH',
    path: '/policies/:id',
    operation: 'updatePolicy',
    summary: 'Change what becomes of connections when its rules change, and what is told of packets',
    schema: { body: PolicyChange, answer: PolicySettings },
    handle: async (request) => {
      const id = identifier(request, 'policy')
      if (!id.ok) return id
      const change = bodyOf<PolicyChange>(request)
      if (!change.ok) return change
      const changed = await request.services.ownerSettings.changePolicy(request, id.value, change.value)
      return changed.ok ? ok(encodePolicySettings(changed.value)) : changed
    },
  },
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

const encodePolicySettings = ({
  policy,
  name,
  cutFlows,
  logAllowed,
  log,
  revision,
}: PolicyOwnSettings): JsonObject => ({
  ...{ id: policy, name, cutFlows, logAllowed, log: { ...log }, revision },
})

const encodeAccount = (
  { principal }: DialectRequest,
  { cutFlows, used, quotas }: AccountSettings,
): JsonObject => ({
  account: principal.account,
  cutFlows,
  quotas: { ...quotas },
  usage: { ...used },
})
