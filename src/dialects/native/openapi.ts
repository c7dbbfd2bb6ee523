/** The OpenAPI 3.1 document, made from the route table and the schemas that check requests. */
import type { TSchema } from 'typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Route } from '../dialect.ts'
import { Problem } from './schemas.ts'

/** What a route may be called with and answers beside its body, by the names that components have. */
const parameters = {
  IfMatch: {
    ...{ name: 'If-Match', in: 'header', schema: { type: 'string', examples: ['"17"'] } },
    description: 'Do it only if the resource still has this entity tag; without it whatever it is now',
  },
  IdempotencyKey: {
    ...{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', minLength: 1, maxLength: 255 } },
    description:
      'Chosen by the caller, a UUID for one: the same request sent again within 24 hours is answered the same, and done once',
  },
  LastEventId: {
    ...{ name: 'Last-Event-ID', in: 'header', schema: { type: 'string' } },
    description: 'Of a stream of events: the id of the last one that was received; those after it come first',
  },
  OnBehalfOf: {
    ...{ name: 'On-Behalf-Of', in: 'header', schema: { type: 'string' } },
    description: 'Only of operators: id or name of the account to act in',
  },
} as const satisfies Record<string, JsonObject>

const headers = {
  ETag: { schema: { type: 'string' }, description: 'The revision of the resource, for `If-Match`' },
  Location: { schema: { type: 'string' }, description: 'Where what was made is found' },
  IdempotentReplayed: {
    schema: { type: 'string', const: 'true' },
    description: 'The request had been done already',
  },
} as const satisfies Record<string, JsonObject>

const responses = {
  Problem: {
    description: 'Not done, and why (RFC 9457)',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  },
} as const satisfies Record<string, JsonObject>

const parameter = (name: keyof typeof parameters) => ({ $ref: `#/components/parameters/${name}` })
const header = (name: keyof typeof headers) => ({ $ref: `#/components/headers/${name}` })

export function openapi(routes: readonly Route[]): JsonObject {
  const paths: Record<string, Record<string, JsonValue>> = {}
  for (const route of routes) {
    const path = `/v1${route.path.replace(/:(\w+)/g, '{$1}')}`
    paths[path] ??= {}
    ;(paths[path] as Record<string, JsonValue>)[route.method.toLowerCase()] = operation(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portcullis native API',
      version: '1',
      description:
        'Everything that is managed: accounts, credentials, servers, policies and where they are in force; what a packet meets and what packets have met; and who changed what.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The service that answers this document' }],
    security: [{ bearer: [] }, { basic: [] }, { apiKey: [] }, { secretKey: [] }],
    tags: [...new Set(routes.map(tagOf))].sort().map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        secretKey: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
      },
      ...{ parameters, headers, responses },
      schemas: { Problem: plain(Problem) },
    },
  }
}

const tagOf = ({ path }: Route): string => path.split('/')[1] ?? ''

/** Who may call it. */
const callers = {
  none: 'Nobody is asked who calls.',
  any: 'With any credential.',
  read: 'With a credential that may read.',
  write: 'With a credential that may write.',
  operator: 'Only for operators.',
} as const satisfies Record<Route['scope'], string>

function operation(route: Route): JsonObject {
  const { operation, summary, schema, path, scope, method, success, operators, rawBody } = route
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true },
    schema: { type: 'string' },
  }))
  const query = (schema?.query as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {}
  const inQuery = Object.entries(query).map(([name, type]) => ({ name, in: 'query', schema: plain(type) }))
  const inHeaders = [
    ...(schema?.events ? [parameter('LastEventId')] : []),
    ...(schema?.entity && !schema.once && method !== 'GET' ? [parameter('IfMatch')] : []),
    ...(schema?.once ? [parameter('IdempotencyKey')] : []),
    ...(scope === 'read' || scope === 'write' ? [parameter('OnBehalfOf')] : []),
  ]
  const overAll =
    operators === undefined ? '' : ' Operators that act in no account are answered over all of them.'
  return {
    operationId: operation,
    summary,
    description: `${callers[scope]}${overAll}`,
    tags: [tagOf(route)],
    ...(scope === 'none' && { security: [] }),
    parameters: [...inPath, ...inQuery, ...inHeaders],
    ...(schema?.body && {
      requestBody: { required: true, content: { 'application/json': { schema: plain(schema.body) } } },
    }),
    ...(rawBody && {
      requestBody: {
        required: true,
        content: { 'application/yaml': { schema: { type: 'string' } }, 'application/json': {} },
      },
    }),
    responses: {
      ...Object.fromEntries(success.map((status) => [status, done(status, schema)])),
      '4XX': { $ref: '#/components/responses/Problem' },
      '5XX': { $ref: '#/components/responses/Problem' },
    },
  }
}

function done(status: number, schema: Route['schema']): JsonObject {
  if (status === 204) return { description: 'Done' }
  return {
    description: 'Done',
    ...(schema?.entity && {
      headers: {
        ETag: header('ETag'),
        ...(schema.once && {
          Location: header('Location'),
          'Idempotent-Replayed': header('IdempotentReplayed'),
        }),
      },
    }),
    content: {
      'application/json': { schema: schema?.answer ? plain(schema.answer) : {} },
      ...(schema?.events && { 'text/event-stream': { schema: eventStream(schema.events) } }),
    },
  }
}

/** OpenAPI 3.1 has no words for single events. */
function eventStream(events: Readonly<Record<string, string>>): JsonObject {
  const each = Object.entries(events).map(([name, what]) => `\`${name}\`: ${what}.`)
  const description = ['Server-sent events, with JSON as their data.', ...each].join(' ')
  return { type: 'string', description }
}

/** Without the library's own marks. */
const plain = (schema: TSchema): JsonValue => JSON.parse(JSON.stringify(schema)) as JsonValue
