/** Servers: made in a group, moved between groups, started, stopped and deleted (contract: scaleway §3 B). */
import { randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import { type Interface, unplaced } from '../../core/model/inventory.ts'
import { defaultPlace, defaultPolicies } from '../../core/model/profile.ts'
import { ok } from '../../core/result.ts'
import type { ServerChange, ServerView } from '../../service/services.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import {
  decodeAction,
  decodeNewServer,
  decodeServerChange,
  type PerformedAction,
  type WantedServer,
} from './decode-server.ts'
import { actionsOf, encodeServer, encodeTask, serverAttributes, stateOf } from './encode-server.ts'
import { invalid, notFound, precondition } from './errors.ts'
import {
  chooseProject,
  decodeListing,
  type Found,
  findServer,
  groupFor,
  inProject,
  locationOf,
  noContent,
  profile,
  projectGone,
  projectsOf,
  zoned,
} from './find.ts'
import { pageHeaders, slice } from './pages.ts'
import type { WireDisk } from './wire.ts'

const noGroup: JsonObject = { id: '', name: '' }

async function answer(request: DialectRequest, status: number, view: ServerView): Promise<Answer> {
  const { groups } = request.services
  const [member] = await groups.members(request, profile, { server: view.server.id })
  const group = member && (await groups.find(request, profile, member.policy))
  const { organization } = await projectsOf(request)
  const named = group?.ok ? { id: group.value.id, name: group.value.name } : noGroup
  return {
    status,
    body: { server: encodeServer(view, { organization, group: named, catalogue: catalogueOf(request) }) },
  }
}

export const serverRoutes: readonly Route[] = [
  zoned('GET', '/servers', 'listServers', 200, 'Servers', async (request, zone) => {
    const { query, services } = request
    const listing = await decodeListing(request)
    if (!listing.ok) return listing
    const { page, projects, wants } = listing.value
    const order = orders.get(query.get('order') || 'creation_date_desc')
    if (!order) {
      const help = `expected one of ${[...orders.keys()].join(', ')}`
      return invalid([{ argument: 'order', reason: 'constraint', help }])
    }
    const [name, state, type] = ['name', 'state', 'commercial_type'].map((key) => query.get(key) ?? '')
    const found = (await services.servers.list(request, profile))
      .filter((view) => {
        const { project, tags = [], plan = 'DEV1-S', commercial_type: own = plan } = serverAttributes(view)
        const { server } = view
        return (
          server.zone === zone &&
          server.name.includes(name ?? '') &&
          wants(project, tags) &&
          (state === '' || state === stateOf(view)) &&
          (type === '' || type === own)
        )
      })
      .toSorted(order)
    const names = new Map(
      (await services.groups.list(request, profile, zone)).map(({ id, name }) => [id, name]),
    )
    const groups = new Map(
      (await services.groups.members(request, profile)).map(({ server, policy }) => [server, policy]),
    )
    const servers = slice(found, page).map((view) => {
      const id = groups.get(view.server.id)
      const group = id === undefined ? noGroup : { id, name: names.get(id) ?? '' }
      return encodeServer(view, {
        organization: projects.organization,
        group,
        catalogue: catalogueOf(request),
      })
    })
    const headers = pageHeaders('servers', found.length, page, query)
    return ok({ status: 200, body: { servers }, headers })
  }),

  zoned('POST', '/servers', 'createServer', 201, 'Create a server', async (request, zone) => {
    const decoded = decodeNewServer(request.body, catalogueOf(request))
    if (!decoded.ok) return decoded
    const wanted = decoded.value
    const projects = await projectsOf(request)
    const project = chooseProject(projects, wanted)
    if (!project.ok) return project
    if (wanted.image !== undefined && catalogueOf(request).images.get(wanted.image)?.zone !== zone) {
      return notFound('instance_image', wanted.image)
    }
    // No address exists by itself here.
    if (wanted.ips[0] !== undefined) return notFound('instance_ip', wanted.ips[0])
    const group =
      wanted.group === undefined ? undefined : await groupFor(request, zone, project.value, wanted.group)
    if (group && !group.ok) return group
    const id = randomUUID()
    const nic = await makeInterface(request, wanted)
    if (!nic.ok) return nic
    const { volumes, documents } = makeDisks(wanted, { id, zone, project: project.value, now: request.now })
    const created = await request.services.servers.create(inProject(request, project.value), profile, {
      ...{ id, name: wanted.name, zone, state: 'stopped' },
      attributes: {
        ...{ project: project.value, commercial_type: wanted.commercialType },
        ...wanted.attributes,
        volumes,
      },
      interfaces: [nic.value],
      ...(group ? { attach: [group.value.id] } : { attachDefault: defaultGroup(project.value, zone) }),
      documents,
    })
    if (!created.ok) {
      // It was there, and has been deleted since.
      const gone = created.error.kind === 'not-found' && created.error.resource === 'policy'
      return gone ? notFound('instance_security_group', wanted.group ?? '') : projectGone(created)
    }
    const headers = { location: locationOf(request, id) }
    return ok({ ...(await answer(request, 201, created.value)), headers })
  }),

  zoned('GET', '/servers/:id', 'getServer', 200, 'One server', async (request, zone) => {
    const found = await findServer(request, zone)
    return found.ok ? ok(await answer(request, 200, found.value)) : found
  }),

  zoned(
    'PATCH',
    '/servers/:id',
    'updateServer',
    200,
    'Change a server, its group too',
    async (request, zone) => {
      const found = await findServer(request, zone)
      if (!found.ok) return found
      const change = decodeServerChange(request.body, catalogueOf(request))
      if (!change.ok) return change
      const { name, group: wanted, attributes } = change.value
      const { project } = serverAttributes(found.value)
      const group = wanted === undefined ? undefined : await groupFor(request, zone, project, wanted)
      if (group && !group.ok) return group
      const { server } = found.value
      const [member] = await request.services.groups.members(request, profile, { server: server.id })
      const same =
        (name ?? server.name) === server.name &&
        (group?.value.id ?? member?.policy) === member?.policy &&
        isDeepStrictEqual({ ...shown(server.attributes), ...attributes }, shown(server.attributes))
      if (same) return ok(await answer(request, 200, found.value))
      const done = await request.services.servers.update(request, profile, server.id, {
        ...(name !== undefined && { name }),
        attributes: { ...attributes, modifiedAt: request.now },
        ...(group && { attach: [group.value.id] }),
      })
      return done.ok ? ok(await answer(request, 200, done.value)) : done
    },
  ),

  zoned('DELETE', '/servers/:id', 'deleteServer', 204, 'Delete a stopped server', async (request, zone) => {
    const found = await findServer(request, zone)
    if (!found.ok) return found
    const done = await request.services.servers.remove(request, profile, found.value.server.id, {
      requireStates: ['stopped'],
      refuseAttributes: unprotected,
      documents: [],
    })
    if (done.ok) return ok(noContent)
    if (done.error.kind !== 'conflict') return done
    return hinder(request, zone, () => 'the server must be stopped before it is deleted')
  }),

  zoned(
    'GET',
    '/servers/:id/action',
    'listServerActions',
    200,
    'What can be done to it',
    async (request, zone) => {
      const found = await findServer(request, zone)
      return found.ok ? ok({ status: 200, body: { actions: actionsOf(found.value) } }) : found
    },
  ),

  zoned(
    'POST',
    '/servers/:id/action',
    'actOnServer',
    202,
    'Start, stop, reboot, terminate',
    async (request, zone) => {
      const found = await findServer(request, zone)
      if (!found.ok) return found
      const action = decodeAction(request.body)
      if (!action.ok) return action
      const done = await act(request, found.value, action.value)
      if (!done.ok) return done
      return ok({ status: 202, body: { task: encodeTask(found.value.server.id, zone, request.now) } })
    },
  ),

  zoned(
    'GET',
    '/servers/:id/user_data',
    'listUserData',
    200,
    'Keys of its user data',
    async (request, zone) => {
      const found = await findServer(request, zone)
      return found.ok ? ok({ status: 200, body: { user_data: [] } }) : found
    },
  ),

  zoned(
    'GET',
    '/servers/:id/private_nics',
    'listPrivateNics',
    200,
    'Private interfaces',
    async (request, zone) => {
      const found = await findServer(request, zone)
      if (!found.ok) return found
      return ok({ status: 200, body: { private_nics: [] }, headers: { 'x-total-count': '0' } })
    },
  ),
]

/** Attributes with what is answered where there are none: a client that writes this back changes nothing. */
const shown = (attributes: JsonObject): JsonObject => ({
  ...{ commercial_type: attributes.plan ?? 'DEV1-S', boot_type: 'local', tags: [], protected: false },
  ...{ dynamic_ip_required: false, enable_ipv6: false },
  ...attributes,
})

const byDate = (date: (view: ServerView) => number, direction: 1 | -1) => (a: ServerView, b: ServerView) =>
  direction * (date(a) - date(b))
const created = ({ server }: ServerView) => server.createdAt
const modified = (view: ServerView) => serverAttributes(view).modifiedAt ?? view.server.createdAt
const orders = new Map([
  ['creation_date_desc', byDate(created, -1)],
  ['creation_date_asc', byDate(created, 1)],
  ['modification_date_desc', byDate(modified, -1)],
  ['modification_date_asc', byDate(modified, 1)],
])

const unprotected = { protected: true }

/** What was in the way of an action that its transaction refused: protection, or the state. */
async function hinder(request: DialectRequest, zone: string, help: (view: ServerView) => string) {
  const found = await findServer(request, zone)
  if (!found.ok) return found
  return serverAttributes(found.value).protected
    ? precondition('protected_resource', 'the server is protected')
    : precondition('resource_not_usable', help(found.value))
}

function defaultGroup(project: string, zone: string) {
  const { name = '', settings, attributes } = defaultPolicies.scaleway ?? {}
  if (!settings) throw new Error('servers of this profile are never without a group')
  const place = defaultPlace(project, zone)
  return {
    for: place,
    otherwise: {
      ...{ name, settings, zone, rules: [], defaultFor: place },
      attributes: { ...attributes, project },
    },
  }
}

async function makeInterface(
  request: DialectRequest,
  { ipv4, ipv6 }: WantedServer,
): Found<Omit<Interface, 'server'>> {
  const addresses: string[] = []
  for (const pool of [
    ...(ipv4 ? (['public-ipv4'] as const) : []),
    ...(ipv6 ? (['public-ipv6'] as const) : []),
  ]) {
    const taken = await request.services.servers.takeAddresses(request, pool, 1)
    if (!taken.ok) return taken
    addresses.push(...taken.value)
  }
  // The provider's prefix; locally administered, unicast.
  const mac = `de:00:00:${randomBytes(3)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1:')}`
  const place = { ...unplaced, attributes: {} }
  return ok({ id: randomUUID(), index: 1, mac, addresses, type: 'public', ...place })
}

function makeDisks(
  { disks, name }: WantedServer,
  server: { readonly id: string; readonly zone: string; readonly project: string; readonly now: number },
): { volumes: JsonObject; documents: { kind: string; id: string; body: JsonObject }[] } {
  const { zone, project, now } = server
  const made = disks.map((disk) => {
    const id = randomUUID()
    const label = disk.name ?? `${name}_${disk.type === 'sbs_volume' ? 'sbs_volume' : 'volume'}_${disk.slot}`
    const wire: WireDisk = { boot: disk.boot, volume_type: disk.type, id, state: 'available', zone }
    // The block storage product tells the rest itself.
    const local = disk.type === 'sbs_volume' ? {} : { name: label, size: disk.size }
    const body = {
      name: label,
      type: disk.type,
      size: disk.size,
      server: server.id,
      zone,
      project,
      createdAt: now,
    }
    return {
      slot: disk.slot,
      wire: { ...wire, ...local } as unknown as JsonObject,
      document: { kind: 'volume', id, body },
    }
  })
  return {
    volumes: Object.fromEntries(made.map(({ slot, wire }) => [slot, wire])),
    documents: made.map(({ document }) => document),
  }
}

const running = ['running', 'started'] as const

/** What each needs the server to be, and what it then is and becomes. */
const transitions: Readonly<
  Record<Exclude<PerformedAction, 'terminate'>, { from: readonly string[]; now: string; next: string }>
> = {
  poweron: { from: ['stopped', 'stopped in place'], now: 'starting', next: 'running' },
  poweroff: { from: [...running, 'stopped in place'], now: 'stopping', next: 'stopped' },
  stop_in_place: { from: running, now: 'stopping', next: 'stopped in place' },
  reboot: { from: running, now: 'starting', next: 'running' },
}

async function act(request: DialectRequest, view: ServerView, action: PerformedAction): Found<void> {
  const { services } = request
  const { id } = view.server
  const { zone } = view.server
  if (action === 'terminate') {
    const disks = Object.values(serverAttributes(view).volumes ?? {})
    const documents = disks.map((disk) => ({ kind: 'volume', id: String(disk.id) }))
    const ended = await services.servers.remove(request, profile, id, {
      refuseAttributes: unprotected,
      documents,
    })
    if (ended.ok || ended.error.kind !== 'conflict') return ended
    return hinder(request, zone, () => 'the server cannot be terminated')
  }
  const { from, now, next } = transitions[action]
  const change: ServerChange = {
    requireStates: from,
    ...(action === 'poweroff' && { refuseAttributes: unprotected }),
    state: { now, next: { state: next, afterMs: services.settings.transitionMs } },
    attributes: { modifiedAt: request.now },
  }
  const done = await services.servers.update(request, profile, id, change)
  if (done.ok) return ok(undefined)
  if (done.error.kind !== 'conflict') return done
  return hinder(request, zone, (now) => `the server is ${stateOf(now)}: it cannot be asked for ${action}`)
}
