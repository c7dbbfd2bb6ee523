/** Hosts, for operators: what their agents say of them, and devices of guests that are nobody's there. */
import type { JsonObject } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { SightingRecord } from '../../storage/storage.ts'
import type { Route } from '../dialect.ts'
import { decodeHosts } from './decode.ts'
import { encodeHost } from './encode.ts'
import { routesOf } from './endpoint.ts'
import { hostOf } from './host-name.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import { HostList, HostQuery, UnclaimedList, UnclaimedQuery } from './schemas-hosts.ts'

export const hostRoutes: readonly Route[] = routesOf([
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
