/** Interfaces of servers of every profile: added, changed and taken away. Where they are is apart (routes-bindings.ts). */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { bodyOf, creations, identifier, removals, resources, routesOf } from './endpoint.ts'
import { encodeInterface, interfaceResource } from './interface-resource.ts'
import { Interface, InterfaceCreation, InterfaceList, InterfaceUpdate } from './schemas-servers.ts'

export const interfaceRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/servers/:id/interfaces',
      operation: 'listInterfaces',
      summary: 'Interfaces of a server, in order',
      operators: true,
      schema: { answer: InterfaceList },
      handle: async (request) => {
        const id = identifier(request, 'server')
        if (!id.ok) return id
        const found = await request.services.effective.server(request, id.value)
        if (!found.ok) return found
        const { server, placements } = found.value
        return ok({ interfaces: placements.map((each) => encodeInterface(request, server, each)) })
      },
    },
  ]),
  ...creations([
    {
      path: '/servers/:id/interfaces',
      operation: 'createInterface',
      summary: 'Add an interface to a server, by the server’s id',
      operators: true,
      schema: { body: InterfaceCreation, answer: Interface },
      location: (id) => `/v1/interfaces/${encodeURIComponent(id)}`,
      handle: async (request, once) => {
        const server = identifier(request, 'server')
        if (!server.ok) return server
        const body = bodyOf<JsonObject>(request)
        if (!body.ok) return body
        const id = await request.services.fleet.addInterface(request, server.value, body.value, { once })
        if (!id.ok) return id
        const made = await interfaceResource(request, id.value)
        return made.ok ? ok({ ...made.value, id: id.value }) : made
      },
      read: interfaceResource,
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/interfaces/:id',
      operation: 'getInterface',
      summary: 'One interface',
      operators: true,
      schema: { answer: Interface },
      handle: async (request) => {
        const id = identifier(request, 'interface')
        return id.ok ? interfaceResource(request, id.value) : id
      },
    },
    {
      method: 'PATCH',
      path: '/interfaces/:id',
      operation: 'updateInterface',
      summary: 'Change an interface; what is given changes, and null is what a new one has',
      operators: true,
      schema: { body: InterfaceUpdate, answer: Interface },
      handle: async (request, condition) => {
        const id = identifier(request, 'interface')
        if (!id.ok) return id
        const change = bodyOf<JsonObject>(request)
        if (!change.ok) return change
        const { fleet } = request.services
        const done = await fleet.changeInterface(request, id.value, change.value, condition)
        return done.ok ? interfaceResource(request, id.value) : done
      },
    },
  ]),
  ...removals([
    {
      path: '/interfaces/:id',
      operation: 'deleteInterface',
      summary: 'Take an interface off its server, with its own rules and counts',
      operators: true,
      handle: async (request, condition) => {
        const id = identifier(request, 'interface')
        return id.ok ? request.services.fleet.removeInterface(request, id.value, condition) : id
      },
    },
  ]),
]
