/** Flexible IPs: reserved from the configured pools, attached to servers, moved and given back (contract: scaleway-more §3). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Interface } from '../../core/model/interface.ts'
import { ok } from '../../core/result.ts'
import { changeFound, retryOnConflict } from '../../service/retry.ts'
import type { ServerDocument, ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { decodeIpChange, decodeNewIp } from './decode-ip.ts'
import { maxIps } from './decode-server.ts'
import { json } from './encode.ts'
import { encodeIp } from './encode-ip.ts'
import { serverAttributes } from './encode-server.ts'
import { invalid, notFound } from './errors.ts'
import {
  chooseProject,
  decodeListing,
  type Found,
  findIp,
  hasIp,
  holderOf,
  type IpRecord,
  inProject,
  ipOf,
  locationOf,
  noContent,
  profile,
  projectGone,
  projectsOf,
  serverById,
  subject,
  zonedRoutesOf,
} from './find.ts'
import {
  type AddressMoves,
  asMoves,
  changedIp,
  currentIps,
  detachedIp,
  givenUp,
  planIps,
  publicNic,
} from './ips.ts'
import { pageHeaders, slice } from './pages.ts'
import type { IpAttributes } from './wire.ts'

async function answer(request: DialectRequest, status: number, ip: IpRecord): Promise<Answer> {
  const holder = await holderOf(request, ip)
  const { organization } = await projectsOf(request)
  return { status, body: { ip: encodeIp(ip, organization, holder?.server) } }
}

export const ipRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/ips',
    operation: 'listIps',
    success: 200,
    summary: 'Flexible IPs',
    handle: async (request, zone) => {
      const { query, services } = request
      const listing = await decodeListing(request)
      if (!listing.ok) return listing
      const { page, projects, wants } = listing.value
      const [name, type] = ['name', 'type'].map((key) => query.get(key) ?? '')
      const found = (await services.documents.list(request, profile, 'ip'))
        .map(ipOf)
        .filter(
          ({ attributes }) =>
            attributes.zone === zone &&
            attributes.address.includes(name ?? '') &&
            (type === '' || type === 'unknown_iptype' || type === attributes.type) &&
            wants(attributes.project, attributes.tags),
        )
        .toSorted((a, b) => b.attributes.createdAt - a.attributes.createdAt)
      const servers = new Map(
        (await services.servers.list(request, profile)).map((view) => [view.server.id, view]),
      )
      const ips = slice(found, page).map((ip) => {
        const view = servers.get(ip.attributes.server ?? '')
        return encodeIp(ip, projects.organization, view && hasIp(view, ip) ? view.server : undefined)
      })
      return ok({ status: 200, body: { ips }, headers: pageHeaders('ips', found.length, page, query) })
    },
  },

  {
    method: 'POST',
    path: '/ips',
    operation: 'createIp',
    success: 201,
    summary: 'Reserve a flexible IP',
    handle: async (request, zone) => {
      const wanted = decodeNewIp(request.body)
      if (!wanted.ok) return wanted
      const { type, tags, server } = wanted.value
      const project = chooseProject(await projectsOf(request), wanted.value)
      if (!project.ok) return project
      if (server !== undefined) {
        // Refused before an address is set aside.
        const to = await serverById(request, zone, server)
        if (!to) return notFound('instance_server', server)
        const free = await freeNic(request, to)
        if (!free.ok) return free
      }
      const pool = type === 'routed_ipv4' ? 'public-ipv4' : 'public-ipv6-prefix'
      const taken = await request.services.addresses.take(request, profile, { pool, zone })
      if (!taken.ok) return taken
      const [address = ''] = taken.value
      const id = randomUUID()
      const attributes: IpAttributes = {
        ...{ type, address, zone, project: project.value, tags, createdAt: request.now },
        ...{ server: null, interface: null, host: null },
      }
      const { account } = request.principal
      // Of revision 0: there is none yet.
      const blank = ipOf({ profile, account, kind: 'ip', id, body: json(attributes), revision: 0 })
      return retryOnConflict(`ip ${id}`, async (): Found<Answer> => {
        const made = await setServer(inProject(request, project.value), blank, server ?? null, 'ip.create')
        if (!made.ok) return projectGone(made)
        const headers = { location: locationOf(request, id) }
        return ok({ ...(await answer(request, 201, made.value)), headers })
      })
    },
  },

  {
    method: 'GET',
    path: '/ips/:id',
    operation: 'getIp',
    success: 200,
    summary: 'One flexible IP',
    handle: async (request, zone) => {
      const found = await findIp(request, zone)
      return found.ok ? ok(await answer(request, 200, found.value)) : found
    },
  },

  {
    method: 'PATCH',
    path: '/ips/:id',
    operation: 'updateIp',
    success: 200,
    summary: 'Attach, detach, tag',
    handle: async (request, zone) => {
      const change = decodeIpChange(request.body)
      if (!change.ok) return change
      const { tags, server } = change.value
      return onIp(request, zone, async (old) => {
        const tagged = tags ? { ...old, body: { ...old.body, tags } } : old
        const holder = await holderOf(request, old)
        // A server that an inventory no longer names is still written down: it may come back.
        const now = holder?.server.id ?? (old.attributes.server ? undefined : null)
        if (server === undefined || server === now) {
          if (isDeepStrictEqual(tagged.body, old.body)) return ok(await answer(request, 200, old))
          const { ifRevision, ...document } = changedIp(tagged, {})
          const condition = { ifRevision: old.revision }
          const done = await request.services.documents.put(request, { ...document, profile }, condition)
          return done.ok ? ok(await answer(request, 200, ipOf(tagged))) : done
        }
        const done = await setServer(request, ipOf(tagged), server, 'ip.update')
        return done.ok ? ok(await answer(request, 200, done.value)) : done
      })
    },
  },

  {
    method: 'DELETE',
    path: '/ips/:id',
    operation: 'deleteIp',
    success: 204,
    summary: 'Give back, attached or not',
    handle: (request, zone) =>
      onIp(request, zone, async (ip) => {
        const { id, revision } = ip
        const holder = await holderOf(request, ip)
        const { moves } = await leave(request, holder, ip)
        const done = await request.services.addresses.change(request, profile, {
          ...moves,
          documents: { remove: [{ kind: 'ip', id, ifRevision: revision }] },
          ...{ operation: 'ip.delete', id },
        })
        return done.ok ? ok(noContent) : done
      }),
  },
])

const onIp = (request: DialectRequest, zone: string, handle: (ip: IpRecord) => Found<Answer>) =>
  changeFound(`ip ${subject(request)}`, () => findIp(request, zone), handle)

/** Attaches the IP to a server, from whichever has it, or to none; writes it with its address. */
async function setServer(
  request: DialectRequest,
  ip: IpRecord,
  server: string | null,
  operation: string,
): Found<IpRecord> {
  const { zone } = ip.attributes
  const from = await holderOf(request, ip)
  const to = server === null ? undefined : await serverById(request, zone, server)
  if (server !== null && !to) return notFound('instance_server', server)
  const joined = to && (await join(request, to, ip))
  if (joined && !joined.ok) return joined
  const { moves, document } = joined?.value ?? (await leave(request, from, ip))
  const done = await request.services.addresses.change(request, profile, {
    ...moves,
    documents: { put: [{ ...document, addresses: [ip.attributes.address] }] },
    ...{ operation, id: ip.id },
  })
  return done.ok ? ok(ipOf({ ...ip, body: document.body })) : done
}

interface Step {
  readonly moves: Partial<AddressMoves>
  readonly document: ServerDocument
}

/** The interface of a server that can have one more, with what it has. */
async function freeNic(
  request: DialectRequest,
  view: ServerView,
): Found<{ nic: Interface; old: readonly IpRecord[] }> {
  const nic = await publicNic(view)
  if (!nic.ok) return nic
  const old = await currentIps(request, view)
  if (old.length < maxIps) return ok({ nic: nic.value, old })
  const help = `the server has ${maxIps} addresses, which is the most`
  return invalid([{ argument: 'server', reason: 'constraint', help }])
}

async function join(request: DialectRequest, view: ServerView, ip: IpRecord): Found<Step> {
  const free = await freeNic(request, view)
  if (!free.ok) return free
  const { nic, old } = free.value
  return ok(await step(request, view, nic, old, [...old, ip]))
}

/** Off its server, if it has one. */
async function leave(request: DialectRequest, view: ServerView | undefined, ip: IpRecord): Promise<Step> {
  const nic = view?.interfaces.find(({ id }) => id === ip.attributes.interface)
  if (!view || !nic) return { document: detachedIp(ip), moves: { interfaces: givenUp(ip) } }
  const others = (await currentIps(request, view)).filter(({ id }) => id !== ip.id)
  return step(request, view, nic, [...others, ip], others)
}

async function step(
  request: DialectRequest,
  view: ServerView,
  nic: Interface,
  old: readonly IpRecord[],
  wanted: readonly IpRecord[],
): Promise<Step> {
  const { id: server, revision: ifRevision } = view.server
  const plan = await planIps(request, { id: server, nic, attributes: serverAttributes(view) }, old, wanted)
  const [document] = plan.documents
  if (!document) throw new Error('an IP that comes or goes is written')
  const { interfaces, serverAttributes: others } = asMoves(plan, nic)
  const own = { server, attributes: plan.attributes, ifRevision }
  return { document, moves: { interfaces, serverAttributes: [own, ...others] } }
}
