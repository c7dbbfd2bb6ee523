/** Servers of every profile: listed, made, changed and deleted; with the policy in force on their interfaces. */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { isOperator, isOverAll } from '../../service/context.ts'
import type { ServerFilter } from '../../service/effective.ts'
import type { FleetChange } from '../../service/fleet.ts'
import type { Outcome } from '../../service/outcome.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { actingIn } from './acting.ts'
import { textOf } from './decode-query.ts'
import { encodePlacement, encodePolicy, encodeServer } from './encode.ts'
import { bodyOf, creations, identifier, type Resource, removals, resources, routesOf } from './endpoint.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import { Server, ServerCreation, ServerList, ServerQuery, ServerUpdate } from './schemas-servers.ts'

/** By id, number or name. */
async function resourceOf(request: DialectRequest, called: string): Outcome<Resource> {
  const found = await request.services.effective.server(request, called)
  if (!found.ok) return found
  const { server, placements } = found.value
  const interfaces = placements.map((each) => ({
    ...encodePlacement(request, server, each),
    attached: each.attached,
    policy: encodePolicy(each.policy),
  }))
  return ok({ body: { ...encodeServer(request, found.value), interfaces }, revision: server.revision })
}

function filterOf({ query, services, principal }: DialectRequest): Result<ServerFilter, RequestError> {
  const filter: Record<string, string> = {}
  for (const name of ['profile', 'name', 'zone', 'host', 'account'] as const) {
    const value = textOf(query, name)
    if (!value.ok) return value
    if (value.value === undefined) continue
    const allowed = name === 'host' ? isOperator(principal) : name !== 'account' || isOverAll(principal)
    if (!allowed) return err({ kind: 'invalid', field: name, reason: 'only an operator may ask for it' })
    filter[name] = value.value
  }
  const { profiles } = services
  if (filter.profile !== undefined && !profiles.includes(filter.profile)) {
    return err({ kind: 'invalid', field: 'profile', reason: `expected one of ${profiles.join(', ')}` })
  }
  return ok(filter)
}

export const serverRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/servers',
      operation: 'listServers',
      summary: 'Servers of every profile, oldest first, with the generation in force on each interface',
      operators: true,
      schema: { query: ServerQuery, answer: ServerList },
      handle: async (request) => {
        const page = keyPageOf(request.query)
        if (!page.ok) return page
        const filter = filterOf(request)
        if (!filter.ok) return filter
        const found = await request.services.effective.servers(request, filter.value, page.value)
        if (!found.ok) return found
        const { items, next } = found.value
        return ok({
          servers: items.map(({ server, placements }) => ({
            ...encodeServer(request, { server }),
            interfaces: placements.map((each) => encodePlacement(request, server, each)),
          })),
          next: next && encodeCursor(next),
        })
      },
    },
  ]),
  ...creations([
    {
      path: '/servers',
      operation: 'createServer',
      summary: 'Make a server, as an inventory file would name it; its dialect answers it like any other',
      operators: true,
      schema: { body: ServerCreation, answer: Server },
      location: (id) => `/v1/servers/${encodeURIComponent(id)}`,
      handle: async (request, once) => {
        const body = bodyOf<JsonObject>(request)
        if (!body.ok) return body
        const { account, ...entry } = body.value
        const acting = await actingIn(request, account as string | undefined)
        if (!acting.ok) return acting
        const id = await request.services.fleet.create(acting.value, entry, once)
        if (!id.ok) return id
        const made = await resourceOf(acting.value, id.value)
        return made.ok ? ok({ ...made.value, id: id.value }) : made
      },
      read: resourceOf,
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/servers/:id',
      operation: 'getServer',
      summary: 'One server, by id, vmid or name, with the policy in force on each interface',
      operators: true,
      schema: { answer: Server },
      handle: async (request) => {
        const id = identifier(request, 'server')
        return id.ok ? resourceOf(request, id.value) : id
      },
    },
    {
      method: 'PATCH',
      path: '/servers/:id',
      operation: 'updateServer',
      summary: 'Change a server, by its id',
      operators: true,
      schema: { body: ServerUpdate, answer: Server },
      handle: async (request, condition) => {
        const id = identifier(request, 'server')
        if (!id.ok) return id
        const change = bodyOf<FleetChange>(request)
        if (!change.ok) return change
        const done = await request.services.fleet.change(request, id.value, change.value, condition)
        return done.ok ? resourceOf(request, id.value) : done
      },
    },
  ]),
  ...removals([
    {
      path: '/servers/:id',
      operation: 'deleteServer',
      summary: 'Delete a server, by its id, with its interfaces and its own rules',
      operators: true,
      handle: async (request, condition) => {
        const id = identifier(request, 'server')
        return id.ok ? request.services.fleet.remove(request, id.value, condition) : id
      },
    },
  ]),
]
