/** NICs of servers, created with their rules and flow logs (contract: ionos §4). */
import { isDeepStrictEqual } from 'node:util'
import { ok } from '../../core/result.ts'
import { authored, authorshipOf } from './authorship.ts'
import { decode, type Given } from './body.ts'
import { changeInZone } from './change.ts'
import { newRules } from './change-groups.ts'
import { createNetworks } from './change-networks.ts'
import { newNic } from './change-nic.ts'
import { inSlot, withSlots } from './change-volumes.ts'
import { checkNested } from './check-nested.ts'
import { decodeNic, nicTable } from './decode.ts'
import { nicProperties } from './encode.ts'
import { createdNic } from './encode-created.ts'
import {
  type CallEndpoint,
  finding,
  findNic,
  findServer,
  type Handled,
  type InNic,
  type InServer,
  reading,
  routesOf,
} from './find.ts'
import { withoutRevision } from './records.ts'
import { childrenAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'

const nics = '/datacenters/:datacenterId/servers/:serverId/nics'
const one = `${nics}/:nicId`

export const nicRoutes = routesOf([
  {
    method: 'GET',
    path: nics,
    operation: 'listNics',
    success: 200,
    summary: 'NICs of a server',
    handle: finding(findServer, (call, { server }) =>
      childrenAnswer(call, call.resources.server(server), 'nics'),
    ),
  },
  {
    method: 'POST',
    path: nics,
    operation: 'createNic',
    success: 202,
    summary: 'Add a NIC, with rules',
    handle: reading(findServer, 'POST', createNic),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getNic',
    success: 200,
    summary: 'One NIC',
    handle: finding(findNic, (call, { zone, nic }) => resourceAnswer(call, call.resources.nic(zone.id, nic))),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putNic' : 'patchNic',
      success: 202,
      summary: 'Change a NIC, its firewall switches too',
      handle: reading(findNic, method, (call, found, body) => changeNic(call, method, found, body)),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteNic',
    success: 202,
    summary: 'Delete a NIC with its rules',
    handle: finding(findNic, deleteNic),
  },
])

async function createNic(call: Call, { zone, server }: InServer, body: Given): Handled {
  const { request } = call
  const wanted = decodeNic(body)
  if (!wanted.ok) return wanted
  const written = { firewallrules: [], flowlogs: [] }
  const nested = await checkNested({ kind: 'nic' }, body.entities, written)
  if (!nested.ok) return nested
  const created = newNic(request, server.id, 1, wanted.value)
  if (!created.ok) return created
  const { nic: bare, properties, rules: texts, at } = created.value
  const rules = newRules(request, bare.id, texts)
  return changeInZone(call, zone.id, 'POST', async (current) => {
    const owner = await current.loader.server(zone.id, server.id)
    if (!owner.ok) return owner
    const others = await request.services.zones.interfacesOf(server.id)
    const { server: slotted, first } = withSlots(owner.value, others, 1)
    const networks = createNetworks(current, current.zone, current.take)
    const index = Math.max(0, ...others.map((each) => each.index)) + 1
    const joined = await networks.join({ ...bare, index }, properties, at)
    if (!joined.ok) return joined
    const nic = inSlot(joined.value, first)
    return ok({
      change: {
        servers: { put: [withoutRevision(slotted)] },
        interfaces: { put: [nic] },
        rules: [rules],
        documents: { put: networks.change().documents },
        event: {
          ...({ operation: 'interface.create', resource: 'interface', id: nic.id, before: null } as const),
          after: nicProperties(nic),
        },
      },
      targets: call.resources.nicWithRules(zone.id, nic, rules),
      answer: (stored) => createdNic(stored.resources.nic(zone.id, nic), properties),
    })
  })
}

function changeNic(call: Call, method: 'PUT' | 'PATCH', { zone, server, nic }: InNic, body: Given): Handled {
  const { request } = call
  return changeInZone(call, zone.id, method, async (current) => {
    const { loader, resources } = current
    const owner = await loader.server(zone.id, server.id)
    if (!owner.ok) return owner
    const found = await loader.nic(server.id, nic.id)
    if (!found.ok) return found
    const old = found.value
    const read = decode(nicTable, body, old.attributes)
    if (!read.ok) return read
    const nested = await checkNested(resources.nic(zone.id, old), body.entities)
    if (!nested.ok) return nested
    const authorship = authorshipOf(old.attributes.meta, request.principal.account, owner.value.createdAt)
    const networks = createNetworks(current, current.zone, current.take)
    const joined = await networks.join(old, read.value, body.at, old)
    if (!joined.ok) return joined
    const attributes = { ...joined.value.attributes, meta: authored(request, authorship) }
    const changed = { ...joined.value, attributes }
    const [before, after] = [nicProperties(old), nicProperties(changed)]
    const same = isDeepStrictEqual(before, after)
    const result = same ? old : changed
    return ok({
      change: same
        ? null
        : {
            interfaces: { put: [result] },
            documents: { put: networks.change().documents },
            event: { operation: 'interface.update', resource: 'interface', id: nic.id, before, after },
          },
      targets: [resources.nic(zone.id, result)],
      answer: (stored) => stored.resources.nic(zone.id, result),
    })
  })
}

function deleteNic(call: Call, { zone, server, nic }: InNic): Handled {
  const resource = call.resources.nic(zone.id, nic)
  return changeInZone(call, zone.id, 'DELETE', async ({ loader, request }) => {
    const owner = await loader.server(zone.id, server.id)
    if (!owner.ok) return owner
    const there = await loader.nic(server.id, nic.id)
    if (!there.ok) return there
    // Its slot is not used again.
    const others = await request.services.zones.interfacesOf(server.id)
    const record = withoutRevision(withSlots(owner.value, others, 0).server)
    return ok({
      change: {
        interfaces: { remove: [nic.id] },
        servers: { put: [record] },
        event: {
          ...({ operation: 'interface.delete', resource: 'interface', id: nic.id } as const),
          before: nicProperties(there.value),
          after: null,
        },
      },
      targets: [resource],
      affects: { server: server.id },
    })
  })
}
