/** Servers: created, changed, moved from state to state, deleted (contract: upcloud §3.2 to §3.4). */
import { randomBytes, randomUUID } from 'node:crypto'
import { chainSettings } from '../../core/model/profile.ts'
import { ok } from '../../core/result.ts'
import type { ServerView } from '../../service/services.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { decodeNewServer, decodeServerChange, decodeStop } from './decode-server.ts'
import { disksOf, encodeListedServer, encodeNetworking, encodeServer, labelsOf } from './encode.ts'
import { findServer, type Handled, noContent, profile, refuseStates, route } from './find.ts'
import { makeDisks, makeInterfaces } from './hardware.ts'

export const serverRoutes: readonly Route[] = [
  route('GET', '/server', 'listServers', 200, 'All servers of the account', async (request) => {
    const servers = await request.services.servers.list(request, profile)
    const wanted = new Set(request.query.getAll('label'))
    const listed = wanted.size === 0 ? servers : servers.filter((server) => hasLabels(server, wanted))
    return ok({
      status: 200,
      body: { servers: { server: listed.map((each) => encodeListedServer(each, catalogueOf(request))) } },
    })
  }),

  route('POST', '/server', 'createServer', 202, 'Create a server', async (request) => {
    const wanted = decodeNewServer(request.body, catalogueOf(request))
    if (!wanted.ok) return wanted
    const { title, zone, firewall, attributes, nics, disks } = wanted.value
    const id = randomUUID()
    const interfaces = await makeInterfaces(request, nics)
    if (!interfaces.ok) return interfaces
    const storages = await makeDisks(request, id, zone, disks)
    if (!storages.ok) return storages
    const created = await request.services.servers.create(request, profile, {
      id,
      name: title,
      zone,
      state: 'maintenance',
      next: { state: 'started', afterMs: request.services.settings.transitionMs },
      attributes: { ...attributes, disks: storages.value.disks as never },
      interfaces: interfaces.value,
      ...(chainSettings.upcloud && { chain: { ...chainSettings.upcloud, enabled: firewall } }),
      documents: storages.value.documents,
    })
    if (!created.ok) return created
    // The answer is of the moment it was made, however soon it is started.
    const { server, ...rest } = created.value
    const body = encodeServer({ ...rest, server: { ...server, state: 'maintenance' } }, catalogueOf(request))
    const login = { password: randomBytes(12).toString('base64url'), progress: '0', username: 'root' }
    return ok({ status: 202, body: { server: { ...body, ...login } } })
  }),

  route('GET', '/server/:uuid', 'getServer', 200, 'One server', async (request) => {
    const found = await findServer(request)
    return found.ok ? ok(serverAnswer(request, 200, found.value)) : found
  }),

  route(
    'PUT',
    '/server/:uuid',
    'modifyServer',
    202,
    'Change a server, its firewall switch too',
    async (request) => {
      const found = await findServer(request)
      if (!found.ok) return found
      const catalogue = catalogueOf(request)
      const change = decodeServerChange(request.body, encodeServer(found.value, catalogue), catalogue)
      if (!change.ok) return change
      const { id } = found.value.server
      const done = await request.services.servers.update(request, profile, id, {
        ...change.value,
        refuseStates,
      })
      return done.ok ? ok(serverAnswer(request, 202, done.value)) : done
    },
  ),

  route('DELETE', '/server/:uuid', 'deleteServer', 204, 'Delete a stopped server', async (request) => {
    const found = await findServer(request)
    if (!found.ok) return found
    const disks = request.query.get('storages') === '1' ? disksOf(found.value) : []
    const done = await request.services.servers.remove(request, profile, found.value.server.id, {
      requireStates: ['stopped'],
      documents: disks.map(({ storage }) => ({ kind: 'storage', id: storage })),
    })
    return done.ok ? ok(noContent) : done
  }),

  route('POST', '/server/:uuid/start', 'startServer', 200, 'Start a stopped server', (request) =>
    changeState(request, ['stopped'], 'server', { now: 'started' }),
  ),
  route('POST', '/server/:uuid/stop', 'stopServer', 200, 'Stop a started server', (request) =>
    // It is still started when the answer is given.
    changeState(request, ['started'], 'stop_server', {
      now: 'started',
      next: { state: 'stopped', afterMs: request.services.settings.transitionMs },
    }),
  ),
  route('POST', '/server/:uuid/restart', 'restartServer', 200, 'Restart a started server', (request) =>
    changeState(request, ['started'], 'restart_server', { now: 'started' }),
  ),

  route(
    'GET',
    '/server/:uuid/networking',
    'getServerNetworking',
    200,
    'Interfaces of a server',
    async (request) => {
      const found = await findServer(request)
      return found.ok ? ok({ status: 200, body: { networking: encodeNetworking(found.value) } }) : found
    },
  ),
]

const serverAnswer = (request: DialectRequest, status: number, view: ServerView): Answer => ({
  status,
  body: { server: encodeServer(view, catalogueOf(request)) },
})

async function changeState(
  request: DialectRequest,
  requireStates: readonly string[],
  key: string,
  state: { now: string; next?: { state: string; afterMs: number } },
): Handled {
  const found = await findServer(request)
  if (!found.ok) return found
  const body = decodeStop(request.body, key)
  if (!body.ok) return body
  const { id } = found.value.server
  const done = await request.services.servers.update(request, profile, id, { requireStates, state })
  if (!done.ok) return done
  const { server, ...rest } = done.value
  return ok(serverAnswer(request, 200, { ...rest, server: { ...server, state: state.now } }))
}

/** Each is `key` or `key=value`. */
function hasLabels(server: ServerView, wanted: ReadonlySet<string>): boolean {
  const own = new Set(labelsOf(server).flatMap(({ key, value }) => [key, `${key}=${value}`]))
  return [...wanted].every((label) => own.has(label))
}
