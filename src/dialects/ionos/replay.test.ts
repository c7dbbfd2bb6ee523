/** What IONOS's own service answered, answered again: the same calls in the same order, compared key by key. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startService } from '../../../test/support/service.ts'
import type { JsonObject } from '../../core/json.ts'
import { interfaceDefaults } from '../../core/model/interface.ts'
import type { Programs } from '../../storage/storage.ts'
import { modelRule } from './decode-rule.ts'
import { manifest } from './manifest.ts'
import type { RuleText } from './wire.ts'

interface Interaction {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly body?: unknown
  // biome-ignore lint/suspicious/noExplicitAny: recorded JSON
  readonly answer?: any
}
interface Recording {
  readonly source: string
  readonly interactions: readonly Interaction[]
}
const recorded = JSON.parse(
  readFileSync(new URL('testdata/recorded.json', import.meta.url), 'utf8'),
) as Recording[]

const base = 'https://api.ionos.com/cloudapi/v6'

/** Values that the service generates, and times. */
const generated = new Set([
  ...['etag', 'createdDate', 'createdBy', 'createdByUserId'],
  ...['lastModifiedDate', 'lastModifiedBy', 'lastModifiedByUserId', 'version', 'mac', 'ips', 'pciSlot'],
])
/** Of the contract's newer evidence, or what is not kept here: volumes, features, CPUs, load balancers' place in the order. */
const ours = new Set([
  'features',
  'cpuArchitecture',
  'volumes',
  'cdroms',
  'bootVolume',
  'bootCdrom',
  'hostname',
])

for (const { source, interactions } of recorded) {
  test(`replay of ${source}`, async () => {
    const service = await startService({ inventory })
    try {
      const ids = new Map<string, string>()
      for (const args of seeds(interactions)) {
        const done = await service.storage.run('changeZone', args, actor)
        assert.ok(done.ok, JSON.stringify(done))
      }
      const translate = (text: string) => [...ids].reduce((t, [theirs, id]) => t.replaceAll(theirs, id), text)
      for (const { method, path, status, body, answer, ...rest } of interactions) {
        const came = await service.call(method, translate(path), body)
        const what = `${method} ${path}`
        assert.equal(came.status, status, `${what}: ${came.text}`)
        const { location } = rest as { location?: string }
        if (location !== undefined) {
          const found = came.headers.get('location')
          const pattern = /\/requests\/([0-9a-f-]{36})\/status$/
          assert.ok(found?.startsWith(`${service.url}/cloudapi/v6/`), what)
          ids.set(pattern.exec(location)?.[1] ?? '', pattern.exec(found ?? '')?.[1] ?? '')
          assert.match(came.headers.get('etag') ?? '', /^[0-9a-f]{32}$/)
        }
        if (method === 'POST') ids.set(answer.id, came.body.id)
        if (answer === undefined || answer === null || answer === '') assert.equal(came.text, '', what)
        else {
          const theirs = JSON.parse(
            translate(JSON.stringify(answer)).replaceAll(base, `${service.url}/cloudapi/v6`),
          )
          compare(theirs, came.body, what)
        }
      }
      assert.ok(interactions.length > 0)
    } finally {
      await service.close()
    }
  })
}

function nestedTargets(theirs: unknown[], came: readonly unknown[]): unknown[] {
  const typeOf = (target: unknown) => (target as { target: { type: string } }).target.type
  assert.deepEqual(came.map(typeOf), theirs.map(typeOf))
  return [theirs[0], ...came.slice(1)]
}

/** Everything recorded is there and the same, unless it is generated. Lists are compared by what is in both. */
function compare(theirs: unknown, came: unknown, at: string): void {
  if (Array.isArray(theirs)) {
    assert.ok(Array.isArray(came), at)
    const list = came as { id?: string }[]
    // What is nested has ids that were never told before.
    const wanted: unknown[] = at.endsWith('metadata.targets') ? nestedTargets(theirs, list) : theirs
    for (const each of wanted as { id?: string; target?: unknown }[]) {
      if (each.id === undefined) compare(each, list[wanted.indexOf(each)], `${at}[]`)
      else {
        const found = list.find((other) => other.id === each.id)
        assert.ok(found, `${at}: ${each.id} is not there`)
        compare(each, found, `${at}[${each.id}]`)
      }
    }
    assert.equal(list.length, wanted.length, at)
  } else if (theirs !== null && typeof theirs === 'object') {
    assert.ok(came !== null && typeof came === 'object', at)
    for (const [name, value] of Object.entries(theirs)) {
      if (ours.has(name)) continue
      // Somebody else was at work on the recorded contract.
      if (name === 'state' && value === 'BUSY' && at.startsWith('GET')) continue
      const own: unknown = (came as Record<string, unknown>)[name]
      if (name === 'deviceNumber') assert.equal(own, null)
      else if (generated.has(name)) assert.equal(typeof own, typeof value, `${at}.${name}`)
      else compare(value, own, `${at}.${name}`)
    }
  } else assert.equal(came, theirs, at)
}

const account = '00000000-0000-4000-8000-00000000acc0'
const inventory = `accounts: [ { name: acme, id: ${account}, credentials: [ { token: acme-token } ] } ]`
const actor = { account, actor: 'recording', dialect: 'ionos', requestId: '', at: 1 } as const
const meta = {
  ...{ createdAt: 1, createdBy: 'x', createdByUserId: account },
  ...{ modifiedAt: 1, modifiedBy: 'x', modifiedByUserId: account },
}

/** What must have been there before the first call: all that is told of, and that no call made. */
function seeds(interactions: readonly Interaction[]): Programs['changeZone']['args'][] {
  const made = new Set(interactions.flatMap(({ method, answer }) => (method === 'POST' ? [answer.id] : [])))
  const properties = new Map<string, JsonObject>()
  const notePath = (text: string) => {
    const parts =
      text
        .replace(base, '')
        .replace(/^\/cloudapi\/v6/, '')
        .split('?', 1)[0]
        ?.split('/')
        .slice(1) ?? []
    for (let length = 2; length <= parts.length; length += 2) {
      const path = parts.slice(0, length).join('/')
      if (!properties.has(path)) properties.set(path, {})
    }
    return parts.join('/')
  }
  const note = (value: unknown): void => {
    if (Array.isArray(value)) {
      value.forEach(note)
      return
    }
    if (value === null || typeof value !== 'object') return
    const { href, properties: own } = value as { href?: string; properties?: JsonObject }
    if (href?.includes('/datacenters/') && own) {
      const path = notePath(href)
      if (Object.keys(properties.get(path) ?? {}).length === 0) properties.set(path, own)
    }
    Object.values(value).forEach(note)
  }
  for (const { path, answer } of interactions) {
    if (path.includes('/datacenters/')) notePath(path)
    note(answer)
  }
  const all = [...properties].map(([path, own]) => ({ parts: path.split('/'), own }))
  const under = (zone: string, kind: string) =>
    all.filter(
      ({ parts }) => parts[1] === zone && parts.at(-2) === kind && !parts.some((part) => made.has(part)),
    )
  const zones = all.filter(({ parts }) => parts.length === 2)
  return zones.map(({ parts: [, zone = ''], own }) => {
    const document = (kind: string, id: string, body: JsonObject) => ({
      ...({ account, profile: 'ionos', kind, id } as const),
      body: { ...body, meta },
    })
    const rules = under(zone, 'firewallrules')
    const { zoneKind, interfacePolicies } = manifest
    return {
      ...({ account, profile: 'ionos', zone, zoneKind, interfacePolicies, ifRevision: 0 } as const),
      documents: {
        put: [
          document('datacenter', zone, own),
          ...under(zone, 'lans').map((lan) => document('lan', `${zone}/${lan.parts[3]}`, lan.own)),
        ],
      },
      servers: {
        put: under(zone, 'servers').map(({ parts, own: { name, ...attributes } }) => ({
          ...({
            id: parts[3] ?? '',
            account,
            profile: 'ionos',
            name: String(name ?? ''),
            number: null,
            zone,
          } as const),
          ...{ state: 'started', nextState: null, nextStateAt: null, createdAt: 1 },
          attributes: { ...attributes, meta },
        })),
      },
      interfaces: {
        put: under(zone, 'nics').map(({ parts, own: attributes }, index) => ({
          ...{ id: parts[5] ?? '', server: parts[3] ?? '', index: index + 1, mac: '02:01:00:00:00:01' },
          ...({ ...interfaceDefaults, addresses: [], type: 'private' } as const),
          attributes: { ...attributes, meta },
        })),
      },
      rules: under(zone, 'nics').map(({ parts: [, , , , , nic = ''] }) => {
        const own = rules.filter(({ parts }) => parts[5] === nic)
        const unset = Object.fromEntries(
          ['sourceMac', 'ipVersion', 'sourceIp', 'targetIp', 'icmpCode', 'icmpType', 'portRangeStart'].map(
            (name) => [name, null],
          ),
        )
        const texts = own.map((rule) => ({ protocol: 'TCP', ...unset, ...rule.own }) as unknown as RuleText)
        return {
          policy: nic,
          rules: texts.map((text) => modelRule(text, meta)),
          ids: own.map(({ parts }) => parts[7] ?? ''),
        }
      }),
      event: { operation: 'seed', resource: 'document', id: zone, before: null, after: null },
    }
  })
}
