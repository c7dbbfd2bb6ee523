/** Labels of datacenters, servers, volumes and IP blocks: no request stands for them, they are there at once (contract: ionos-more §7). */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { type Call, listAnswer, resourceAnswer, route } from './call.ts'
import { findDocument } from './contract-documents.ts'
import { decode, given } from './decode.ts'
import { findServer, findVolume, findZone } from './find.ts'
import { ipBlockNode } from './ipblocks.ts'
import { type FindHolder, type Holder, labelNode, labelNodes, setLabel } from './labels.ts'
import type { Property, Table } from './properties.ts'
import { volumeDocument } from './volumes.ts'

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
  // In a path these lead elsewhere: clients would delete the server and not the label.
  objection: (value) =>
    value === '.' || value === '..'
      ? 'Attribute value may not be . or .., which name no label in a path'
      : word.objection?.(value),
}
const table: Table = { key, value: word }

async function datacenter(call: Call): Promise<Result<Holder, RequestError>> {
  const found = await findZone(call)
  if (!found.ok) return found
  const { revision: _, ...document } = found.value
  const { body } = document
  return ok({
    ...({ resource: 'document', zone: document.id, labels: body.labels } as const),
    node: await call.world.datacenterNode(found.value),
    put: (labels) => ({ documents: { put: [{ ...document, body: { ...body, labels } }] } }),
  })
}

async function server(call: Call): Promise<Result<Holder, RequestError>> {
  const found = await findServer(call)
  if (!found.ok) return found
  const { revision: _, ...record } = found.value.server
  const { attributes } = record
  return ok({
    ...({ resource: 'server', zone: record.zone, labels: attributes.labels } as const),
    node: call.world.serverNode(found.value.server),
    put: (labels) => ({ servers: { put: [{ ...record, attributes: { ...attributes, labels } }] } }),
  })
}

async function volume(call: Call): Promise<Result<Holder, RequestError>> {
  const found = await findVolume(call)
  if (!found.ok) return found
  const { zone, body } = found.value
  return ok({
    ...({ resource: 'storage', zone, labels: body.labels } as const),
    node: await call.world.volumeNode(found.value),
    put: (labels) => {
      const document = volumeDocument(call.request, { ...found.value, body: { ...body, labels } })
      return { documents: { put: [document] } }
    },
  })
}

async function ipBlock(call: Call): Promise<Result<Holder, RequestError>> {
  const found = await findDocument(call, { kind: 'ipblock' }, call.id('ipblockId'))
  if (!found.ok) return found
  const { revision, ...document } = found.value
  const { body } = document
  return ok({
    ...({ resource: 'document', zone: null, revision, labels: body.labels } as const),
    node: ipBlockNode(found.value, new Map(), []),
    put: (labels) => ({ documents: { put: [{ ...document, body: { ...body, labels } }] } }),
  })
}

const holders: readonly (readonly [name: string, path: string, find: FindHolder])[] = [
  ['Datacenter', '/datacenters/:datacenterId', datacenter],
  ['Server', '/datacenters/:datacenterId/servers/:serverId', server],
  ['Volume', '/datacenters/:datacenterId/volumes/:volumeId', volume],
  ['Ipblock', '/ipblocks/:ipblockId', ipBlock],
]

export const labelRoutes: readonly Route[] = holders.flatMap(([name, path, find]) => {
  const labels = `${path}/labels`
  const one = `${labels}/:key`
  const of = `of a ${name.toLowerCase()}`
  return [
    route('GET', labels, `list${name}Labels`, 200, `Labels ${of}`, async (call) => {
      const holder = await find(call)
      if (!holder.ok) return holder
      // Clients read the keys at every depth.
      const page = { ...call.page, depth: Math.max(1, call.page.depth) }
      return listAnswer({ ...call, page }, holder.value.node, 'labels', labelNodes(holder.value))
    }),
    route('POST', labels, `create${name}Label`, 201, `Give a label to one`, async (call) => {
      const holder = await find(call)
      if (!holder.ok) return holder
      const body = given('POST', call.request.body)
      if (!body.ok) return body
      const read = decode(table, body.value)
      if (!read.ok) return read
      const [key, value] = [String(read.value.key), String(read.value.value)]
      return answered(call, await setLabel(call, find, holder.value, { key, value, fresh: true }), key, 201)
    }),
    route('GET', one, `get${name}Label`, 200, `One label ${of}`, async (call) =>
      answered(call, await find(call), call.id('key')),
    ),
    route('PUT', one, `put${name}Label`, 200, `Change the value of a label ${of}`, async (call) => {
      const holder = await find(call)
      if (!holder.ok) return holder
      const key = call.id('key')
      const old = labelNode(holder.value, key)
      if (!old.ok) return old
      const body = given('PUT', call.request.body)
      if (!body.ok) return body
      const read = decode(table, body.value, old.value.properties)
      if (!read.ok) return read
      const { value = old.value.properties.value } = read.value
      if (value === old.value.properties.value) return answered(call, holder, key)
      const wanted = { key, value: String(value), fresh: false }
      return answered(call, await setLabel(call, find, holder.value, wanted), key)
    }),
    route('DELETE', one, `delete${name}Label`, 200, `Take a label off one`, async (call) => {
      const holder = await find(call)
      if (!holder.ok) return holder
      const done = await setLabel(call, find, holder.value, {
        key: call.id('key'),
        value: null,
        fresh: false,
      })
      return done.ok ? ok({ status: 200 }) : done
    }),
  ]
})

/** The label with this key. */
async function answered(call: Call, holder: Result<Holder, RequestError>, key: string, status = 200) {
  const node = holder.ok ? labelNode(holder.value, key) : err(holder.error)
  if (!node.ok) return node
  const answer = await resourceAnswer(call, node.value)
  return answer.ok ? ok({ ...answer.value, status }) : answer
}
