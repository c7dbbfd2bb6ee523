/** What every endpoint does before and after its own work: contract number, depth, the request's log, links, ETag. */
import { createHash, randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { decodePage, type Page } from './decode.ts'
import { errorAnswer, violates } from './errors.ts'
import { etagOf, hash, list, resource, type View } from './render.ts'
import { logged } from './requests.ts'
import { prefix } from './wire.ts'
import { type Bears, createWorld, type Node, type World } from './world.ts'

export interface Call {
  readonly request: DialectRequest
  readonly world: World
  readonly page: Page
  readonly base: string
  /** Of a path's parameter; empty when the path has none of the name. */
  id(name: string): string
}

export type Handled = Promise<Result<Answer, RequestError>>

const spelled = routesSpelledBy((error: RequestError, request) => pretty(request, errorAnswer(error)))

export function route(
  method: Route['method'],
  path: string,
  operation: string,
  success: number,
  summary: string,
  handle: (call: Call) => Handled,
): Route {
  const lists = operation.startsWith('list')
  const handled = async (request: DialectRequest) => {
    const answer = await handleCall(request, lists, handle)
    return answer.ok ? ok(pretty(request, answer.value)) : answer
  }
  const [made] = spelled([{ method, path, operation, success, summary, handle: handled }])
  if (!made) throw new Error('one endpoint makes one route')
  return made
}

async function handleCall(request: DialectRequest, lists: boolean, handle: (call: Call) => Handled): Handled {
  const contract = await checkContract(request)
  if (!contract.ok) return contract
  const page = decodePage(request.query, lists)
  if (!page.ok) return page
  const id = (name: string) => request.params[name] ?? ''
  return handle({ request, world: createWorld(request), page: page.value, base: request.origin + prefix, id })
}

/** Two blanks of indentation unless the client does without. */
function pretty({ query }: DialectRequest, answer: Answer): Answer {
  const { body } = answer
  if (body === undefined || Buffer.isBuffer(body) || query.get('pretty') === 'false') return answer
  return { ...answer, body: Buffer.from(JSON.stringify(body, null, 2)) }
}

/** As the inventory says; an account without one has a number made from its id. */
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

export const answer = (body: JsonValue): Answer => ({ status: 200, body })

const viewOf = ({ base, world }: Call): View => ({ base, world })

export async function listAnswer(
  call: Call,
  parent: { readonly id: string; readonly path: string } | null,
  name: string,
  nodes: readonly Node[],
): Handled {
  const id = parent ? `${parent.id}/${name}` : name
  const path = parent ? `${parent.path}/${name}` : `/${name}`
  const shown = nodes.filter(({ properties }) => passes(properties, call.request.query))
  return ok(answer(await list(viewOf(call), { id, path }, shown, call.page)))
}

/** Whether every `filter.<property>` of the query holds; properties that there are not are ignored. */
function passes(properties: JsonObject, query: URLSearchParams): boolean {
  return [...query].every(([key, wanted]) => {
    const name = key.startsWith('filter.') ? key.slice('filter.'.length) : ''
    return !Object.hasOwn(properties, name) || matches(properties[name] ?? null, wanted)
  })
}

/** Text contains what is wanted in any case, a list one such item; everything else equals it. */
function matches(value: JsonValue, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((each: JsonValue) => matches(each, wanted))
  if (typeof value === 'string') return value.toLowerCase().includes(wanted.toLowerCase())
  return value !== null && String(value) === wanted
}

export async function resourceAnswer(call: Call, node: Node): Handled {
  const body = await resource(viewOf(call), node, call.page.depth)
  const tag = call.request.query.has('depth') ? {} : { etag: etagOf(node) }
  return ok({ status: 200, body, headers: tag })
}

/** A mutation under way: the context it is written in, and the request it is known by. */
export interface Mutation {
  readonly context: DialectRequest
  /** Adds the targets to what is kept of the request. */
  log(targets: readonly Node[], bears?: Bears): NonNullable<DialectRequest['request']>
  readonly location: Readonly<Record<string, string>>
}

/** Of something within a datacenter, or of the datacenter itself; a null `zone`: of something that is in none. */
export function mutation({ request, base }: Call, zone: string | null, method: string): Mutation {
  const requestId = randomUUID()
  return {
    context: { ...request, requestId, ...(zone !== null && { within: { kind: 'datacenter', id: zone } }) },
    log: (targets, bears = targets[0]?.bears ?? {}) => logged(request, method, targets, bears),
    location: { location: `${base}/requests/${requestId}/status` },
  }
}

/** The context of a write whose targets are known beforehand. */
export const writing = (change: Mutation, targets: readonly Node[], bears?: Bears): DialectRequest => ({
  ...change.context,
  request: change.log(targets, bears),
})

/** What became of the resource, not settled yet. */
export async function changed(call: Call, change: Mutation, node: Node, status = 202): Handled {
  // Reads of before the change are not what it is now.
  const view = { base: call.base, world: createWorld(call.request), changing: true }
  const body = await resource(view, node, call.page.depth)
  return ok({ status, body, headers: { ...change.location, etag: etagOf(node) } })
}

/** Answers without a body have one ETag: the real service has no other. */
const emptyTag = hash('')

/** Answers 202 without a body. */
export const gone = (change: Mutation): Result<Answer, RequestError> =>
  ok({ status: 202, headers: { ...change.location, etag: emptyTag } })

export const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
