/** From the ids in a path to the stored resources; a child of another parent is not found. */
import { createHash } from 'node:crypto'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, PolicyRecord, ServerRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { type Endpoint, routesSpelledBy } from '../route.ts'
import { type Given, given } from './body.ts'
import { errorAnswer, notFound, violates } from './errors.ts'
import { decodePage } from './pages.ts'
import type { Lan, Volume } from './records.ts'
import type { Affects } from './resource.ts'
import { type Call, createCall } from './resources.ts'

export type Found<T> = Promise<Result<T, RequestError>>
export type Handled = Found<Answer>

/** An endpoint whose handler takes a call. */
export type CallEndpoint = Endpoint<RequestError, readonly [Call]>

const spelled = routesSpelledBy((error: RequestError, request) => pretty(request, errorAnswer(error)))

/** Checks the contract number and the page first; names of operations that list begin with `list`. */
export const routesOf = (endpoints: readonly CallEndpoint[]): readonly Route[] =>
  spelled(
    endpoints.map(({ handle, ...endpoint }) => ({
      ...endpoint,
      handle: async (request) => {
        const contract = await checkContract(request)
        if (!contract.ok) return contract
        const page = decodePage(request.query, endpoint.operation.startsWith('list'))
        if (!page.ok) return page
        const answer = await handle(createCall(request, page.value))
        return answer.ok ? ok(pretty(request, answer.value)) : answer
      },
    })),
  )

/** A handler that finds first: `find → answer`. */
export const finding =
  <T>(find: (call: Call) => Found<T>, handle: (call: Call, found: T) => Handled) =>
  async (call: Call): Handled => {
    const found = await find(call)
    return found.ok ? handle(call, found.value) : found
  }

/** A handler that finds, then reads the body: `find → decode → change`. */
export const reading = <T>(
  find: (call: Call) => Found<T>,
  method: 'POST' | 'PUT' | 'PATCH',
  handle: (call: Call, found: T, body: Given) => Handled,
) =>
  finding(find, async (call, found) => {
    const body = given(method, call.request.body)
    return body.ok ? handle(call, found, body.value) : body
  })

/** Indents by two spaces unless the client asks for `pretty=false`. */
function pretty({ query }: DialectRequest, answer: Answer): Answer {
  const { body } = answer
  if (body === undefined || Buffer.isBuffer(body) || query.get('pretty') === 'false') return answer
  return { ...answer, body: Buffer.from(JSON.stringify(body, null, 2)) }
}

/** The account's number in the inventory; without one, a number derived from the account's id. */
export async function contractNumber(request: DialectRequest): Promise<number> {
  const { id, attributes } = await request.services.servers.account(request)
  if (typeof attributes.contractNumber === 'number') return attributes.contractNumber
  return 10_000_000 + (createHash('sha256').update(id).digest().readUInt32BE(0) % 90_000_000)
}

async function checkContract(request: DialectRequest): Promise<Result<void, RequestError>> {
  const wanted = request.headers['x-contract-number']
  if (wanted === undefined || wanted === '') return ok(undefined)
  if (typeof wanted !== 'string' || !/^\d{1,10}$/.test(wanted)) {
    return err(violates('X-Contract-Number', 'Header value must be an integer'))
  }
  return Number(wanted) === (await contractNumber(request)) ? ok(undefined) : err({ kind: 'forbidden' })
}

/** Finds nothing: for routes whose path names no resource. */
export const findContract = async (): Found<undefined> => ok(undefined)

export const findZone = (call: Call): Found<DocumentRecord> => call.loader.datacenter(call.id('datacenterId'))

export interface InServer {
  readonly zone: DocumentRecord
  readonly server: ServerRecord
}

export async function findServer(call: Call): Found<InServer> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const server = await call.loader.server(zone.value.id, call.id('serverId'))
  return server.ok ? ok({ zone: zone.value, server: server.value }) : server
}

export interface InNic extends InServer {
  readonly nic: Interface
}

export async function findNic(call: Call): Found<InNic> {
  const parent = await findServer(call)
  if (!parent.ok) return parent
  const nic = await call.loader.nic(parent.value.server.id, call.id('nicId'))
  return nic.ok ? ok({ ...parent.value, nic: nic.value }) : nic
}

export interface InGroup {
  readonly zone: DocumentRecord
  readonly group: PolicyRecord
}

export async function findGroup(call: Call): Found<InGroup> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const group = await call.loader.group(zone.value.id, call.id('securityGroupId'))
  return group.ok ? ok({ zone: zone.value, group: group.value }) : group
}

export async function findVolume(call: Call): Found<Volume> {
  const zone = await findZone(call)
  return zone.ok ? call.loader.volume(zone.value.id, call.id('volumeId')) : zone
}

/** A volume of the server in the path. */
export async function findAttached(call: Call): Found<Volume> {
  const parent = await findServer(call)
  if (!parent.ok) return parent
  const id = call.id('volumeId').toLowerCase()
  const volume = (await call.loader.volumesOf(parent.value.server)).find((each) => each.id === id)
  return volume ? ok(volume) : notFound(id)
}

export async function findLan(call: Call): Found<{ readonly zone: string; readonly lan: Lan }> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const lan = await call.loader.lan(zone.value.id, call.id('lanId'))
  return lan.ok ? ok({ zone: zone.value.id, lan: lan.value }) : lan
}

export const findIpBlock = (call: Call): Found<DocumentRecord> =>
  call.loader.document('ipblock', call.id('ipblockId'))

export const findPcc = (call: Call): Found<DocumentRecord> => call.loader.document('pcc', call.id('pccId'))

/** The NIC or group that has rules. The policy of a NIC has the NIC's id. */
export interface RuleHolder {
  readonly zone: string
  readonly policy: string
  /** Of the NIC or group, and the name of the collection of its rules. */
  readonly path: string
  readonly collection: string
  readonly affects: Affects
}

export async function findNicRules(call: Call): Found<RuleHolder> {
  const found = await findNic(call)
  if (!found.ok) return found
  const { zone, nic } = found.value
  const { path, affects } = call.resources.nic(zone.id, nic)
  return ok({ zone: zone.id, policy: nic.id, path, collection: 'firewallrules', affects })
}

export async function findGroupRules(call: Call): Found<RuleHolder> {
  const found = await findGroup(call)
  if (!found.ok) return found
  const { zone, group } = found.value
  const { path, affects } = call.resources.group(zone.id, group)
  return ok({ zone: zone.id, policy: group.id, path, collection: 'rules', affects })
}
