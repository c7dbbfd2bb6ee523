/** Policies of every profile, and those of the native one: made, changed, deleted. */
import { randomUUID } from 'node:crypto'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { checkFixed, choicesOf, decodePolicy } from './decode-policy.ts'
import { textOf } from './decode-query.ts'
import { decodeRules } from './decode-rule.ts'
import { encodePolicy } from './encode-policy.ts'
import { bodyOf, creations, identifier, type Resource, removals, resources, routesOf } from './endpoint.ts'
import { manifest, usual } from './manifest.ts'
import { ownPolicy } from './own-policy.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import { NewPolicy, Policy, PolicyChange, PolicyList, PolicyQuery } from './schemas-policies.ts'

const { profile } = manifest

async function read(request: DialectRequest, id: string): Promise<Result<Resource, RequestError>> {
  const found = await request.services.policies.get(request, id)
  return found.ok ? ok({ body: encodePolicy(found.value), revision: found.value.revision }) : found
}

export const policyRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/policies',
      operation: 'listPolicies',
      summary:
        'Policies of every profile, by id: chains of servers, those of interfaces, and those by themselves',
      operators: true,
      schema: { query: PolicyQuery, answer: PolicyList },
      handle: async (request) => {
        const page = keyPageOf(request.query)
        if (!page.ok) return page
        const filter: Partial<Record<'name' | 'profile' | 'server', string>> = {}
        for (const name of ['name', 'profile', 'server'] as const) {
          const text = textOf(request.query, name)
          if (!text.ok) return text
          if (text.value !== undefined) filter[name] = text.value
        }
        const found = await request.services.policies.list(request, filter, page.value)
        const last = found.length < page.value.limit ? undefined : found.at(-1)
        return ok({ policies: found.map(encodePolicy), next: last ? encodeCursor([last.id]) : null })
      },
    },
  ]),
  ...creations([
    {
      path: '/policies',
      operation: 'createPolicy',
      summary: 'Make a policy of the native profile, with its rules; it is attached to nothing',
      schema: { body: NewPolicy, answer: Policy },
      location: (id) => `/v1/policies/${id}`,
      read,
      handle: async (request, once) => {
        const body = bodyOf<NewPolicy>(request)
        if (!body.ok) return body
        const decoded = decodePolicy(body.value)
        if (!decoded.ok) return decoded
        const rules = decodeRules(body.value.rules ?? [])
        if (!rules.ok) return rules
        const given = (body.value.rules ?? []).findIndex((each) => each.id !== undefined)
        if (given >= 0) {
          const reason = 'is chosen by the service'
          return err({ kind: 'invalid', field: `rules[${given}].id`, reason })
        }
        const { settings, choices, attributes } = decoded.value
        const { cutFlows, logAllowed, log = {} } = choices
        const id = randomUUID()
        const made = await request.services.groups.create({ ...request, ...once(id) }, profile, {
          ...{ id, name: body.value.name, rules: rules.value },
          attributes: { description: '', labels: {}, ...attributes },
          settings: {
            ...{ ...usual, ...settings },
            ...(cutFlows && { cutFlows }),
            ...(logAllowed && { logAllowed }),
            log: {
              ...(log.ingress && { ingress: log.ingress }),
              ...(log.egress && { egress: log.egress }),
            },
          },
        })
        if (!made.ok) return made
        const found = await read(request, id)
        return found.ok ? ok({ id, ...found.value }) : found
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/policies/:id',
      operation: 'getPolicy',
      summary: 'A policy without its rules: a server’s chain, an interface’s, or one by itself',
      operators: true,
      schema: { answer: Policy },
      handle: async (request) => {
        const id = identifier(request, 'policy')
        return id.ok ? read(request, id.value) : id
      },
    },
    {
      method: 'PATCH',
      path: '/policies/:id',
      operation: 'updatePolicy',
      summary:
        'Change a policy; of one of another profile what is told of packets, and what becomes of connections',
      schema: { body: PolicyChange, answer: Policy },
      handle: async (request, condition) => {
        const id = identifier(request, 'policy')
        if (!id.ok) return id
        const body = bodyOf<PolicyChange>(request)
        if (!body.ok) return body
        const found = await request.services.policies.get(request, id.value)
        if (!found.ok) return found
        const fixed = checkFixed(body.value, encodePolicy(found.value))
        if (!fixed.ok) return fixed
        const changed = await update(request, found.value.profile, id.value, body.value, condition)
        return changed.ok ? read(request, id.value) : changed
      },
    },
  ]),
  ...removals([
    {
      path: '/policies/:id',
      operation: 'deletePolicy',
      summary: 'Delete a policy of the native profile; while it is attached anywhere it cannot be',
      handle: async (request, condition) => {
        const id = await ownPolicy(request)
        if (!id.ok) return id
        return request.services.groups.remove(request, profile, id.value, condition)
      },
    },
  ]),
]

async function update(
  request: DialectRequest,
  owner: string,
  id: string,
  change: PolicyChange,
  condition: { readonly ifRevision?: number },
): Promise<Result<unknown, RequestError>> {
  if (owner !== profile)
    return request.services.ownerSettings.changePolicy(request, id, choicesOf(change), condition)
  const decoded = decodePolicy(change)
  if (!decoded.ok) return decoded
  return request.services.groups.update(request, profile, id, decoded.value, condition)
}
