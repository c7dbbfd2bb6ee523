/** Servers: made in a group, changed, moved between groups, deleted (contract: scaleway §3 B, scaleway-more §5). */
import { randomBytes, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { type Interface, interfaceDefaults } from '../../core/model/interface.ts'
import { defaultKey } from '../../core/model/profile.ts'
import { ok } from '../../core/result.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { ServerDocument, ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { catalogueOf, findImage } from './catalogue.ts'
import { endServer, hindered, onServer } from './change-server.ts'
import { decodeNewServer, decodeServerChange, maxIps, type ServerFields } from './decode-server.ts'
import { json } from './encode.ts'
import { ownAddresses, serverAttributes, stateOf } from './encode-server.ts'
import { invalid, notFound, precondition } from './errors.ts'
import {
  chooseProject,
  decodeListing,
  type Found,
  findServer,
  groupFor,
  type IpRecord,
  inProject,
  ipById,
  locationOf,
  noContent,
  profile,
  projectGone,
  projectsOf,
  zonedRoutesOf,
} from './find.ts'
import {
  type AddressMoves,
  asMoves,
  currentIps,
  isPowered,
  planDynamicIp,
  planIps,
  publicNic,
  type TakeAddress,
  takingOnce,
} from './ips.ts'
import { manifest } from './manifest.ts'
import { decodePage, pageHeaders, slice } from './pages.ts'
import { renderServer, renderServers } from './render.ts'
import { changeSlots } from './volumes.ts'

export const serverRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/servers',
    operation: 'listServers',
    success: 200,
    summary: 'Servers',
    handle: async (request, zone) => {
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
      const servers = await renderServers(request, zone, projects.organization, slice(found, page))
      const headers = pageHeaders('servers', found.length, page, query)
      return ok({ status: 200, body: { servers }, headers })
    },
  },

  {
    method: 'POST',
    path: '/servers',
    operation: 'createServer',
    success: 201,
    summary: 'Create a server',
    handle: async (request, zone) => {
      const decoded = decodeNewServer(request.body, catalogueOf(request))
      if (!decoded.ok) return decoded
      const wanted = decoded.value
      const projects = await projectsOf(request)
      const project = chooseProject(projects, wanted)
      if (!project.ok) return project
      const disk = wanted.volumes.find(({ slot }) => slot === '0')?.type
      const image =
        wanted.image === undefined
          ? undefined
          : findImage(catalogueOf(request), zone, { image: wanted.image, disk })
      if (wanted.image !== undefined && !image) return notFound('instance_image', wanted.image)
      const { snapshot } = wanted.volumes.find((volume) => volume.snapshot !== undefined) ?? {}
      if (snapshot !== undefined) return notFound('instance_snapshot', snapshot)
      const group =
        wanted.group === undefined ? undefined : await groupFor(request, zone, project.value, wanted.group)
      if (group && !group.ok) return group
      if (wanted.placementGroup) return notFound('instance_placement_group', wanted.placementGroup)
      const id = randomUUID()
      const owner = { server: id, name: wanted.name, zone, project: project.value }
      const nic = makeInterface()
      const take = takingOnce(request, zone)
      return retryOnConflict(`server ${id}`, async (): Found<Answer> => {
        const slots = await changeSlots(request, owner, {}, wanted.volumes, image)
        if (!slots.ok) return slots
        const { volumes, documents } = slots.value
        const ips = await ipsCalled(request, zone, wanted.ips)
        if (!ips.ok) return ips
        const plan = await planIps(request, { id, nic, attributes: {} }, [], ips.value)
        // Last: what is refused sets no address aside.
        const own = wanted.ipv6 ? await take('public-ipv6') : undefined
        if (own && !own.ok) return own
        const created = await request.services.servers.create(inProject(request, project.value), profile, {
          ...{ id, name: wanted.name, zone, state: 'stopped' },
          attributes: {
            ...{ project: project.value, commercial_type: wanted.commercialType },
            ...wanted.attributes,
            image: image?.id ?? null,
            ...plan.attributes,
            volumes: json(volumes),
          },
          interfaces: [{ ...nic, addresses: [...plan.add, ...(own ? [own.value] : [])] }],
          addresses: plan.elsewhere,
          ...(group ? { attach: [group.value.id] } : { attachDefault: defaultGroup(project.value, zone) }),
          documents: [...documents, ...plan.documents],
        })
        if (!created.ok) {
          // It was there, and has been deleted since.
          const gone = created.error.kind === 'not-found' && created.error.resource === 'policy'
          return gone ? notFound('instance_security_group', wanted.group ?? '') : projectGone(created)
        }
        const headers = { location: locationOf(request, id) }
        return ok({ ...(await renderServer(request, 201, created.value)), headers })
      })
    },
  },

  {
    method: 'GET',
    path: '/servers/:id',
    operation: 'getServer',
    success: 200,
    summary: 'One server',
    handle: async (request, zone) => {
      const found = await findServer(request, zone)
      return found.ok ? ok(await renderServer(request, 200, found.value)) : found
    },
  },

  {
    method: 'PATCH',
    path: '/servers/:id',
    operation: 'updateServer',
    success: 200,
    summary: 'Change a server, its group too',
    handle: async (request, zone) => {
      const change = decodeServerChange(request.body, catalogueOf(request))
      if (!change.ok) return change
      const take = takingOnce(request, zone)
      const perform = (view: ServerView) => changeServer(request, view, change.value, take)
      if (isConditional(change.value)) return onServer(request, zone, perform)
      // Everything else is merged where it is written.
      const found = await findServer(request, zone)
      return found.ok ? perform(found.value) : found
    },
  },

  {
    method: 'DELETE',
    path: '/servers/:id',
    operation: 'deleteServer',
    success: 204,
    summary: 'Delete a stopped server',
    handle: (request, zone) =>
      onServer(request, zone, async (view): Found<Answer> => {
        const done = await endServer(request, view, { requireStates: ['stopped'] }, 'keep')
        if (done.ok) return ok(noContent)
        return hindered(request, zone, done, () => 'the server must be stopped before it is deleted')
      }),
  },

  {
    method: 'GET',
    path: '/servers/:id/private_nics',
    operation: 'listPrivateNics',
    success: 200,
    summary: 'Private interfaces',
    handle: async (request, zone) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const found = await findServer(request, zone)
      if (!found.ok) return found
      const headers = pageHeaders(
        `servers/${found.value.server.id}/private_nics`,
        0,
        page.value,
        request.query,
      )
      return ok({ status: 200, body: { private_nics: [] }, headers })
    },
  },
])

/** Whether a change is about what other documents say, too: it is decided again when somebody else wrote. */
const isConditional = ({ volumes, ips, attributes }: ServerFields): boolean =>
  volumes !== undefined || ips !== undefined || attributes.dynamic_ip_required !== undefined

async function changeServer(
  request: DialectRequest,
  view: ServerView,
  change: ServerFields,
  take: TakeAddress,
): Found<Answer> {
  const { name, group: wanted, volumes, ips, placementGroup, commercialType, attributes: stated } = change
  const { server } = view
  const { project, volumes: old = {} } = serverAttributes(view)
  const group = wanted === undefined ? undefined : await groupFor(request, server.zone, project, wanted)
  if (group && !group.ok) return group
  if (placementGroup !== undefined) return notFound('instance_placement_group', placementGroup)
  const owner = { server: server.id, name: server.name, zone: server.zone, project }
  const slots = volumes && (await changeSlots(request, owner, old, volumes))
  if (slots && !slots.ok) return slots
  const before = shown(server.attributes)
  const resized = commercialType !== undefined && commercialType !== before.commercial_type
  // The write says so, too; here it is before an address is set aside.
  if (resized && stateOf(view) !== 'stopped') return precondition('resource_not_usable', mustBeStopped)
  const addresses = await changeAddresses(request, view, take, ips, stated.dynamic_ip_required)
  if (!addresses.ok) return addresses
  const [member] = await request.services.groups.members(request, profile, { server: server.id })
  const attributes = {
    ...stated,
    ...addresses.value.attributes,
    ...(commercialType !== undefined && { commercial_type: commercialType }),
    ...(slots && { volumes: json(slots.value.volumes) }),
  }
  const untouched =
    (name ?? server.name) === server.name &&
    (group?.value.id ?? member?.policy) === member?.policy &&
    isDeepStrictEqual({ ...before, ...attributes }, before)
  if (untouched) return ok(await renderServer(request, 200, view))
  const done = await request.services.servers.update(request, profile, server.id, {
    ...(name !== undefined && { name }),
    ...(resized && { requireStates: ['stopped'] }),
    attributes: { ...attributes, modifiedAt: request.now },
    ...(group && { attach: [group.value.id] }),
    ...(isConditional(change) && {
      documents: { put: [...(slots?.value.documents ?? []), ...addresses.value.documents] },
      addresses: addresses.value.moves,
      ifRevision: server.revision,
    }),
  })
  if (done.ok) return ok(await renderServer(request, 200, done.value))
  return hindered(request, server.zone, done, () => mustBeStopped)
}

const mustBeStopped = 'the server must be stopped to change its type'

/** Attributes with what is answered where there are none: a client that writes this back changes nothing. */
const shown = (attributes: JsonObject): JsonObject => ({
  ...{ commercial_type: attributes.plan ?? 'DEV1-S', boot_type: 'local', tags: [], protected: false },
  ...{ dynamic_ip_required: false, enable_ipv6: false, volumes: {} },
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

function defaultGroup(project: string, zone: string) {
  const { name, settings, attributes } = manifest.defaultPolicy
  const key = defaultKey(project, zone)
  return {
    for: key,
    otherwise: {
      ...{ name, settings, zone, rules: [], defaultFor: key },
      attributes: { ...attributes, project },
    },
  }
}

/** Without addresses. */
function makeInterface(): Omit<Interface, 'server'> {
  // The provider's prefix; locally administered, unicast.
  const mac = `de:00:00:${randomBytes(3)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1:')}`
  const defaults = { ...interfaceDefaults, attributes: {} }
  return { id: randomUUID(), index: 1, mac, addresses: [], type: 'public', ...defaults }
}

async function ipsCalled(
  request: DialectRequest,
  zone: string,
  ids: readonly string[],
): Found<readonly IpRecord[]> {
  if (ids.length > maxIps) {
    return invalid([{ argument: 'public_ips', reason: 'constraint', help: `at most ${maxIps}` }])
  }
  const ips: IpRecord[] = []
  for (const id of ids) {
    const ip = await ipById(request, zone, id)
    if (!ip) return notFound('instance_ip', id)
    ips.push(ip)
  }
  return ok(ips)
}

interface AddressesChange {
  readonly attributes: JsonObject
  readonly documents: readonly ServerDocument[]
  readonly moves: AddressMoves
}

/** Its flexible IPs from now on, and the dynamic address that follows from them; undefined: as they are. */
async function changeAddresses(
  request: DialectRequest,
  view: ServerView,
  take: TakeAddress,
  ids: readonly string[] | undefined,
  dynamic: JsonValue | undefined,
): Found<AddressesChange> {
  const { server } = view
  const { dynamic_ip_required: was = false } = serverAttributes(view)
  const unchanged = { attributes: {}, documents: [], moves: { interfaces: [], serverAttributes: [] } }
  if (ids === undefined && (dynamic === undefined || dynamic === was)) return ok(unchanged)
  const old = await currentIps(request, view)
  // An answer that is written back names addresses that are not flexible, too: they stay.
  const own = new Set(ownAddresses(view).map(({ id }) => id))
  const wanted =
    ids === undefined
      ? ok(old)
      : await ipsCalled(
          request,
          server.zone,
          ids.filter((id) => !own.has(id)),
        )
  if (!wanted.ok) return wanted
  const required = typeof dynamic === 'boolean' ? dynamic : was
  const power = { powered: isPowered(view), required, ips: wanted.value }
  const dynamicIp = await planDynamicIp(take, view, power)
  if (!dynamicIp.ok) return dynamicIp
  const moves = { interfaces: dynamicIp.value.interfaces, serverAttributes: [] }
  const { attributes } = dynamicIp.value
  if (same(old, wanted.value)) return ok({ attributes, documents: [], moves })
  const nic = await publicNic(view)
  if (!nic.ok) return nic
  const holder = { id: server.id, nic: nic.value, attributes: serverAttributes(view) }
  const plan = await planIps(request, holder, old, wanted.value)
  const { interfaces, serverAttributes: others } = asMoves(plan, nic.value)
  return ok({
    attributes: { ...attributes, ...plan.attributes },
    documents: plan.documents,
    moves: { interfaces: [...interfaces, ...moves.interfaces], serverAttributes: others },
  })
}

const same = (a: readonly IpRecord[], b: readonly IpRecord[]): boolean =>
  isDeepStrictEqual(
    a.map(({ id }) => id),
    b.map(({ id }) => id),
  )
