/** Two accounts that have what the dialects' drivers say, with the credentials of every test service. */
import assert from 'node:assert/strict'
import {
  type AccountPart,
  type Call,
  parameterOf,
  type Values,
  type Whose,
} from '../../src/dialects/conformance.ts'
import { drivers } from '../../src/dialects/conformance-drivers.ts'
import type { Dialect, Route } from '../../src/dialects/dialect.ts'
import type { ServedDialect } from '../../src/dialects/dialects.ts'
import { credentials, dialects, secretKeys, type TestService } from './service.ts'

const roles = { own: 'right', foreign: 'foreign' } as const

/** The credential that an account's clients of this dialect send. */
const headersOf = (whose: Whose, { schemes }: Dialect): Record<string, string> =>
  (schemes.includes('bearer') ? credentials : secretKeys)[roles[whose]]

/** A client of an account, for one dialect. */
export const clientOf =
  (service: TestService, whose: Whose, dialect: Dialect): Call =>
  (method, path, body) =>
    service.call(method, path, body, headersOf(whose, dialect))

const accounts = {
  own: [
    { token: 'acme-token' },
    { token: 'acme-read', scopes: ['read'] },
    { username: 'acme', password: 'acme:password' },
    { accessKey: 'SCW0WN00000000000000', secretKey: secretKeys.right['x-auth-token'] },
    {
      ...{ accessKey: 'SCW0WN00000000000001', scopes: ['read'] },
      secretKey: secretKeys.readOnly['x-auth-token'],
    },
  ],
  foreign: [
    { token: 'other-token' },
    { username: 'foreign', password: 'other:password' },
    { accessKey: 'SCWF0RE1GN0000000000', secretKey: secretKeys.foreign['x-auth-token'] },
  ],
} as const satisfies Record<Whose, readonly object[]>

function account(whose: Whose) {
  const parts = Object.values(drivers).map(({ inventory }): AccountPart => inventory[whose])
  const all = (key: keyof AccountPart) => parts.flatMap((part) => part[key] ?? [])
  return {
    // Whose user is named, too.
    ...{ name: whose, credentials: accounts[whose] },
    ...{ projects: all('projects'), datacenters: all('datacenters'), servers: all('servers') },
  }
}

/** JSON is YAML. */
export const conformanceInventory = JSON.stringify({ accounts: [account('own'), account('foreign')] })

export type Filled = (profile: string, whose: Whose) => Values

/** Makes one of everything that a path or a body can name, in both accounts. */
export async function fillBoth(service: TestService): Promise<Filled> {
  const filled = new Map<string, Values>()
  // The native API last: its revisions are what the others wrote.
  for (const dialect of dialects.toReversed()) {
    for (const whose of ['own', 'foreign'] as const) {
      const values = await drivers[dialect.profile].fill(clientOf(service, whose, dialect), whose)
      filled.set(`${dialect.profile} ${whose}`, values)
    }
  }
  return (profile, whose) => {
    const values = filled.get(`${profile} ${whose}`)
    assert.ok(values)
    return values
  }
}

/** The parameters of a route, in order; `valueIn` answers what fills one in. */
export function parametersOf({ path }: Route) {
  const product = path.split('/', 2)[1] ?? ''
  return [...path.matchAll(/([\w-]*)\/:(\w+)/g)].map(([, before = '', name = '']) => ({
    ...{ before, name },
    valueIn(values: Values): string {
      const value = parameterOf(values, product, before, name)
      assert.ok(value, `the driver fills in nothing for ${before}/:${name} of ${path}`)
      return value
    },
  }))
}

/** The path of a route with a value for each parameter. */
export function pathWith({ path }: Route, values: readonly string[]): string {
  let index = 0
  return path.replace(/:\w+/g, () => values[index++] ?? '')
}

/** The body that a request of this route takes; undefined where it takes none. */
export const bodyOf = ({ profile }: ServedDialect, { method, operation }: Route) =>
  ['GET', 'DELETE'].includes(method) ? undefined : (drivers[profile].bodies[operation] ?? {})
