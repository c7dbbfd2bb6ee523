/** The made-up provider's API: rules of a slot that let a TCP port in. */
import type { JsonObject } from '../../../src/core/json.ts'
import type { RequestError } from '../../../src/core/model/error.ts'
import { TCP } from '../../../src/core/net/protocol.ts'
import { err, ok } from '../../../src/core/result.ts'
import type { Answer, Dialect, DialectRequest } from '../../../src/dialects/dialect.ts'
import { routesSpelledBy } from '../../../src/dialects/route.ts'
import { manifest } from './manifest.ts'

const { profile } = manifest

const spelled = (error: RequestError): Answer => ({
  status: error.kind === 'unauthenticated' ? 401 : error.kind === 'not-found' ? 404 : 400,
  body: { fault: error.kind },
})

async function serverOf(request: DialectRequest) {
  const found = await request.services.servers.find(request, profile, Number(request.params.slot))
  return found.ok ? ok(found.value.server) : found
}

const routes = routesSpelledBy<RequestError>(spelled)([
  {
    method: 'GET',
    path: '/slots/:slot/rules',
    operation: 'listRules',
    success: 200,
    summary: 'The rules of a slot',
    async handle(request) {
      const server = await serverOf(request)
      if (!server.ok) return server
      const rules = await request.services.chains.list(request, profile, server.value.id)
      return rules.ok ? ok({ status: 200, body: rules.value.map(({ spec }) => spec) }) : rules
    },
  },
  {
    method: 'POST',
    path: '/slots/:slot/rules',
    operation: 'createRule',
    success: 201,
    summary: 'Lets a TCP port in',
    async handle(request) {
      const server = await serverOf(request)
      if (!server.ok) return server
      const { port } = (request.body ?? {}) as JsonObject
      if (typeof port !== 'number')
        return err({ kind: 'invalid', field: 'port', reason: 'expected a number' })
      const made = await request.services.chains.insert(
        request,
        profile,
        server.value.id,
        {
          ...{ direction: 'ingress', action: 'allow', enabled: true, spec: { port } },
          matches: [{ protocol: TCP, destinationPorts: [{ first: port, last: port }] }],
        },
        { maxRules: 10, refuseStates: [] },
      )
      return made.ok ? ok({ status: 201, body: made.value.spec }) : made
    },
  },
])

export const fifthDialect = {
  ...manifest,
  prefixes: ['/fifth'],
  contentType: 'application/json',
  routes,
  error: spelled,
} satisfies Dialect
