/** The made-up provider's API: rules of a slot that let a TCP port in. */
import { ok } from '../../../src/core/result.ts'
import { decodeRule } from './decode-rule.ts'
import { encodeRule } from './encode.ts'
import { findServer, placeIn, profile, routesOf } from './find.ts'
import { manifest } from './manifest.ts'

/** Slots are written in every state. */
const refuseStates: readonly string[] = []

export const routes = routesOf([
  {
    method: 'GET',
    path: '/slots/:slot/rules',
    operation: 'listRules',
    success: 200,
    summary: 'The rules of a slot',
    async handle(request) {
      const server = await findServer(request)
      if (!server.ok) return server
      const rules = await request.services.chains.list(request, profile, server.value)
      return rules.ok ? ok({ status: 200, body: rules.value.map(encodeRule) }) : rules
    },
  },
  {
    method: 'POST',
    path: '/slots/:slot/rules',
    operation: 'createRule',
    success: 201,
    summary: 'Lets a TCP port in',
    async handle(request) {
      const server = await findServer(request)
      if (!server.ok) return server
      const rule = decodeRule(request.body)
      if (!rule.ok) return rule
      const options = { maxRules: manifest.limits.rulesPerSlot, refuseStates }
      const { chains } = request.services
      const made = await chains.insert(request, profile, server.value, rule.value, options)
      return made.ok ? ok({ status: 201, body: encodeRule(made.value) }) : made
    },
  },
  {
    method: 'GET',
    path: '/slots/:slot/rules/:place',
    operation: 'getRule',
    success: 200,
    summary: 'One rule, by its place',
    async handle(request) {
      const [server, place] = [await findServer(request), placeIn(request)]
      if (!server.ok) return server
      if (!place.ok) return place
      const rule = await request.services.chains.get(request, profile, server.value, place.value)
      return rule.ok ? ok({ status: 200, body: encodeRule(rule.value) }) : rule
    },
  },
  {
    method: 'DELETE',
    path: '/slots/:slot/rules/:place',
    operation: 'deleteRule',
    success: 204,
    summary: 'Takes a rule away',
    async handle(request) {
      const [server, place] = [await findServer(request), placeIn(request)]
      if (!server.ok) return server
      if (!place.ok) return place
      const { chains } = request.services
      const gone = await chains.remove(request, profile, server.value, place.value, { refuseStates })
      return gone.ok ? ok({ status: 204 }) : gone
    },
  },
])
