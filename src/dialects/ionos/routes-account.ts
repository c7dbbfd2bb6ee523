/** The whole contract: API info, contracts, the log of requests, and collections that are always empty. */

import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { actorName } from '../../service/context.ts'
import type { Pending } from '../../service/enforcement.ts'
import type { RequestRecord } from '../../storage/storage.ts'
import { catalogueOf } from './catalogue.ts'
import { reservedIps } from './contract-resources.ts'
import {
  encodeRequest,
  encodeStatus,
  requestOf,
  requestRef,
  type Status,
  statusOf,
  statusRef,
  statusTag,
} from './encode-request.ts'
import { collection, paging } from './encode-resource.ts'
import { type CallEndpoint, contractNumber, routesOf } from './find.ts'
import { manifest } from './manifest.ts'
import { answer, capitalised } from './render.ts'
import { pendingOf } from './resource.ts'
import type { Call } from './resources.ts'
import { profile } from './wire.ts'

/** Newest requests that a list and its filters look at. */
const maxRequests = 1000

export const accountRoutes = routesOf([
  {
    method: 'GET',
    path: '/',
    operation: 'getApiInfo',
    success: 200,
    summary: 'Name and version',
    handle: async ({ base }) => ok(answer({ href: base, name: 'Cloud API', version: '6.0' })),
  },
  {
    method: 'GET',
    path: '/contracts',
    operation: 'listContracts',
    success: 200,
    summary: 'The contract and its limits',
    handle: async (call) => {
      const { request, base } = call
      const properties = {
        contractNumber: await contractNumber(request),
        owner: actorName(request.principal),
        ...(await contract(call)),
      }
      const stub = collection('contracts', `${base}/contracts`)
      return ok(answer({ ...stub, items: [{ type: 'contract', properties }] }))
    },
  },

  {
    method: 'GET',
    path: '/requests',
    operation: 'listRequests',
    success: 200,
    summary: 'Mutations, newest first',
    handle: async (call) => {
      const { request, base, page } = call
      const all = await request.services.history.requests(request, maxRequests)
      const pending = await request.services.zones.pending(request)
      const listed: { event: RequestRecord; status: Status }[] = []
      for (const event of all) {
        const status = await progress(call, event, pending)
        if (wanted(request.query, event, status)) listed.push({ event, status })
      }
      const shown = listed.slice(page.offset, page.offset + page.limit)
      const items = shown.map(({ event, status }) =>
        page.depth === 0 ? requestRef(base, event.requestId) : requestAt(call, event, status, page.depth - 1),
      )
      const href = `${base}/requests`
      return ok(answer({ ...collection('requests', href), items, ...paging(href, listed.length, page) }))
    },
  },
  {
    method: 'GET',
    path: '/requests/:requestId',
    operation: 'getRequest',
    success: 200,
    summary: 'One mutation',
    handle: async (call) => {
      const event = await findRequest(call)
      if (!event.ok) return event
      return ok(answer(requestAt(call, event.value, await progress(call, event.value), call.page.depth)))
    },
  },
  {
    method: 'GET',
    path: '/requests/:requestId/status',
    operation: 'getRequestStatus',
    success: 200,
    summary: 'How far it has come',
    handle: async (call) => {
      const event = await findRequest(call)
      if (!event.ok) return event
      const status = await progress(call, event.value)
      const body = encodeStatus(call.base, event.value, status)
      return ok({ ...answer(body), headers: { etag: statusTag(status) } })
    },
  },

  ...(['snapshots', 'backupunits'] as const).map(
    (name): CallEndpoint => ({
      method: 'GET',
      path: `/${name}`,
      operation: `list${capitalised(name)}`,
      success: 200,
      summary: `No ${name} are kept`,
      handle: async (call) => {
        const href = `${call.base}/${name}`
        return ok(answer({ ...collection(name, href), items: [], ...paging(href, 0, call.page) }))
      },
    }),
  ),
])

const contract = async (call: Call): Promise<JsonObject> => ({
  status: 'BILLABLE',
  regDomain: 'ionos.de',
  resourceLimits: {
    ...catalogueOf(call.request).resourceLimits,
    ...{ hddVolumeProvisioned: 0, ssdVolumeProvisioned: 0 },
    dasVolumeProvisioned: 0,
    ...{ k8sClustersProvisioned: 0, nlbProvisioned: 0, natGatewayProvisioned: 0 },
    ...(await provisioned(call)),
    securityGroupsPerVdc: manifest.limits.groupsPerVdc,
    securityGroupsPerResource: manifest.limits.groupsPerResource,
    rulesPerSecurityGroup: manifest.limits.rulesPerGroup,
  },
})

/** The contract's present use of its manifest.limits. */
async function provisioned({ request, resources }: Call) {
  const servers = await request.services.servers.list(request, profile)
  const all = servers.map(({ server }) => resources.server(server).properties)
  const sum = (name: string) => all.reduce((total, each) => total + Number(each[name] ?? 0), 0)
  return { coresProvisioned: sum('cores'), ramProvisioned: sum('ram'), ...(await reservedIps(request)) }
}

async function findRequest(call: Call): Promise<Result<RequestRecord, RequestError>> {
  const id = call.id('requestId').toLowerCase()
  if (!/^[0-9a-f-]{36}$/.test(id)) return err({ kind: 'not-found', resource: 'revision', id })
  return call.request.services.history.request(call.request, id)
}

/** `known`: all pending changes, read once for many requests. */
async function progress({ request }: Call, event: RequestRecord, known?: readonly Pending[]) {
  const { zones, settings } = request.services
  const pending = known ?? (await zones.pending(request, pendingOf(requestOf(event).bears)))
  return statusOf(event, pending, { now: request.now, holdMs: settings.holdMs })
}

function requestAt({ base }: Call, event: RequestRecord, status: Status, depth: number): JsonObject {
  const shown = depth === 0 ? statusRef(base, event.requestId) : encodeStatus(base, event, status)
  return encodeRequest(base, event, shown)
}

/** Filters by `filter.<property>`; unknown properties are ignored. */
function wanted(query: URLSearchParams, event: RequestRecord, status: Status): boolean {
  const { method, url } = requestOf(event)
  const contains = (name: string, value: string) =>
    value.toLowerCase().includes((query.get(name) ?? '').toLowerCase())
  const at = (name: string) => {
    const value = query.get(name)
    const time = value === null ? Number.NaN : Date.parse(`${value.trim().replace(' ', 'T')}Z`)
    return Number.isNaN(time) ? undefined : time
  }
  const [after, before] = [at('filter.createdAfter'), at('filter.createdBefore')]
  return (
    contains('filter.status', status) &&
    contains('filter.method', method) &&
    contains('filter.url', url) &&
    (after === undefined || event.at > after) &&
    (before === undefined || event.at < before)
  )
}
