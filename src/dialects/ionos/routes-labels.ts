/** Labels of datacenters, servers, volumes and IP blocks: written at once, without a logged request (contract: ionos-more §7). */
import type { JsonObject } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import { decode } from './body.ts'
import { type FindHolder, type Holder, labelResource, labelResources, setLabel } from './change-labels.ts'
import { volumeDocument } from './change-volumes.ts'
import { ipBlockResource } from './contract-resources.ts'
import type { Property, Table } from './fields.ts'
import {
  type CallEndpoint,
  type Found,
  findIpBlock,
  finding,
  findServer,
  findVolume,
  findZone,
  reading,
  routesOf,
} from './find.ts'
import { withoutRevision } from './records.ts'
import { listAnswer, resourceAnswer } from './render.ts'
import type { Call } from './resources.ts'

const word: Property = {
  type: 'text',
  required: true,
  range: [1, 63],
  objection: (value) =>
    /^[\w.-]+$/.test(String(value)) ? undefined : 'Attribute value must be letters, digits, -, _ or .',
}
const key: Property = {
  ...word,
  immutable: true,
  // A path with these means another resource: clients would delete the server instead of the label.
  objection: (value) =>
    value === '.' || value === '..'
      ? 'Attribute value may not be . or .., which name no label in a path'
      : word.objection?.(value),
}
const table: Table = { key, value: word }

async function datacenter(call: Call): Found<Holder> {
  const found = await findZone(call)
  if (!found.ok) return found
  const document = withoutRevision(found.value)
  const { body } = document
  return ok({
    ...({ type: 'document', zone: document.id, labels: body.labels } as const),
    resource: await call.resources.datacenter(found.value),
    put: (labels) => ({ documents: { put: [{ ...document, body: { ...body, labels } }] } }),
  })
}

async function server(call: Call): Found<Holder> {
  const found = await findServer(call)
  if (!found.ok) return found
  const record = withoutRevision(found.value.server)
  const { attributes } = record
  return ok({
    ...({ type: 'server', zone: record.zone, labels: attributes.labels } as const),
    resource: call.resources.server(found.value.server),
    put: (labels) => ({ servers: { put: [{ ...record, attributes: { ...attributes, labels } }] } }),
  })
}

async function volume(call: Call): Found<Holder> {
  const found = await findVolume(call)
  if (!found.ok) return found
  const { zone, body } = found.value
  return ok({
    ...({ type: 'storage', zone, labels: body.labels } as const),
    resource: await call.resources.volume(found.value),
    put: (labels) => {
      const document = volumeDocument(call.request, { ...found.value, body: { ...body, labels } })
      return { documents: { put: [document] } }
    },
  })
}

async function ipBlock(call: Call): Found<Holder> {
  const found = await findIpBlock(call)
  if (!found.ok) return found
  const { revision, ...document } = found.value
  const { body } = document
  return ok({
    ...({ type: 'document', zone: null, revision, labels: body.labels } as const),
    resource: ipBlockResource(found.value, new Map(), []),
    put: (labels) => ({ documents: { put: [{ ...document, body: { ...body, labels } }] } }),
  })
}

const holders: readonly (readonly [name: string, path: string, find: FindHolder])[] = [
  ['Datacenter', '/datacenters/:datacenterId', datacenter],
  ['Server', '/datacenters/:datacenterId/servers/:serverId', server],
  ['Volume', '/datacenters/:datacenterId/volumes/:volumeId', volume],
  ['Ipblock', '/ipblocks/:ipblockId', ipBlock],
]

export const labelRoutes = routesOf(
  holders.flatMap(([name, path, find]): readonly CallEndpoint[] => {
    const labels = `${path}/labels`
    const one = `${labels}/:key`
    const of = `of a ${name.toLowerCase()}`
    async function findLabel(call: Call): Found<{ holder: Holder; key: string; old: JsonObject }> {
      const holder = await find(call)
      if (!holder.ok) return holder
      const key = call.id('key')
      const old = labelResource(holder.value, key)
      return old.ok ? ok({ holder: holder.value, key, old: old.value.properties }) : old
    }
    return [
      {
        method: 'GET',
        path: labels,
        operation: `list${name}Labels`,
        success: 200,
        summary: `Labels ${of}`,
        handle: finding(find, async (call, holder) => {
          // Clients read the keys at every depth.
          const page = { ...call.page, depth: Math.max(1, call.page.depth) }
          return listAnswer({ ...call, page }, holder.resource, 'labels', labelResources(holder))
        }),
      },
      {
        method: 'POST',
        path: labels,
        operation: `create${name}Label`,
        success: 201,
        summary: `Give a label to one`,
        handle: reading(find, 'POST', async (call, holder, body) => {
          const read = decode(table, body)
          if (!read.ok) return read
          const [key, value] = [String(read.value.key), String(read.value.value)]
          return answered(call, await setLabel(call, find, holder, { key, value, create: true }), key, 201)
        }),
      },
      {
        method: 'GET',
        path: one,
        operation: `get${name}Label`,
        success: 200,
        summary: `One label ${of}`,
        handle: async (call) => answered(call, await find(call), call.id('key')),
      },
      {
        method: 'PUT',
        path: one,
        operation: `put${name}Label`,
        success: 200,
        summary: `Change the value of a label ${of}`,
        handle: reading(findLabel, 'PUT', async (call, { holder, key, old }, body) => {
          const read = decode(table, body, old)
          if (!read.ok) return read
          const { value = old.value } = read.value
          if (value === old.value) return answered(call, ok(holder), key)
          const wanted = { key, value: String(value), create: false }
          return answered(call, await setLabel(call, find, holder, wanted), key)
        }),
      },
      {
        method: 'DELETE',
        path: one,
        operation: `delete${name}Label`,
        success: 200,
        summary: `Take a label off one`,
        handle: finding(find, async (call, holder) => {
          const wanted = { key: call.id('key'), value: null, create: false }
          const done = await setLabel(call, find, holder, wanted)
          return done.ok ? ok({ status: 200 }) : done
        }),
      },
    ]
  }),
)

/** The label with this key. */
async function answered(call: Call, holder: Awaited<Found<Holder>>, key: string, status = 200) {
  const label = holder.ok ? labelResource(holder.value, key) : err(holder.error)
  if (!label.ok) return label
  const answer = await resourceAnswer(call, label.value)
  return answer.ok ? ok({ ...answer.value, status }) : answer
}
