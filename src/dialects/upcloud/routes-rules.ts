/** The chain of rules of a server (contract: upcloud §2). */
import { ok } from '../../core/result.ts'
import type { DialectRequest } from '../dialect.ts'
import { decodeIndex, decodeRuleBody, decodeRulesBody } from './decode.ts'
import { encodeRule, encodeRuleList } from './encode.ts'
import { type Found, findServer, noContent, profile, refuseStates, routesOf, serverId } from './find.ts'
import { manifest } from './manifest.ts'

const chainLimits = { maxRules: manifest.limits.rulesPerChain, refuseStates }

/** 1,000 rules with every attribute, and comments of 250 characters that take twelve bytes each when escaped, are 3.6 MB. */
const maxListBytes = 4 * 1024 * 1024

export const ruleRoutes = routesOf([
  {
    method: 'GET',
    path: '/server/:uuid/firewall_rule',
    operation: 'listRules',
    success: 200,
    summary: 'All rules, in order',
    handle: async (request) => {
      const uuid = serverId(request)
      if (!uuid.ok) return uuid
      const { services } = request
      const bytes = await services.chains.listBytes(request, profile, uuid.value, 'upcloud', encodeRuleList)
      return bytes.ok ? ok({ status: 200, body: bytes.value }) : bytes
    },
  },

  {
    method: 'GET',
    path: '/server/:uuid/firewall_rule/:index',
    operation: 'getRule',
    success: 200,
    summary: 'One rule',
    handle: async (request) => {
      const found = await findServer(request)
      if (!found.ok) return found
      const index = decodeIndex(request.params.index ?? '')
      if (!index.ok) return index
      const rule = await request.services.chains.get(request, profile, found.value.server.id, index.value)
      return rule.ok ? ok({ status: 200, body: { firewall_rule: encodeRule(rule.value) as never } }) : rule
    },
  },

  {
    method: 'POST',
    path: '/server/:uuid/firewall_rule',
    operation: 'createRule',
    success: 201,
    summary: 'Insert or append a rule',
    handle: async (request) => {
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
  },

  {
    method: 'PUT',
    path: '/server/:uuid/firewall_rule',
    operation: 'replaceRules',
    success: 204,
    summary: 'Replace all rules',
    maxBodyBytes: maxListBytes,
    handle: async (request) => {
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
  },

  {
    method: 'DELETE',
    path: '/server/:uuid/firewall_rule/:index',
    operation: 'deleteRule',
    success: 204,
    summary: 'Delete a rule',
    handle: async (request) => {
      const uuid = await writableChain(request)
      if (!uuid.ok) return uuid
      const index = decodeIndex(request.params.index ?? '')
      if (!index.ok) return index
      const done = await request.services.chains.remove(request, profile, uuid.value, index.value, {
        refuseStates,
      })
      return done.ok ? ok(noContent) : done
    },
  },
])

/** Existence, ownership and state, which are reported before anything in the body is. */
async function writableChain(request: DialectRequest): Found<string> {
  const uuid = serverId(request)
  if (!uuid.ok) return uuid
  const found = await request.services.chains.writable(request, profile, uuid.value, refuseStates)
  return found.ok ? uuid : found
}
