/** Catalogues: data that a file replaces section by section, checked before anything starts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { secretKeys, startService } from '../../test/support/service.ts'
import { configureCatalogues, providersOf } from './catalogue.ts'
import { catalogueExample, catalogueReference } from './catalogue-reference.ts'
import type { Dialects } from './dialect.ts'
import { dialects } from './dialects.ts'

const configured = (text: string) => {
  const done = configureCatalogues(dialects, text)
  assert.ok(done.ok, done.ok ? '' : done.error)
  return done.value
}

test('a section that a file gives replaces that section, and no other', async () => {
  const inventory = `
    accounts: [ { name: a, credentials: [ { token: acme-token }, { accessKey: SCW, secretKey: ${secretKeys.right['x-auth-token']} } ],
      servers: [ { profile: upcloud, name: u, zone: berlin-1, plan: large }, { profile: scaleway, name: s, zone: berlin-1, plan: S1 } ] } ]`
  const service = await startService({ inventory, catalogue: catalogueExample })
  try {
    const { call } = service
    const { body: zones } = await call('GET', '/1.3/zone')
    assert.deepEqual(zones.zones.zone, [
      { description: 'Berlin Mitte', id: 'berlin-1', public: 'yes' },
      { description: 'Berlin Adlershof', id: 'berlin-2', public: 'no' },
    ])
    const { body: plans } = await call('GET', '/1.3/plan')
    assert.deepEqual(
      plans.plans.plan.map(({ name }: { name: string }) => name),
      ['small', 'large'],
    )
    const { body: templates } = await call('GET', '/1.3/storage/template')
    assert.ok(templates.storages.storage.length >= 4)
    const server = { hostname: 'h', title: 't', zone: 'berlin-2' }
    const created = await call('POST', '/1.3/server', { server: { ...server, plan: 'large' } })
    assert.deepEqual([created.status, created.body.server.memory_amount], [202, '32768'])
    for (const wrong of [{ plan: '1xCPU-1GB' }, { zone: 'fi-hel1' }]) {
      assert.equal((await call('POST', '/1.3/server', { server: { ...server, ...wrong } })).status, 400)
    }
    const scaleway = (path: string) => call('GET', path, undefined, secretKeys.right)
    const types = await scaleway('/instance/v1/zones/berlin-1/products/servers')
    assert.deepEqual(Object.keys(types.body.servers), ['S1'])
    assert.equal(types.body.servers.S1.hourly_price, 0.01)
    assert.equal((await scaleway('/instance/v1/zones/fr-par-1/servers')).status, 404)
    const { body } = await scaleway('/marketplace/v2/local-images?image_label=debian_trixie&page_size=100')
    assert.deepEqual(
      body.local_images.map(({ zone, type, compatible_commercial_types }: Record<string, unknown>) => [
        ...[zone, type, compatible_commercial_types],
      ]),
      // A type without local storage has no local image.
      [['berlin-1', 'instance_sbs', ['S1']]],
    )
  } finally {
    await service.close()
  }
})

test('an inventory may name what the catalogue in force offers', () => {
  const offersOf = (of: Dialects) =>
    Object.fromEntries(providersOf(of).map(({ profile, offers }) => [profile, offers]))
  const { upcloud, scaleway, hostup } = offersOf(configured(catalogueExample))
  assert.deepEqual(upcloud, { zones: ['berlin-1', 'berlin-2'], plans: ['small', 'large'] })
  assert.deepEqual(scaleway, { zones: ['berlin-1'], plans: ['S1'] })
  assert.deepEqual(hostup, {})
  assert.ok(offersOf(dialects).upcloud?.zones?.includes('fi-hel1'))
})

test('a server keeps the plan that the catalogue no longer lists, and its size if it was ordered', async () => {
  const inventory =
    'accounts: [ { name: a, credentials: [ { token: acme-token } ], servers: [ { profile: upcloud, name: u, plan: 2xCPU-4GB } ] } ]'
  const service = await startService({ inventory })
  try {
    const [{ uuid }] = (await service.call('GET', '/1.3/server')).body.servers.server
    const order = { title: 'o', hostname: 'o', zone: 'fi-hel1', plan: '4xCPU-8GB' }
    const ordered = (await service.call('POST', '/1.3/server', { server: order })).body.server
    const plans = configured(catalogueExample).find(({ profile }) => profile === 'upcloud')
    const route = plans?.routes.find(({ operation }) => operation === 'getServer')
    const account = (await service.storage.accounts())[0]?.id ?? ''
    const [credential] = await service.storage.credentials(account)
    assert.ok(route && credential)
    const principal = { account, credential, scopes: new Set<never>() }
    const answered = async (uuid: string) => {
      const answer = await route.handler({
        ...{
          services: service.services,
          catalogue: plans?.catalogue?.value,
          dialect: 'upcloud',
          requestId: '',
        },
        ...{ principal, now: 0, headers: {}, baseUrl: '', path: '' },
        ...{ params: { uuid }, query: new URLSearchParams(), body: undefined },
      })
      return (answer.body as { server: Record<string, string> }).server
    }
    assert.equal((await answered(uuid)).plan, '2xCPU-4GB')
    const { plan, core_number, memory_amount } = await answered(ordered.uuid)
    assert.deepEqual([plan, core_number, memory_amount], ['4xCPU-8GB', '4', '8192'])
  } finally {
    await service.close()
  }
})

describe('a file that is wrong is refused with its place', () => {
  const plan = 'core_number: 1, memory_amount: 1, storage_size: 1, storage_tier: x, public_traffic_out: 0'
  const type = 'ncpus: 1, ram: 1, local_storage: 0, bandwidth: 1'
  const wrong: readonly [text: string, complaint: RegExp][] = [
    ['', /^the file: expected keys and values$/],
    ['[]', /^the file: expected keys and values$/],
    ['upcloud: {zones: [', /^line 1, column \d+: /],
    ['ovh: {}', /^the file: ovh is not known here; known are upcloud, ionos, scaleway$/],
    ['hostup: {}', /^the file: hostup is not known here/],
    ['upcloud:', /^upcloud: expected keys and values$/],
    ['upcloud: { zone: [] }', /^upcloud: zone is not known here; known are zones, plans, templates$/],
    ['upcloud: { zones: [] }', /^upcloud\.zones: expected a list of at least 1$/],
    ['upcloud: { zones: [ a ] }', /^upcloud\.zones\[0\]: expected keys and values$/],
    ['upcloud: { zones: [ { id: a } ] }', /^upcloud\.zones\[0\]\.description: expected text of 1 to 255/],
    [
      'upcloud: { zones: [ { id: a, description: a }, { id: a, description: b } ] }',
      /^upcloud\.zones\[1\]\.id: a is there twice, first at zones\[0\]\.id$/,
    ],
    [
      `upcloud: { plans: [ { name: a, ${plan.replace('core_number: 1', 'core_number: 1.5')} } ] }`,
      /^upcloud\.plans\[0\]\.core_number: expected a whole number from 1 to 1024$/,
    ],
    [
      `upcloud: { plans: [ { name: a, ${plan} }, { name: a, ${plan} } ] }`,
      /^upcloud\.plans\[1\]\.name: a is there twice/,
    ],
    [
      'upcloud: { templates: [ { uuid: X, title: a, size: 1, template_type: native } ] }',
      /^upcloud\.templates\[0\]\.uuid: expected a UUID in lower case$/,
    ],
    ['scaleway: { zones: [ a, a ] }', /^scaleway\.zones\[1\]: a is there twice/],
    ['scaleway: { types: {} }', /^scaleway\.types: expected keys and values, one or more$/],
    [
      `scaleway: { types: { A: { ${type} } } }`,
      /^scaleway\.types\.A\.hourly_price: expected a number from 0/,
    ],
    [`scaleway: { types: { A: { ${type}, hourly_price: -1 } } }`, /hourly_price: expected a number from 0/],
    [
      'scaleway: { images: [ { label: a, name: a }, { label: a, name: b } ] }',
      /^scaleway\.images\[1\]\.label: a is there twice/,
    ],
    [
      'ionos: { resourceLimits: { coresPerServer: many } }',
      /^ionos\.resourceLimits\.coresPerServer: expected/,
    ],
  ]
  for (const [text, complaint] of wrong) {
    test(text === '' ? 'an empty file' : text, () => {
      const done = configureCatalogues(dialects, text)
      assert.ok(!done.ok)
      assert.match(done.error, complaint)
    })
  }
})

test('docs/catalogue.md is what the schemas say: npm run docs', () => {
  assert.equal(readFileSync('docs/catalogue.md', 'utf8'), catalogueReference(dialects))
})
