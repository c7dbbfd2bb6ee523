/** Hosts, for operators: what their agents say of them, and devices of guests that are nobody's there. */
import type { JsonObject } from '../../core/json.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok } from '../../core/result.ts'
import type { SightingRecord } from '../../storage/storage.ts'
import type { Route } from '../dialect.ts'
import { decodeHosts } from './decode.ts'
import { encodeHost } from './encode.ts'
import { bodyOf, creations, routesOf } from './endpoint.ts'
import { hostOf } from './host-name.ts'
import { interfaceResource } from './interface-resource.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import { DeviceAdoption, HostList, HostQuery, UnclaimedList, UnclaimedQuery } from './schemas-hosts.ts'
import { Interface } from './schemas-servers.ts'

const readings: readonly Route[] = routesOf([
  {
    method: 'GET',
    path: '/hosts',
    operation: 'listHosts',
    scope: 'operator',
    summary: 'For operators: what the agents of hosts say of them and of their interfaces, whosever they are',
    schema: { query: HostQuery, answer: HostList },
    handle: async (request) => {
      const query = decodeHosts(request)
      if (!query.ok) return query
      const { hosts, next } = await request.services.enforcement.statuses(request.now, query.value)
      return ok({ hosts: hosts.map(encodeHost), next: next === null ? null : encodeCursor([next]) })
    },
  },
  {
    method: 'GET',
    path: '/hosts/:host/unclaimed',
    operation: 'listUnclaimed',
    scope: 'operator',
    summary: 'Devices of guests that a host sees and no interface is on, in order of device',
    schema: { query: UnclaimedQuery, answer: UnclaimedList },
    handle: async (request) => {
      const host = hostOf(request)
      if (!host.ok) return host
      const page = keyPageOf(request.query)
      if (!page.ok) return page
      const found = await request.services.bindings.unclaimed(host.value, page.value)
      if (!found.ok) return found
      const { items, next } = found.value
      return ok({ devices: items.map(encode), next: next && encodeCursor(next) })
    },
  },
])

const adoption: readonly Route[] = creations([
  {
    path: '/hosts/:host/adopt',
    operation: 'adoptDevice',
    scope: 'operator',
    summary: 'Make the server of a guest that a host sees on a device and nobody has, and put it there',
    schema: { body: DeviceAdoption, answer: Interface },
    location: (id) => `/v1/interfaces/${encodeURIComponent(id)}`,
    handle: async (request, once) => {
      const host = hostOf(request)
      if (!host.ok) return host
      const body = bodyOf<DeviceAdoption>(request)
      if (!body.ok) return body
      const { mac: given, addresses = [], policies = [], ...rest } = body.value
      const mac = given === undefined ? undefined : parseMac(given)
      if (mac?.ok === false) return err({ kind: 'invalid', field: 'mac', reason: mac.error })
      const wanted = { ...rest, addresses, policies, ...(mac && { mac: mac.value }) }
      const id = await request.services.adopting.adopt(request, host.value, wanted, once)
      if (!id.ok) return id
      const made = await interfaceResource(request, id.value)
      return made.ok ? ok({ ...made.value, id: id.value }) : made
    },
    read: interfaceResource,
  },
])

export const hostRoutes: readonly Route[] = [...readings, ...adoption]

const encode = ({
  device,
  present,
  mac,
  address,
  guest,
  source,
  guarded,
  since,
  why,
}: SightingRecord): JsonObject => ({
  ...{ device, present, mac, address, guest: guest ? { ...guest } : null, source, guarded },
  since: new Date(since).toISOString(),
  why: why ?? 'the interface that was on it has just left, and its host has not been told yet',
})
