/**
 * Every error of every route, read as scaleway-sdk-go reads errors (scw/errors.go, August 2026): scw and Terraform are built
 * on it, and what it cannot read ends them. The real SDK runs in test/clients.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { secretKeys, startService, type TestService } from '../../../test/support/service.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Answer, Method, Route } from '../dialect.ts'
import { scalewayDialect } from './dialect.ts'
import { errorAnswer } from './errors.ts'

type Form = 'text' | 'number' | { readonly [key: string]: Form } | readonly [Form]

/** What the SDK unmarshals an error of each type into: a value of another form is an error in the error. */
const types: Readonly<Record<string, Form>> = {
  invalid_arguments: { details: [{ argument_name: 'text', reason: 'text', help_message: 'text' }] },
  quotas_exceeded: { details: [{ resource: 'text', quota: 'number', current: 'number' }] },
  transient_state: { resource: 'text', resource_id: 'text', current_state: 'text' },
  not_found: { resource: 'text', resource_id: 'text' },
  locked: { resource: 'text', resource_id: 'text' },
  permissions_denied: { details: [{ resource: 'text', action: 'text' }] },
  out_of_stock: { resource: 'text' },
  resource_expired: { resource: 'text', resource_id: 'text', expired_since: 'text' },
  denied_authentication: { method: 'text', reason: 'text' },
  precondition_failed: { precondition: 'text', help_message: 'text' },
}
const reasons = ['unknown', 'required', 'format', 'constraint']
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function fits(value: unknown, form: Form): boolean {
  if (value === undefined || value === null) return true
  if (form === 'text') return typeof value === 'string'
  if (form === 'number') return Number.isInteger(value) && (value as number) >= 0
  if (Array.isArray(form)) return Array.isArray(value) && value.every((each) => fits(each, form[0] as Form))
  return (
    typeof value === 'object' &&
    Object.entries(form).every(([key, each]) => fits((value as Record<string, unknown>)[key], each))
  )
}

/** What its caller gets: an error of that type, one with a message, one with the status alone, none it can read, a crash. */
type Read = { readonly as: string; readonly message?: string }

function read(contentType: string, text: string): Read {
  if (!contentType.startsWith('application/json')) return { as: 'status' }
  let body: Record<string, unknown>
  try {
    body = JSON.parse(text)
  } catch {
    return { as: 'unreadable' }
  }
  if (!fits(body, { message: 'text', type: 'text', resource: 'text' })) return { as: 'unreadable' }
  const { type = '', message = '' } = body as { type?: string; message?: string }
  // The id stands in quotation marks: without one it answers a nil pointer as an error.
  if (type === 'unknown_resource') {
    const double = message.split('"')
    const parts = double.length === 1 ? message.split("'") : double
    const id = parts.length === 2 ? parts[0] : parts.length === 3 ? parts[1] : undefined
    return { as: id !== undefined && uuid.test(id) ? 'not_found' : 'crash' }
  }
  const form = types[type]
  if (form) return { as: fits(body, form) ? type : 'unreadable', message }
  return { as: 'message', message }
}

test('the reader is right about what ended scw and Terraform', () => {
  const json = (body: object) => read('application/json', JSON.stringify(body)).as
  const id = '11111111-2222-4333-8444-555555555555'
  assert.equal(json({ type: 'unknown_resource', message: 'Not found' }), 'crash')
  assert.equal(json({ type: 'unknown_resource', message: `Volume "${id}" not found` }), 'not_found')
  assert.equal(json({ type: 'unknown_resource', message: `'${id}' and '${id}'` }), 'crash')
  assert.equal(json({ message: 'Not found' }), 'message')
  assert.equal(json({ type: 'quotas_exceeded', details: [{ quota: -1 }] }), 'unreadable')
  assert.equal(json({ type: 'not_found', resource: 5 }), 'unreadable')
  assert.equal(read('text/plain', 'x').as, 'status')
  assert.equal(read('application/json', '<html>').as, 'unreadable')
})

const nobody = '00000000-0000-4000-8000-00000000dead'
const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const pathOf = ({ path }: Route) =>
  path.replace(/:(\w+)/g, (_, name: string) => (name === 'zone' ? 'fr-par-1' : nobody))
const wrong = {
  name: 5,
  tags: 5,
  action: 5,
  rules: 5,
  size: 'x',
  protocol: 'X',
  project: 5,
  volumes: 5,
  volume_id: 5,
}

let service: TestService
before(async () => {
  service = await startService()
})
after(() => service?.close())

for (const route of scalewayDialect.routes) {
  test(`${route.method} ${route.path}`, async () => {
    const path = pathOf(route)
    const json = { ...secretKeys.right, 'content-type': 'application/json' }
    const send = (method: string, at: string, body: string | undefined, headers: Record<string, string>) =>
      service.raw(method, at, body as string, headers)
    const takesBody = ['POST', 'PUT', 'PATCH'].includes(route.method)
    const served = scalewayDialect.routes.filter((each) => pathOf(each) === path).map((each) => each.method)
    const answers = [
      await send(route.method, path, undefined, secretKeys.none),
      await send(route.method, path, undefined, secretKeys.wrong),
      await send(route.method, path, undefined, secretKeys.right),
      await send(route.method, `${path}/nothing/below`, undefined, secretKeys.right),
      await send(route.method, path.replace('fr-par-1', 'xx-yyy-1'), undefined, secretKeys.right),
      await send(
        route.method,
        `${path}?page=x&per_page=0&page_size=-1&order_by=x&order=x`,
        undefined,
        secretKeys.right,
      ),
      ...(route.scope === 'write' ? [await send(route.method, path, undefined, secretKeys.readOnly)] : []),
      ...(takesBody
        ? [
            await send(route.method, path, '{broken', json),
            await send(route.method, path, JSON.stringify(wrong), json),
            await send(route.method, path, '[]', json),
            await send(route.method, path, '{}', { ...json, 'content-type': 'text/plain' }),
            await send(route.method, path, JSON.stringify({ a: 'x'.repeat(2_200_000) }), json),
          ]
        : []),
      ...(await Promise.all(
        methods
          .filter((each) => !served.includes(each))
          .map((each) => send(each, path, undefined, secretKeys.right)),
      )),
    ].filter(({ status }) => status >= 300)
    assert.ok(answers.length >= 4)
    for (const { status, headers, text } of answers) {
      const what = `${status} ${text.slice(0, 300)}`
      assert.ok(status >= 400 && status < 500, what)
      const seen = read(headers.get('content-type') ?? '', text)
      if (seen.as === 'status') {
        // The one answer that is no JSON: a key of user data that is not there.
        assert.ok(path.includes('/user_data/') && status === 404 && text === '', what)
        continue
      }
      check(seen, JSON.parse(text), what)
    }
  })
}

function check(seen: Read, body: { type?: string; details?: { reason?: string }[] }, what: string): void {
  assert.ok(!['crash', 'unreadable'].includes(seen.as), what)
  assert.ok(seen.message, what)
  assert.notEqual(body.type, 'unknown_resource', what)
  if (body.type === 'invalid_arguments') {
    assert.ok(body.details?.length, what)
    for (const { reason = '' } of body.details ?? []) assert.ok(reasons.includes(reason), what)
  }
}

/** One of each kind: the compiler knows when one is missing. */
const kinds: { readonly [K in RequestError['kind']]: Extract<RequestError, { kind: K }> } = {
  unauthenticated: { kind: 'unauthenticated' },
  'too-many-requests': { kind: 'too-many-requests', retryAfter: 2 },
  forbidden: { kind: 'forbidden' },
  'not-found': { kind: 'not-found', resource: 'server', id: nobody },
  'method-not-allowed': { kind: 'method-not-allowed', allowed: ['GET'] },
  protocol: { kind: 'protocol', status: 431, reason: 'x' },
  malformed: { kind: 'malformed', reason: 'x' },
  'unsupported-media-type': { kind: 'unsupported-media-type', mediaType: 'x' },
  'too-large': { kind: 'too-large', limit: 5 },
  invalid: { kind: 'invalid', field: 'x', reason: 'y' },
  conflict: { kind: 'conflict', resource: 'document', reason: 'x' },
  'limit-reached': { kind: 'limit-reached', resource: 'rule', limit: 5 },
  'pool-empty': { kind: 'pool-empty', pool: 'public-ipv4', left: 0 },
  unavailable: { kind: 'unavailable', cause: null },
  internal: { kind: 'internal', cause: null },
}

for (const [kind, error] of Object.entries(kinds)) {
  test(`an error of kind ${kind}`, () => {
    const { body = null }: Answer = errorAnswer(error, { headers: {}, method: 'GET' })
    const text = JSON.stringify(body)
    check(read('application/json', text), JSON.parse(text), text)
  })
}
