/** scaleway-sdk-go: workflows, and what its decoder makes of every error of every route. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { scalewayDialect } from '../../src/dialects/scaleway/dialect.ts'
import { noGo, ownGoProgram } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { drive, environment } from './programs.ts'
import { output } from './run.ts'
import { account, foreign } from './service.ts'

export const goScaleway: Client = {
  name: 'scaleway-sdk-go',
  version: 'v1.39.0',
  drives:
    'groups, rules and servers: create, list by pages, get, update, replace, delete, waits; every error of every route through its decoder',
  obstacle: noGo,
  build: () => ownGoProgram(new URL('go', import.meta.url).pathname, 'scaleway'),
  async run(bench) {
    await drive(bench, bench.built, [])
    await bench.step('errors of every route', () => errors(bench))
  },
}

interface Question {
  readonly method: string
  readonly path: string
  readonly secretKey: string
  readonly body?: string
  readonly contentType?: string
}

interface Case {
  readonly ask: Question
  /** Of the SDK's error. */
  readonly type: RegExp
}

const notFound = /^\*scw\.ResourceNotFoundError$/
/** What is wrong with a body is told before or after what its path names is looked up. */
const refused = /^\*scw\.(InvalidArgumentsError|ResponseError|ResourceNotFoundError)$/
const denied = /^\*scw\.DeniedAuthenticationError$/
const forbidden = /^\*scw\.PermissionsDeniedError$/
/** Without a type of its own: the path is what is not there, and nothing that a client holds. */
const plain = /^\*scw\.ResponseError$/

/** Each route with what can be wrong with a request to it, whatever it is about. */
function casesOf(method: string, pattern: string, scope: string): readonly Case[] {
  const id = randomUUID()
  const path = (thing: string) =>
    pattern.replaceAll(/:(\w+)/g, (_, name) => (name === 'zone' ? 'fr-par-1' : thing))
  const own = { method, secretKey: account.secretKey }
  const writes = ['POST', 'PUT', 'PATCH'].includes(method)
  const json = { body: '{}', contentType: 'application/json' }
  const named = /:(?!zone)/.test(pattern)
  const body = writes ? json : {}
  return [
    { ask: { ...own, path: path(id), secretKey: randomUUID(), ...body }, type: denied },
    { ask: { ...own, path: path(id), secretKey: '', ...body }, type: denied },
    ...(scope === 'write'
      ? [{ ask: { ...own, path: path(id), secretKey: account.readOnlySecretKey, ...body }, type: forbidden }]
      : []),
    ...(pattern.includes(':zone')
      ? [
          {
            ask: { ...own, path: path(id).replace('fr-par-1', 'xx-nowhere-1'), ...body },
            type: notFound,
          },
        ]
      : []),
    ...(named && method !== 'POST' && !writes
      ? [
          { ask: { ...own, path: path(id) }, type: notFound },
          { ask: { ...own, path: path('nonsense') }, type: notFound },
          { ask: { ...own, path: path(foreign.instance) }, type: notFound },
        ]
      : []),
    ...(writes
      ? [
          { ask: { ...own, path: path(id), body: '{', contentType: 'application/json' }, type: refused },
          { ask: { ...own, path: path(id), body: '[]', contentType: 'application/json' }, type: refused },
        ]
      : []),
  ]
}

async function errors({ built, service }: Bench): Promise<void> {
  const cases: readonly Case[] = [
    ...scalewayDialect.routes.flatMap(({ method, path, scope }) => casesOf(method, path, scope)),
    ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
      [
        '/instance/v1/zones/fr-par-1/nothing',
        '/vpc/v2/regions/fr-par/vpcs',
        '/iam/v1alpha1/applications',
      ].map((path) => ({
        ask: { method, path, secretKey: account.secretKey },
        type: plain,
      })),
    ),
  ]
  const input = cases.map(({ ask }) => `${JSON.stringify(ask)}\n`).join('')
  const lines = (await output(built, ['errors'], { env: environment(service), input })).trim().split('\n')
  assert.equal(lines.length, cases.length)
  const wrong = cases.flatMap(({ ask, type }, index) => {
    const told = JSON.parse(lines[index] ?? '') as { type: string; error: string }
    return type.test(told.type) && told.error !== '' ? [] : [{ ...ask, ...told, expected: String(type) }]
  })
  assert.deepEqual(wrong, [])
}
