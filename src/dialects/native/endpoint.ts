/** Routes of the native API: what is read, changed, made and removed, with its entity tag; and creations that are done once. */
import type { TSchema } from 'typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Once } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { type Endpoint, routesSpelledBy } from '../route.ts'
import { conditionOf, etag } from './conditions.ts'
import { problem } from './errors.ts'

type NativeEndpoint = Omit<Endpoint<RequestError>, 'success' | 'handle'> & {
  readonly handle: (request: DialectRequest) => Promise<Result<JsonValue, RequestError>>
}

/** A resource, and the revision that its entity tag says. */
export interface Resource {
  readonly body: JsonObject
  readonly revision: number
}

type ResourceEndpoint = Omit<Endpoint<RequestError>, 'success' | 'handle'> & {
  /** With the condition of `If-Match`. */
  readonly handle: (
    request: DialectRequest,
    condition: { readonly ifRevision?: number },
  ) => Promise<Result<Resource, RequestError>>
}

type CreationEndpoint = Omit<Endpoint<RequestError>, 'success' | 'handle' | 'method'> & {
  /** Where what was made is found: `Location` of the answer. */
  readonly location: (id: string, request: DialectRequest) => string
  /** Everything that is made in the request's name must carry what `once` answers for its id, and for its secret if it has one. */
  readonly handle: (
    request: DialectRequest,
    once: (id: string, secret?: JsonObject) => { readonly once?: Once },
  ) => Promise<Result<Resource & { readonly id: string; readonly secret?: JsonObject }, RequestError>>
  /** What an earlier request made, as it is now. */
  readonly read: (request: DialectRequest, id: string) => Promise<Result<Resource, RequestError>>
}

type RemovalEndpoint = Omit<Endpoint<RequestError>, 'success' | 'handle' | 'method'> & {
  readonly handle: (
    request: DialectRequest,
    condition: { readonly ifRevision?: number },
  ) => Promise<Result<unknown, RequestError>>
}

/** With whole answers, which are streams or have headers of their own. */
export const answering = (endpoints: readonly Omit<Endpoint<RequestError>, 'success'>[]): readonly Route[] =>
  routesSpelledBy(problem)(
    endpoints.map(({ handle, ...endpoint }) => ({
      ...{ ...endpoint, success: 200 },
      handle: async (request) => {
        const known = endpoint.schema?.query && checkParameters(request, endpoint.schema.query)
        return known?.ok === false ? known : handle(request)
      },
    })),
  )

/** A filter that is misspelled, or that only the first of two is taken of, would answer more than was asked for. */
function checkParameters({ query }: DialectRequest, schema: TSchema): Result<void, RequestError> {
  const { properties = {} } = schema as { readonly properties?: object }
  for (const field of new Set(query.keys())) {
    const invalid = (reason: string) => err<RequestError>({ kind: 'invalid', field, reason })
    if (!Object.hasOwn(properties, field))
      return invalid(`is not known; known are ${Object.keys(properties).join(', ')}`)
    if (query.getAll(field).length > 1) return invalid('is there more than once')
  }
  return ok(undefined)
}

/** All answer 200 with what their handlers give. */
export const routesOf = (endpoints: readonly NativeEndpoint[]): readonly Route[] =>
  answering(
    endpoints.map(({ handle, ...endpoint }) => ({
      ...endpoint,
      handle: async (request) => {
        const body = await handle(request)
        return body.ok ? ok({ status: 200, body: body.value }) : body
      },
    })),
  )

/** Reads and changes of one resource: 200 with its entity tag. */
export const resources = (endpoints: readonly ResourceEndpoint[]): readonly Route[] =>
  answering(
    endpoints.map(({ handle, schema, ...endpoint }) => ({
      ...{ ...endpoint, schema: { ...schema, entity: true } },
      handle: async (request) => {
        const condition = conditionOf(request)
        if (!condition.ok) return condition
        const found = await handle(request, condition.value)
        return found.ok ? ok(resource(200, found.value)) : found
      },
    })),
  )

/** 204, and nothing. */
export const removals = (endpoints: readonly RemovalEndpoint[]): readonly Route[] =>
  routesSpelledBy(problem)(
    endpoints.map(({ handle, schema, ...endpoint }) => ({
      ...{ ...endpoint, schema: { ...schema, entity: true } },
      ...{ method: 'DELETE', success: 204 },
      handle: async (request) => {
        const condition = conditionOf(request)
        if (!condition.ok) return condition
        const done = await handle(request, condition.value)
        return done.ok ? ok({ status: 204 }) : done
      },
    })),
  )

/** 201 with what was made; the same again for a request with the `Idempotency-Key` of an earlier one. */
export const creations = (endpoints: readonly CreationEndpoint[]): readonly Route[] =>
  routesSpelledBy(problem)(
    endpoints.map(({ handle, read, location, schema, ...endpoint }) => ({
      ...{ ...endpoint, schema: { ...schema, entity: true, once: true } },
      ...{ method: 'POST', success: 201 },
      handle: (request) => create(request, { handle, read, location }),
    })),
  )

async function create(
  request: DialectRequest,
  { handle, read, location }: Pick<CreationEndpoint, 'handle' | 'read' | 'location'>,
): Promise<Result<Answer, RequestError>> {
  const made = (id: string, { body, revision }: Resource, secret: JsonObject | null, again: boolean) =>
    resource(
      201,
      { body: { ...body, ...secret }, revision },
      { location: location(id, request), ...(again && { 'idempotent-replayed': 'true' }) },
    )
  const asked = askedOf(request)
  if (!asked.ok) return asked
  const { repeats } = request.services
  const earlier = asked.value && (await repeats.earlier(request, asked.value))
  if (earlier) {
    const reason = 'was used for another request'
    if (!earlier.same) return err({ kind: 'invalid', field: 'Idempotency-Key', reason })
    const found = await read(request, earlier.id)
    return found.ok ? ok(made(earlier.id, found.value, earlier.secret, true)) : found
  }
  const done = await handle(request, (id, secret) =>
    asked.value ? { once: repeats.once(request, asked.value, id, secret ?? null) } : {},
  )
  if (!done.ok) return done
  const { id, secret = null, ...rest } = done.value
  return ok(made(id, rest, secret, false))
}

/** Undefined without the header. */
function askedOf({ headers, path, body }: DialectRequest) {
  const key = headers['idempotency-key']
  if (key === undefined) return ok(undefined)
  if (typeof key !== 'string' || !/^[!-~]{1,255}$/.test(key)) {
    const reason = 'expected 1 to 255 printable ASCII characters without spaces'
    return err<RequestError>({ kind: 'invalid', field: 'Idempotency-Key', reason })
  }
  return ok({ key, request: JSON.stringify(['POST', path, body ?? null]) })
}

const resource = (
  status: number,
  { body, revision }: Resource,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({ status, body, headers: { ...etag(revision), ...headers } })

/** The body, which HTTP leaves optional and the route does not; its schema has been checked. */
export function bodyOf<T>({ body }: DialectRequest): Result<T, RequestError> {
  return body === undefined ? err({ kind: 'malformed', reason: 'a JSON body is needed' }) : ok(body as T)
}

/** Ids and names are short. */
export function identifier(
  { params }: DialectRequest,
  resource: ResourceKind,
  name = 'id',
): Result<string, RequestError> {
  const { [name]: id = '' } = params
  return id.length <= 255 ? ok(id) : err({ kind: 'not-found', resource, id })
}
