/** Servers: created, changed, moved from state to state, deleted (contract: upcloud §3.2 to §3.4). */
import { randomBytes, randomUUID } from 'node:crypto'
import { err, ok } from '../../core/result.ts'
import type { ServerChange } from '../../service/servers.ts'
import type { DialectRequest } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { decodeNewServer, decodeServerChange, decodeStop } from './decode-server.ts'
import { disksOf, encodeNetworking, labelsOf, restartShownUntil } from './encode.ts'
import {
  findServer,
  type Handled,
  labelFilter,
  noContent,
  profile,
  refuseStates,
  routesOf,
  serverList,
  shown,
} from './find.ts'
import { backupConflict, makeDisks, makeInterfaces } from './hardware.ts'
import { manifest } from './manifest.ts'
import { forget } from './tags.ts'

export const serverRoutes = routesOf([
  {
    method: 'GET',
    path: '/server',
    operation: 'listServers',
    success: 200,
    summary: 'All servers of the account',
    handle: async (request) => {
      const wanted = labelFilter(request)
      const servers = await request.services.servers.list(request, profile)
      return ok(
        await serverList(
          request,
          servers.filter((server) => wanted(labelsOf(server))),
        ),
      )
    },
  },

  {
    method: 'POST',
    path: '/server',
    operation: 'createServer',
    success: 202,
    summary: 'Create a server',
    handle: async (request) => {
      const wanted = decodeNewServer(request.body, catalogueOf(request))
      if (!wanted.ok) return wanted
      const { title, zone, firewall, attributes, nics, disks } = wanted.value
      const id = randomUUID()
      const storages = await makeDisks(request, id, zone, disks)
      if (!storages.ok) return storages
      const conflict = backupConflict(attributes.simple_backup, storages.value.documents)
      if (conflict) return err(conflict)
      // Last, because addresses are set aside whether or not the server comes to be.
      const interfaces = await makeInterfaces(request, zone, nics)
      if (!interfaces.ok) return interfaces
      const created = await request.services.servers.create(request, profile, {
        id,
        name: title,
        zone,
        state: 'maintenance',
        next: { state: 'started', afterMs: request.services.settings.transitionMs },
        attributes: { ...attributes, disks: storages.value.disks as never },
        interfaces: interfaces.value,
        chain: { ...manifest.chain, enabled: firewall },
        documents: storages.value.documents,
      })
      if (!created.ok) return created
      // The answer is of the moment it was created, however soon it is started.
      const body = await shown(request, created.value, 'maintenance')
      const login = { password: randomBytes(12).toString('base64url'), progress: '0', username: 'root' }
      return ok({ status: 202, body: { server: { ...body, ...login } } })
    },
  },

  {
    method: 'GET',
    path: '/server/:uuid',
    operation: 'getServer',
    success: 200,
    summary: 'One server',
    handle: async (request) => {
      const found = await findServer(request)
      return found.ok ? ok({ status: 200, body: { server: await shown(request, found.value) } }) : found
    },
  },

  {
    method: 'PUT',
    path: '/server/:uuid',
    operation: 'modifyServer',
    success: 202,
    summary: 'Change a server, its firewall switch too',
    handle: async (request) => {
      const found = await findServer(request)
      if (!found.ok) return found
      const change = decodeServerChange(request.body, await shown(request, found.value), catalogueOf(request))
      if (!change.ok) return change
      const { id } = found.value.server
      const done = await request.services.servers.update(request, profile, id, {
        ...change.value,
        refuseStates,
      })
      return done.ok ? ok({ status: 202, body: { server: await shown(request, done.value) } }) : done
    },
  },

  {
    method: 'DELETE',
    path: '/server/:uuid',
    operation: 'deleteServer',
    success: 204,
    summary: 'Delete a stopped server',
    handle: async (request) => {
      const found = await findServer(request)
      if (!found.ok) return found
      const disks = request.query.get('storages') === '1' ? disksOf(found.value) : []
      const done = await request.services.servers.remove(request, profile, found.value.server.id, {
        requireStates: ['stopped'],
        documents: disks.map(({ storage }) => ({ kind: 'storage', id: storage })),
      })
      if (!done.ok) return done
      await forget(request, found.value.server.id)
      return ok(noContent)
    },
  },

  {
    method: 'POST',
    path: '/server/:uuid/start',
    operation: 'startServer',
    success: 200,
    summary: 'Start a stopped server',
    handle: (request) => changeState(request, ['stopped'], 'server', { state: { now: 'started' } }),
  },
  {
    method: 'POST',
    path: '/server/:uuid/stop',
    operation: 'stopServer',
    success: 200,
    summary: 'Stop a started server',
    handle: (request) =>
      changeState(request, ['started'], 'stop_server', {
        state: {
          now: 'started',
          next: { state: 'stopped', afterMs: request.services.settings.transitionMs },
        },
      }),
  },
  {
    method: 'POST',
    path: '/server/:uuid/restart',
    operation: 'restartServer',
    success: 200,
    summary: 'Restart a started server',
    handle: (request) => {
      const { transitionMs, restartMs } = request.services.settings
      return changeState(request, ['started'], 'restart_server', {
        state: { now: 'maintenance', next: { state: 'started', afterMs: transitionMs } },
        attributes: { [restartShownUntil]: request.now + restartMs },
      })
    },
  },

  {
    method: 'GET',
    path: '/server/:uuid/networking',
    operation: 'getServerNetworking',
    success: 200,
    summary: 'Interfaces of a server',
    handle: async (request) => {
      const found = await findServer(request)
      return found.ok ? ok({ status: 200, body: { networking: encodeNetworking(found.value) } }) : found
    },
  },
])

async function changeState(
  request: DialectRequest,
  requireStates: readonly string[],
  key: string,
  change: Pick<ServerChange, 'state' | 'attributes'>,
): Handled {
  const found = await findServer(request)
  if (!found.ok) return found
  const body = decodeStop(request.body, key)
  if (!body.ok) return body
  const { id } = found.value.server
  const done = await request.services.servers.update(request, profile, id, {
    requireStates,
    ...change,
    attributes: { [restartShownUntil]: null, ...change.attributes },
  })
  // A stop and a restart have only begun when they are answered.
  return done.ok ? ok({ status: 200, body: { server: await shown(request, done.value, 'started') } }) : done
}
