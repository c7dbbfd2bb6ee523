/** Two accounts that have what the dialects' drivers say, with the credentials of every test service. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type Call,
  cases,
  type Driver,
  gapsOf,
  parameterOf,
  skippedBy,
  type Values,
  type Whose,
} from '../../src/dialects/conformance.ts'
import { drivers } from '../../src/dialects/conformance-drivers.ts'
import type { Dialect, Route } from '../../src/dialects/dialect.ts'
import type { ServedDialect } from '../../src/dialects/dialects.ts'
import { credentials, dialects, secretKeys, type startService, type TestService } from './service.ts'
import { assertSound } from './whole.ts'

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

function account(whose: Whose, of: Drivers) {
  const parts = Object.values(of).map(({ inventory }) => inventory[whose])
  const keys = new Set(parts.flatMap((part) => Object.keys(part)))
  const lists = [...keys].map((key) => [key, parts.flatMap((part) => part[key] ?? [])])
  // Whose user is named, too.
  return { name: whose, credentials: accounts[whose], ...Object.fromEntries(lists) }
}

type Drivers = Readonly<Record<string, Driver>>

/** JSON is YAML. */
export const inventoryOf = (of: Drivers): string =>
  JSON.stringify({ accounts: [account('own', of), account('foreign', of)] })
export const conformanceInventory = inventoryOf(drivers)

/** The same, with a host and a device for each interface that is listed. */
export function placedInventory(host: string, device: string): string {
  let number = 0
  // An account has an address once, and both may be put in one.
  const taken = new Set<string>()
  const placed = ({ servers = [], ...rest }: Part) => ({
    ...rest,
    servers: servers.map(({ interfaces = [], ...server }) => ({
      ...server,
      interfaces: interfaces.map(({ addresses = [], ...nic }) => ({
        ...{ ...nic, host, device: `${device}${++number}` },
        addresses: addresses.filter((each) => taken.size < taken.add(each).size),
      })),
    })),
  })
  return JSON.stringify({ accounts: [placed(account('own', drivers)), placed(account('foreign', drivers))] })
}
interface Part {
  readonly servers?: readonly {
    readonly interfaces?: readonly { readonly addresses?: readonly string[] }[]
  }[]
}

/** Both in one account, with the credentials of the first. */
export const oneAccountInventory: string = JSON.stringify({
  accounts: [merged('own', JSON.parse(placedInventory('kvm1', 'tap')).accounts, accounts.own)],
})

function merged(name: string, parts: readonly object[], credentials: readonly object[]) {
  const keys = new Set(parts.flatMap((part) => Object.keys(part)))
  const lists = [...keys].map((key) => [
    key,
    parts.flatMap((part) => (part as Readonly<Record<string, unknown[]>>)[key] ?? []),
  ])
  return { ...Object.fromEntries(lists), name, credentials }
}

export type Filled = (profile: string, whose: Whose) => Values

/** Makes one of everything that a path or a body can name, in both accounts; or twice in the account of `as`. */
export async function fillBoth(service: TestService, as?: Whose): Promise<Filled> {
  const filled = new Map<string, Values>()
  // The native API last: its revisions are what the others wrote.
  for (const dialect of dialects.toReversed()) {
    for (const whose of ['own', 'foreign'] as const) {
      const values = await drivers[dialect.profile].fill(clientOf(service, as ?? whose, dialect), whose)
      filled.set(`${dialect.profile} ${whose}`, values)
    }
  }
  return (profile, whose) => {
    const values = filled.get(`${profile} ${whose}`)
    assert.ok(values)
    return values
  }
}

/** The parameters of a route, in order; `key` names one in a driver's `told`, `valueIn` answers what fills it in. */
export function parametersOf({ path }: Route) {
  const product = path.split('/', 2)[1] ?? ''
  return [...path.matchAll(/([\w-]*)\/:(\w+)/g)].map(([, before = '', name = '']) => ({
    ...{ before, name, key: `${before}/${name}` },
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

/** That a driver leaves out a step only for a reason of its gaps.ts, and that every such reason leaves one out. */
export function assertReasons(driver: Driver): void {
  assert.deepEqual(new Set(gapsOf(driver)), new Set(Object.values(driver.missing)), driver.title)
  for (const { gap } of Object.values(driver.told ?? {})) assert.ok(driver.gaps.includes(gap), gap.what)
}

/** The cases of every list of each of these dialects, on one service that serves them all. */
export function runCases<D extends Dialect>(
  start: typeof startService,
  served: readonly [D, ...D[]],
  of: Drivers,
  tested: readonly Dialect[] = served,
): void {
  let service: TestService
  before(async () => {
    service = await start({ dialects: served, inventory: inventoryOf(of) })
  })
  after(async () => {
    await assertSound(service.place).finally(() => service.close())
  })

  const revision = () => service.storage.revision()
  /** By the installation's quota: the other account has no part in what is tested. */
  async function allowRules(more: number | null): Promise<void> {
    const own = (await service.storage.accounts()).find(({ name }) => name === 'own')
    assert.ok(own)
    const { used } = await service.storage.usage(own.id)
    const quotas = more === null ? {} : { rules: used.rules + more }
    const by = { account: '', actor: 'test', dialect: 'system', requestId: '', at: Date.now() } as const
    assert.ok((await service.storage.run('setDefaultQuotas', { quotas }, by)).ok)
  }
  for (const dialect of tested) {
    const { profile } = dialect
    const driver = of[profile]
    assert.ok(driver, profile)
    for (const list of driver.lists) {
      describe(`${profile}, ${list.name}`, () => {
        for (const each of cases) {
          // What the dialect's API does not have is on the page; a skipped test is one that another machine runs.
          if (skippedBy(list, each)) continue
          test(each.name, () =>
            each.run({ list, call: clientOf(service, 'own', dialect), revision, allowRules }),
          )
        }
      })
    }
  }
}
