/** Routes of the native API: all answer 200 with what their handlers give. */
import type { JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { type Endpoint, routesSpelledBy } from '../route.ts'
import { problem } from './errors.ts'

type NativeEndpoint = Omit<Endpoint<RequestError>, 'success' | 'handle'> & {
  readonly handle: (request: DialectRequest) => Promise<Result<JsonValue, RequestError>>
}

/** With whole answers, which are streams or have headers of their own. */
export const answering = (endpoints: readonly Omit<Endpoint<RequestError>, 'success'>[]): readonly Route[] =>
  routesSpelledBy(problem)(endpoints.map((endpoint) => ({ ...endpoint, success: 200 })))

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

/** The body, which HTTP leaves optional and the route does not; its schema has been checked. */
export function bodyOf<T>({ body }: DialectRequest): Result<T, RequestError> {
  return body === undefined ? err({ kind: 'malformed', reason: 'a JSON body is needed' }) : ok(body as T)
}

/** Ids and names are short. */
export function identifier(
  { params }: DialectRequest,
  resource: 'server' | 'policy',
): Result<string, RequestError> {
  const { id = '' } = params
  return id.length <= 255 ? ok(id) : err({ kind: 'not-found', resource, id })
}
