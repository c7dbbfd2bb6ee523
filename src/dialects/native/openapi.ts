/** The OpenAPI 3.1 document, made from the route table and the schemas that check requests. */
import type { TSchema } from 'typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Route } from '../dialect.ts'
import { Problem } from './schemas.ts'

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
        'What a packet meets and what packets have met, what is in force where, and who changed what.',
    },
    security: [{ bearer: [] }, { basic: [] }, { apiKey: [] }, { secretKey: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        secretKey: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
      },
      schemas: { Problem: plain(Problem) },
    },
  }
}

function operation({ operation, summary, schema, path, scope }: Route): JsonObject {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const query = (schema?.query as { properties?: Record<string, TSchema> } | undefined)?.properties ?? {}
  const inQuery = Object.entries(query).map(([name, type]) => ({ name, in: 'query', schema: plain(type) }))
  const inHeaders = schema?.events
    ? [
        {
          ...{ name: 'Last-Event-ID', in: 'header', schema: { type: 'string' } },
          description:
            'Of a stream of events: the id of the last one that was received; those after it come first',
        },
      ]
    : []
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return {
    operationId: operation,
    summary,
    ...(scope === 'none' && { security: [] }),
    parameters: [...inPath, ...inQuery, ...inHeaders],
    ...(schema?.body && {
      requestBody: { required: true, content: { 'application/json': { schema: plain(schema.body) } } },
    }),
    responses: {
      200: {
        description: 'Done',
        content: {
          'application/json': { schema: schema?.answer ? plain(schema.answer) : {} },
          ...(schema?.events && { 'text/event-stream': { schema: eventStream(schema.events) } }),
        },
      },
      default: { description: 'Not done, and why', content: problem },
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
