/** The chain of rules of a server (contract: upcloud §2). */
import { ok } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { decodeIndex, decodeRuleBody, decodeRulesBody, mostRules } from './decode.ts'
import { encodeRule, encodeRuleList } from './encode.ts'
import { type Found, findServer, noContent, profile, refuseStates, route, serverId } from './find.ts'

const chainLimits = { maxRules: mostRules, refuseStates }

/** 1,000 rules with every attribute, and comments of 250 characters that take twelve bytes each when escaped, are 3.6 MB. */
const mostListBytes = 4 * 1024 * 1024
const bounded = (mostBodyBytes: number, ...args: Parameters<typeof route>): Route => ({
  ...route(...args),
  mostBodyBytes,
})

export const ruleRoutes: readonly Route[] = [
  route('GET', '/server/:uuid/firewall_rule', 'listRules', 200, 'All rules, in order', async (request) => {
    const uuid = serverId(request)
    if (!uuid.ok) return uuid
    const { services } = request
    const bytes = await services.chains.listBytes(request, profile, uuid.value, 'upcloud', encodeRuleList)
    return bytes.ok ? ok({ status: 200, body: bytes.value }) : bytes
  }),

  route('GET', '/server/:uuid/firewall_rule/:index', 'getRule', 200, 'One rule', async (request) => {
    const found = await findServer(request)
    if (!found.ok) return found
    const index = decodeIndex(request.params.index ?? '')
    if (!index.ok) return index
    const rule = await request.services.chains.get(request, profile, found.value.server.id, index.value)
    return rule.ok ? ok({ status: 200, body: { firewall_rule: encodeRule(rule.value) as never } }) : rule
  }),

  route(
    'POST',
    '/server/:uuid/firewall_rule',
    'createRule',
    201,
    'Insert or append a rule',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const decoded = decodeRuleBody(request.body)
      if (!decoded.ok) return decoded
      const { rule, position } = decoded.value
      const place = position === undefined ? {} : { position }
      const created = await request.services.chains.insert(request, profile, uuid.value, rule, {
        ...chainLimits,
        ...place,
      })
      if (!created.ok) return created
      return ok({ status: 201, body: { firewall_rule: encodeRule(created.value) as never } })
    },
  ),

  bounded(
    mostListBytes,
    'PUT',
    '/server/:uuid/firewall_rule',
    'replaceRules',
    204,
    'Replace all rules',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const rules = decodeRulesBody(request.body)
      if (!rules.ok) return rules
      const done = await request.services.chains.replace(
        request,
        profile,
        uuid.value,
        rules.value,
        chainLimits,
      )
      return done.ok ? ok(noContent) : done
    },
  ),

  route(
    'DELETE',
    '/server/:uuid/firewall_rule/:index',
    'deleteRule',
    204,
    'Delete a rule',
    async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const index = decodeIndex(request.params.index ?? '')
      if (!index.ok) return index
      const done = await request.services.chains.remove(request, profile, uuid.value, index.value, {
        refuseStates,
      })
      return done.ok ? ok(noContent) : done
    },
  ),
]

/** Existence, ownership and state, which are reported before anything in the body is. */
async function writableChain(request: DialectRequest): Found<string> {
  const uuid = serverId(request)
  if (!uuid.ok) return uuid
  const found = await request.services.chains.writable(request, profile, uuid.value, refuseStates)
  return found.ok ? uuid : found
}
