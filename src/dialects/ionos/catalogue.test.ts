/** What the catalogue offers, looked through as Terraform does it: it reads the whole list and chooses by itself. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startService, type TestService } from '../../../test/support/service.ts'
import { configureCatalogues } from '../catalogue.ts'
import { catalogue } from './catalogue.ts'
import { ionosDialect } from './dialect.ts'

interface Item {
  readonly id: string
  readonly href: string
  // biome-ignore lint/suspicious/noExplicitAny: a test picks from whatever came
  readonly properties: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly metadata: any
}

const base = '/cloudapi/v6'
let service: TestService
before(async () => {
  service = await startService({})
})
after(() => service?.close())

async function all(name: string, query = ''): Promise<readonly Item[]> {
  const { status, body, text } = await service.call('GET', `${base}/${name}?depth=1&${query}`)
  assert.equal(status, 200, text)
  assert.equal(body.id, name)
  return body.items
}

/** What `image_name` of a server comes to: an image's id, an alias, or what is wrong. */
async function chosen(text: string, location: string): Promise<string> {
  const { body } = await service.call('GET', `${base}/locations/${location}`)
  const where = new Set([location, body.properties.metroRegion])
  const images = (await all('images')).filter(({ properties }) => where.has(properties.location))
  const lower = text.toLowerCase()
  const named =
    images.find(({ id, properties }) => id === text || properties.name.toLowerCase() === lower) ??
    images.find(
      ({ properties }) => properties.imageType === 'HDD' && properties.name.toLowerCase().includes(lower),
    )
  if (named) return named.properties.imageType === 'HDD' ? named.id : `${named.properties.name} is a CDROM`
  assert.deepEqual(await all('snapshots'), [])
  const aliased = images.flatMap(({ properties }) => properties.imageAliases as string[])
  return aliased.find((alias) => alias.toLowerCase() === lower) ?? 'none'
}

const computeLocations = ['us/las', 'de/txl', 'de/fra', 'es/vit', 'gb/lhr']

test('locations: those that clients name, each with its CPUs and aliases, without metadata', async () => {
  const locations = await all('locations')
  const ids = locations.map(({ id }) => id)
  for (const id of [...computeLocations, 'us/ewr', 'us/mci', 'de/fra/2', 'gb/bhx', 'fr/par'])
    assert.ok(ids.includes(id), id)
  const images = await all('images')
  for (const { id, href, properties, metadata } of locations) {
    assert.equal(href, `${service.url}${base}/locations/${id}`)
    assert.equal(metadata, undefined)
    assert.equal(properties.metroRegion, id)
    for (const { cpuFamily, vendor, maxCores, maxRam } of properties.cpuArchitecture)
      assert.deepEqual(
        [typeof cpuFamily, typeof vendor, maxCores > 0, maxRam > 0],
        ['string', 'string', true, true],
      )
    const here = images.filter((image) => image.properties.location === id)
    assert.deepEqual(
      properties.imageAliases,
      here.flatMap((image) => image.properties.imageAliases),
    )
    for (const spelled of new Set([id, id.replace(/^(\w+\/\w+)\/(\w+)$/, '$1%2F$2')])) {
      const { status, body } = await service.call('GET', `${base}/locations/${spelled}`)
      assert.deepEqual([status, body.id], [200, id], spelled)
    }
  }
  const ofRegion = (await service.call('GET', `${base}/locations/de?depth=1`)).body
  assert.deepEqual(
    ofRegion.items.map(({ id }: Item) => id),
    ids.filter((id) => id.startsWith('de/')),
  )
  for (const path of ['xx/yy', 'xx', 'de/fra/3', 'de/fra/2/1', 'de%2Ffra', 'de/%00'])
    assert.equal((await service.call('GET', `${base}/locations/${path}`)).status, 404, path)
  // As Terraform asks for a location with a feature.
  const frankfurt = (await all('locations', 'filter.features=SSD')).filter(
    (each) => each.properties.name === 'frankfurt',
  )
  assert.deepEqual(
    frankfurt.map(({ id }) => id),
    ['de/fra'],
  )
  assert.deepEqual(await all('locations', 'filter.features=wrong_feature'), [])
})

test('images: nineteen properties and more, found by id', async () => {
  for (const image of await all('images')) {
    const { properties, metadata, id } = image
    const names = [
      ...[
        'name',
        'description',
        'location',
        'size',
        'cpuHotPlug',
        'cpuHotUnplug',
        'ramHotPlug',
        'ramHotUnplug',
      ],
      ...['nicHotPlug', 'nicHotUnplug', 'discVirtioHotPlug', 'discVirtioHotUnplug', 'discScsiHotPlug'],
      ...['discScsiHotUnplug', 'licenceType', 'imageType', 'imageAliases', 'cloudInit', 'public'],
      ...['exposeSerial', 'requireLegacyBios', 'applicationType', 'requiredFeatures'],
    ]
    assert.deepEqual(Object.keys(properties).toSorted(), names.toSorted())
    assert.deepEqual([metadata.createdBy, metadata.lastModifiedByUserId], ['System', 'System'])
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    if (properties.location === 'us/las') {
      const { status, body } = await service.call('GET', `${base}/images/${id}?depth=1`)
      assert.deepEqual([status, body], [200, image])
    }
  }
  const unknown = await service.call('GET', `${base}/images/6f1f5a3e-0c35-4d0f-8e0b-6f2f1c1d0a01`)
  assert.deepEqual([unknown.status, unknown.body.messages[0].errorCode], [404, '309'])
})

test('ids of images are the same after a restart', async () => {
  const ids = async () => (await all('images')).map(({ id }) => id)
  const before = await ids()
  assert.equal(new Set(before).size, before.length)
  await service.close()
  service = await startService({})
  assert.deepEqual(await ids(), before)
})

test('Terraform finds what its tests name, in every location (IO1)', async () => {
  const images = await all('images')
  for (const { id: location } of await all('locations')) {
    for (const alias of ['ubuntu:latest', 'debian:latest', 'ubuntu:24.04', 'ubuntu:22.04', 'ubuntu:20.04']) {
      assert.equal(await chosen(alias, location), alias, location)
      assert.equal(await chosen(alias.toUpperCase(), location), alias, location)
      const holders = images.filter(
        ({ properties }) => properties.location === location && properties.imageAliases.includes(alias),
      )
      assert.deepEqual(
        holders.map(({ properties }) => [properties.imageType, properties.cloudInit]),
        [['HDD', 'V1']],
      )
    }
    assert.equal(await chosen('no such image', location), 'none')
    assert.match(await chosen('debian', location), /^[0-9a-f-]{36}$/)
  }
  const iso = await chosen('Ubuntu-22.04-live-server-amd64.iso', 'us/las')
  assert.equal(iso, 'Ubuntu-22.04-live-server-amd64.iso is a CDROM')
})

test('the rules of the contract: ISOs are CDROMs, and no name is in the way of another', async () => {
  const images = await all('images')
  const cdroms = images.filter(({ properties }) => properties.imageType === 'CDROM')
  for (const { properties } of images) {
    assert.notEqual(properties.name.toLowerCase(), 'ubuntu-22.04')
    if (properties.imageType === 'HDD') assert.doesNotMatch(properties.name, /live-server-amd64\.iso/i)
    else assert.equal(properties.cloudInit, 'NONE')
    for (const alias of properties.imageAliases)
      assert.equal(alias.endsWith('_iso'), properties.imageType === 'CDROM')
  }
  const live = cdroms.filter(({ properties }) => properties.name === 'Ubuntu-22.04-live-server-amd64.iso')
  for (const location of ['es/vit', 'us/las'])
    assert.ok(live.some(({ properties }) => properties.location === location))
  for (const { properties } of live) assert.ok(properties.imageAliases.includes('ubuntu:22.04_iso'))
  const lasVegas = cdroms.filter(
    ({ properties }) => properties.location === 'us/las' && /ubuntu-22\.04/i.test(properties.name),
  )
  assert.equal(lasVegas.length, 1)
  // A data source by alias alone is told that several have it, and by alias and location finds one.
  const by = (alias: string, location?: string) =>
    images.filter(
      ({ properties }) =>
        properties.imageAliases.includes(alias) &&
        (location === undefined || properties.location === location),
    ).length
  assert.deepEqual(
    [by('ubuntu:22.04_iso') > 1, by('ubuntu:latest', 'de/txl'), by('doesNotExist')],
    [true, 1, 0],
  )
})

test('templates: selections of Terraform’s data source end at one', async () => {
  const templates = await all('templates')
  for (const template of templates) {
    const { properties, metadata, id } = template
    assert.deepEqual([properties.storageType, properties.gpus], ['SSD Premium', []])
    assert.equal(metadata.createdBy, '[UNKNOWN]')
    const { body } = await service.call('GET', `${base}/templates/${id}?depth=1`)
    assert.deepEqual(body, template)
  }
  const select = (name: string | undefined, wanted: object) =>
    templates
      .filter(({ properties }) => name === undefined || properties.name.includes(name))
      .filter(({ properties }) => Object.entries(wanted).every(([key, value]) => properties[key] === value))
      .map(({ properties }) => properties.name)
  for (const [name, wanted, found] of [
    ['Basic Cube XS', {}, 'Basic Cube XS'],
    ['Basic Cube S', { cores: 2, ram: 4096, storageSize: 120 }, 'Basic Cube S'],
    [undefined, { cores: 16, ram: 32768 }, 'Basic Cube XL'],
    [undefined, { ram: 8192, storageSize: 120 }, 'Memory Cube S'],
    [undefined, { ram: 8192, storageSize: 240 }, 'Basic Cube M'],
    ['Basic Cube L', { category: 'Basic Templates' }, 'Basic Cube L'],
  ] as const)
    assert.deepEqual(select(name, wanted), [found])
  assert.deepEqual(select('CUBES S', { cores: 6, ram: 16384, storageSize: 320 }), [])
  assert.deepEqual(select('CUBES XL', { cores: 1 }), [])
  for (const id of ['72e73b81-8551-4e74-b398-fc63b39994af', '15c6dd2f-02d2-4987-b439-9a58dd59ecc3'])
    assert.equal((await service.call('GET', `${base}/templates/${id}`)).status, 200)
  assert.equal((await service.call('GET', `${base}/templates/nope`)).status, 404)
})

test('an operator’s catalogue: images of its own, checked', async () => {
  const file = `ionos:
  locations: [ { id: de/ber, name: berlin, features: [], cpuArchitecture: [ { cpuFamily: OURS, vendor: x, maxCores: 8, maxRam: 8192 } ] } ]
  images: [ { name: Mine, imageType: HDD, size: 2, licenceType: LINUX, cloudInit: V1, imageAliases: [ "mine:latest" ] } ]`
  const own = await startService({ catalogue: file })
  try {
    const zone = (await own.call('POST', `${base}/datacenters`, { properties: { location: 'de/ber' } })).body
      .id
    const dc = `${base}/datacenters/${zone}`
    const disk = { properties: { imageAlias: 'mine:latest' } }
    const { body } = await own.call('POST', `${dc}/servers?depth=2`, {
      properties: { type: 'VCPU', cores: 1, ram: 1024 },
      entities: { volumes: { items: [disk] } },
    })
    assert.equal((await own.call('GET', `${dc}/servers/${body.id}`)).body.properties.cpuFamily, 'OURS')
    const [image] = (await own.call('GET', `${base}/images?depth=1`)).body.items
    assert.equal(image.properties.name, 'Mine')
    const [volume] = (await own.call('GET', `${dc}/volumes?depth=1`)).body.items
    assert.deepEqual([volume.properties.image, volume.properties.size], [image.id, 2])
    assert.equal((await own.call('GET', dc)).body.properties.cpuArchitecture[0].cpuFamily, 'OURS')
  } finally {
    await own.close()
  }
  const wrong = (text: string) => {
    const done = configureCatalogues([ionosDialect], text)
    return done.ok ? '' : done.error
  }
  const image = 'imageType: HDD, size: 2, licenceType: LINUX, cloudInit: V1'
  const template = (id: string, name: string, cores: number, ram: number, storage: number) =>
    `{ id: ${id}, name: ${name}, category: c, cores: ${cores}, ram: ${ram}, storageSize: ${storage} }`
  for (const [text, complaint] of [
    [
      `images: [ { name: A, ${image}, imageAliases: [], locations: [ xx/yy ] } ]`,
      /^ionos\.images\[0\]\.locations: xx\/yy is none/,
    ],
    [
      `images: [ { name: A, ${image}, imageAliases: [ a ] }, { name: B, ${image}, imageAliases: [ A ] } ]`,
      /^ionos\.images\[1\]\.imageAliases: A in de\/fra is there twice/,
    ],
    [
      `templates: [ ${template('a', 'A', 1, 1, 1)}, ${template('b', 'B', 1, 1, 2)} ]`,
      /1 cores with 1 MB is there twice/,
    ],
    [
      `templates: [ ${template('a', 'A', 1, 1, 1)}, ${template('b', 'B', 2, 1, 1)} ]`,
      /1 MB with 1 GB is there twice/,
    ],
    ['locations: []', /^ionos\.locations: expected a list of at least 1/],
    ['locations: [ { id: fra, name: x, features: [], cpuArchitecture: [] } ]', /^ionos\.locations\[0\]/],
  ] as const)
    assert.match(wrong(`ionos: { ${text} }`), complaint)
  assert.ok(catalogue.value.images.size > 0)
})
