/** What unmodified clients ask beside groups and rules: cases of scw, Terraform and the SDKs (contract: scaleway-more). */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, test } from 'node:test'
import {
  inventory,
  onBothStores,
  projects,
  providers,
  type Reply,
  secretKeys,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import { actor } from '../../../test/support/stores.ts'
import { err } from '../../core/result.ts'
import { loadInventory } from '../../service/inventory.ts'
import { catalogue } from './catalogue.ts'

const zone = '/instance/v1/zones/fr-par-1'
const block = '/block/v1/zones/fr-par-1/volumes'
const zones = catalogue.value.zones.map((name) => ({ name }))
const nobody = '00000000-0000-4000-8000-00000000dead'
const gone = (resource: string, id = nobody) => ({
  ...{ type: 'not_found', message: 'resource is not found', resource, resource_id: id },
})

onBothStores('Scaleway’s clients', (start) => {
  let service: TestService
  beforeEach(async () => {
    service = await start()
  })
  afterEach(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers ?? secretKeys.right)
  const plain = (method: string, path: string, body: Buffer | string = 'x', type = 'text/plain') =>
    service.raw(method, path, body, { ...secretKeys.right, 'content-type': type })
  async function good(method: string, path: string, body?: unknown) {
    const answer = await call(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body
  }
  const create = async (fields: object = {}, at = zone) =>
    (await good('POST', `${at}/servers`, { name: 'vm', commercial_type: 'DEV1-S', ...fields })).server
  const refused = (answer: Reply) => [
    answer.status,
    ...(answer.body?.details ?? []).map(
      (each: Record<string, string>) => `${each.argument_name} ${each.reason}: ${each.help_message}`,
    ),
  ]

  test('SC1: a path that is not served is a 404 without a type, whatever is asked and of which product', async () => {
    for (const path of [
      ...[`${zone}/nothing`, `${zone}/placement_groups?page=1`, '/vpc/v2/regions/fr-par/private-networks'],
      ...[
        '/iam/v1alpha1/applications',
        '/product-catalog/v2alpha1/public-catalog/products',
        '/lb/v1/zones/x/lbs',
      ],
      ...[
        `${zone}/servers/${nobody}/nothing`,
        '/block/v1/zones/fr-par-1/snapshots',
        '/instance/v9',
        '/instance',
      ],
    ]) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const answer = await call(method, path, method === 'GET' ? undefined : {})
        const message = `This path is not served: ${method} ${path.split('?')[0]}`
        assert.deepEqual([answer.status, answer.body], [404, { message }])
        assert.equal(answer.headers.get('content-type'), 'application/json')
      }
      assert.equal((await call('GET', path, undefined, secretKeys.none)).status, 401, path)
    }
  })

  test('SC2: images by label: every zone, both kinds of disk, with the types that can start them', async () => {
    const list = (query: string) => call('GET', `/marketplace/v2/local-images?${query}`)
    const ids: string[] = []
    for (const { name: zone } of zones) {
      for (const label of [
        'ubuntu_focal',
        'ubuntu_jammy',
        'ubuntu_noble',
        'ubuntu_bionic',
        'debian_bookworm',
      ]) {
        for (const type of ['instance_local', 'instance_sbs']) {
          const query = `image_label=${label}&order_by=type_asc&type=${type}&zone=${zone}`
          const { body } = await list(query)
          const [image] = body.local_images
          assert.deepEqual([body.total_count, image.label, image.type, image.zone], [1, label, type, zone])
          const types = image.compatible_commercial_types
          assert.ok(types.includes('DEV1-S') && types.includes('STARDUST1-S'))
          for (const remote of ['PLAY2-PICO', 'PRO2-XXS', 'POP2-2C-8G']) {
            assert.equal(types.includes(remote), type === 'instance_sbs', `${remote} ${type}`)
          }
          ids.push(image.id)
          assert.deepEqual((await list(query)).body.local_images, [image])
        }
      }
    }
    assert.equal(new Set(ids).size, ids.length)
    const focal = await list('image_label=ubuntu_focal&type=unknown_type&zone=nl-ams-1')
    assert.deepEqual(
      focal.body.local_images.map((image: Record<string, string>) => image.type),
      ['instance_local', 'instance_sbs'],
    )
    const [image] = focal.body.local_images
    assert.deepEqual(await good('GET', `/marketplace/v2/local-images/${image.id}`), image)
    for (const query of [
      'image_label=nope&zone=fr-par-1',
      'image_label=ubuntu_focal&arch=arm64',
      'image_label=ubuntu_focal&zone=x',
    ]) {
      const { status, body } = await list(query)
      const label = query.includes('nope') ? 'nope' : 'ubuntu_focal'
      assert.deepEqual([status, body], [404, gone('MarketplaceImage', label)])
    }
    assert.equal((await call('GET', `/marketplace/v2/local-images/${nobody}`)).status, 404)
    assert.deepEqual((await list('zone=fr-par-1&page=99')).body.local_images, [])
    assert.equal((await list('order_by=x')).status, 400)

    const [local] = (await list('image_label=ubuntu_focal&type=instance_local&zone=fr-par-1')).body
      .local_images
    const { image: shown } = await good('GET', `${zone}/images/${local.id}`)
    assert.deepEqual(
      [
        shown.name,
        shown.root_volume.volume_type,
        shown.root_volume.size,
        shown.root_volume.name,
        shown.project,
      ],
      ['Ubuntu 20.04 Focal Fossa', 'l_ssd', 10e9, shown.name, '51b656e3-4865-41e8-adbc-0c45bdd780db'],
    )
    const listed = await call('GET', `${zone}/images?name=Focal&arch=x86_64&public=true`)
    assert.deepEqual([listed.body.images.length, listed.headers.get('x-total-count')], [2, '2'])
    assert.match(listed.headers.get('link') ?? '', /^<\/images\?page=1&per_page=50&name=Focal&arch=/)
    for (const none of ['public=false', `project=${projects.first}`, 'page=9']) {
      assert.deepEqual((await good('GET', `${zone}/images?${none}`)).images, [], none)
    }
    for (const path of [`${zone}/images/${nobody}`, `/instance/v1/zones/nl-ams-1/images/${local.id}`]) {
      assert.deepEqual((await call('GET', path)).body, gone('instance_image', path.split('/').at(-1)))
    }
  })

  test('SC6: types of the vendor’s list, by name, in pages that end', async () => {
    const names: string[] = []
    for (let page = 1; ; page++) {
      const path = `products/servers?page=${page}&per_page=5`
      const { body, headers } = await call('GET', `${zone}/${path}`)
      const stock = await call('GET', `${zone}/${path.replace('?', '/availability?')}`)
      assert.deepEqual(Object.keys(stock.body.servers), Object.keys(body.servers))
      for (const each of Object.values(stock.body.servers))
        assert.deepEqual(each, { availability: 'available' })
      if (Object.keys(body.servers).length === 0) {
        assert.equal(headers.get('x-total-count'), String(names.length))
        break
      }
      if (page === 1)
        assert.match(headers.get('link') ?? '', /^<\/products\/servers\?page=2&per_page=5&>; rel="next"/)
      names.push(...Object.keys(body.servers))
    }
    assert.deepEqual(names, names.toSorted())
    const { servers: types } = await good('GET', `${zone}/products/servers?page=1`)
    assert.deepEqual(Object.keys(types), names)
    const {
      ncpus,
      ram,
      volumes_constraint: sizes,
      per_volume_constraint: each,
      hourly_price: price,
    } = types['DEV1-XL']
    assert.deepEqual(
      [ncpus, ram, sizes.max_size, each.l_ssd, price, types['DEV1-XL'].scratch_storage_max_volumes_count],
      [4, 12 * 1024 ** 3, 120e9, { min_size: 1e9, max_size: 800e9 }, 0.065076, 0],
    )
    assert.deepEqual(types['POP2-2C-8G'].per_volume_constraint.l_ssd, { min_size: 0, max_size: 0 })
    assert.equal(types['STARDUST1-S'].volumes_constraint.max_size, 10e9)
    assert.deepEqual(await good('GET', `${zone}/products/servers?page=9`), { servers: {} })
  })

  test('an image that is no longer listed stays the server’s', async () => {
    const { id } = (await good('GET', '/marketplace/v2/local-images?zone=fr-par-1')).local_images[0]
    const other = await start({ catalogue: 'scaleway: { images: [] }' })
    try {
      const path = `${zone}/servers/${servers.instance}`
      const [{ id: owner } = { id: '' }] = (await other.storage.accounts()).filter(
        (each) => each.name === 'acme',
      )
      const target = {
        account: owner,
        profile: 'scaleway',
        server: servers.instance,
        refuseStates: [],
      } as const
      const done = await other.storage.run('updateServer', { ...target, attributes: { image: id } }, actor)
      assert.ok(done.ok)
      const { server } = (await other.call('GET', path, undefined, secretKeys.right)).body
      assert.deepEqual([server.image.id, server.image.root_volume.volume_type], [id, 'sbs_snapshot'])
    } finally {
      await other.close()
    }
  })

  test('SC3: credential, path, verb, media type, body, ids: in this order', async () => {
    const { id } = await create()
    const group = (await good('GET', `${zone}/security_groups`)).security_groups[0].id
    const wrongBody = { name: 5, tags: 5, action: 5, size: 'x', protocol: 'X', project: 5, volume_id: 5 }
    assert.equal((await plain('PATCH', `${zone}/servers/${id}/user_data/cloud-init`)).status, 204)
    const unserved = await plain('PATCH', `${zone}/servers/${id}/nothing`)
    assert.deepEqual(
      [unserved.status, unserved.body],
      [404, { message: `This path is not served: PATCH ${zone}/servers/${id}/nothing` }],
    )
    const verb = await plain('PUT', `${zone}/servers/${id}`)
    assert.deepEqual([verb.status, verb.headers.get('allow')], [405, 'GET, PATCH, DELETE'])
    for (const path of [`security_groups/${group}`, `security_groups/${nobody}`, `servers/${nobody}`]) {
      assert.equal((await plain('PATCH', `${zone}/${path}`)).status, 415, path)
      assert.equal((await plain('PATCH', `${zone}/${path}`, '{broken', 'application/json')).status, 400, path)
    }
    for (const [method, path] of [
      ['PATCH', `${zone}/servers/${nobody}`],
      ['POST', `${zone}/servers/${nobody}/action`],
      ['POST', `${zone}/servers/${nobody}/attach-volume`],
      ['POST', `${zone}/servers/${nobody}/detach-volume`],
      ['PATCH', `${zone}/security_groups/${nobody}`],
      ['PUT', `${zone}/security_groups/${nobody}`],
      ['POST', `${zone}/security_groups/${nobody}/rules`],
      ['PUT', `${zone}/security_groups/${nobody}/rules`],
      ['PUT', `${zone}/security_groups/${group}/rules/${nobody}`],
      ['PATCH', `${zone}/security_groups/${group}/rules/${nobody}`],
      ['PATCH', `${zone}/volumes/${nobody}`],
      ['PATCH', `${block}/${nobody}`],
      ['PATCH', `/account/v3/projects/${nobody}`],
    ] as const) {
      assert.equal((await call(method, path, wrongBody)).status, 400, `${method} ${path}`)
      const clean = { action: 'poweron', volume_id: nobody, name: 'x' }
      const rules = { rules: [], protocol: 'TCP', direction: 'inbound', ip_range: '::/0' }
      const right = path.includes('/rules') ? { ...rules, action: 'accept' } : clean
      assert.equal((await call(method, path, right)).status, 404, `${method} ${path}`)
    }
    assert.equal(
      (await service.raw('PATCH', `${zone}/servers/${id}`, Buffer.from('{"name":"y"}'), secretKeys.right))
        .status,
      200,
    )
  })

  test('SC4: names, sizes and speed of volumes change where clients change them', async () => {
    const sbs = (await create()).id
    const { id } = await good('POST', block, {
      ...{
        name: 'data',
        project_id: projects.first,
        perf_iops: 5000,
        tags: ['a'],
        from_empty: { size: 10e9 },
      },
    })
    for (const at of [block, block.replace('v1', 'v1alpha1')]) {
      const fast = await good('PATCH', `${at}/${id}`, { perf_iops: 15_000 })
      assert.deepEqual([fast.type, fast.specs], ['sbs_15k', { perf_iops: 15_000, class: 'sbs' }])
      assert.equal('kms_key_id' in fast, at === block)
      assert.equal((await good('PATCH', `${at}/${id}`, { perf_iops: 5000 })).type, 'sbs_5k')
      const renamed = await good('PATCH', `${at}/${id}`, { name: at, size: 20e9, tags: [] })
      assert.deepEqual([renamed.name, renamed.size, renamed.tags], [at, 20e9, []])
      assert.deepEqual(await good('GET', `${at}/${id}`), renamed)
      assert.deepEqual(await good('PATCH', `${at}/${id}`, {}), renamed)
    }
    assert.deepEqual(refused(await call('PATCH', `${block}/${id}`, { size: 10e9 })), [
      ...[400, 'size constraint: value must be at least 20000000000'],
    ])
    assert.equal((await call('PATCH', `${block}/${id}`, { perf_iops: 7 })).status, 400)

    const { volume } = await good('POST', `${zone}/volumes`, { name: 'l', volume_type: 'l_ssd', size: 10e9 })
    const { volume: patched } = await good('PATCH', `${zone}/volumes/${volume.id}`, {
      name: 'new',
      tags: ['t'],
    })
    assert.deepEqual([patched.name, patched.tags, patched.size], ['new', ['t'], 10e9])
    assert.equal(Object.keys(patched).length, 13)
    assert.ok(sbs)
  })

  test('SC7: the metadata service that Terraform looks for is not there', async () => {
    assert.equal((await service.raw('GET', '/metadata', undefined as never, {})).status, 404)
  })

  test('user data is bytes, whatever they are called, and comes back as it was', async () => {
    const { id } = await create()
    const at = `${zone}/servers/${id}/user_data`
    const value = Buffer.concat([Buffer.from('#cloud-config\r\n\0'), randomBytes(100 * 1024)])
    for (const [key, type] of [
      ['foo', 'application/octet-stream'],
      ['cloud-init', 'text/plain'],
      ['json', 'application/json'],
    ] as const) {
      const set = await plain('PATCH', `${at}/${key}`, value, type)
      assert.deepEqual([set.status, set.text, set.headers.get('content-type')], [204, '', 'text/plain'])
      const read = await fetch(`${service.url}${at}/${key}`, { headers: secretKeys.right })
      assert.deepEqual([read.status, read.headers.get('content-type')], [200, 'text/plain'])
      assert.ok(Buffer.from(await read.arrayBuffer()).equals(value))
    }
    assert.deepEqual(await good('GET', at), { user_data: ['cloud-init', 'foo', 'json'] })
    assert.equal((await plain('PATCH', `${at}/foo`, 'shorter')).status, 204)
    assert.equal((await call('GET', `${at}/foo`)).text, 'shorter')
    assert.equal((await plain('PATCH', `${at}/empty`, '')).status, 204)
    const empty = await call('GET', `${at}/empty`)
    assert.deepEqual([empty.status, empty.text], [200, ''])

    for (const missing of [
      await call('GET', `${at}/missing`),
      await call('DELETE', `${at}/missing`),
      await call('GET', `${at}/${'x'.repeat(129)}`),
    ]) {
      assert.deepEqual(
        [missing.status, missing.text, missing.headers.get('content-type')],
        [404, '', 'text/plain'],
      )
    }
    assert.equal((await call('DELETE', `${at}/foo`)).status, 204)
    assert.deepEqual(await good('GET', at), { user_data: ['cloud-init', 'empty', 'json'] })
    const unknown = `${zone}/servers/${nobody}/user_data`
    for (const answer of [
      await call('GET', unknown),
      await call('GET', `${unknown}/x`),
      await plain('PATCH', `${unknown}/x`),
      await call('DELETE', `${unknown}/x`),
    ])
      assert.deepEqual([answer.status, answer.body], [404, gone('instance_server')])
    for (const path of [at, `${at}/cloud-init`]) {
      const foreign = await call('GET', path, undefined, secretKeys.foreign)
      assert.deepEqual([foreign.status, foreign.body], [404, gone('instance_server', id)])
    }
    const stolen = await service.raw('PATCH', `${at}/x`, 'y', {
      ...secretKeys.foreign,
      'content-type': 'text/plain',
    })
    assert.deepEqual([stolen.status, stolen.body], [404, gone('instance_server', id)])
  })

  test('user data has bounds: 128 KiB each, 100 of them, keys of 128 characters', async () => {
    const { id } = await create()
    const at = `${zone}/servers/${id}/user_data`
    assert.equal((await plain('PATCH', `${at}/most`, Buffer.alloc(128 * 1024, 1))).status, 204)
    assert.equal((await plain('PATCH', `${at}/over`, Buffer.alloc(128 * 1024 + 1, 1))).status, 413)
    for (const key of ['x'.repeat(129), 'a%2Fb']) {
      assert.equal((await plain('PATCH', `${at}/${key}`)).status, 400, key)
    }
    const keys = Array.from({ length: 99 }, (_, n) => `k${n}`)
    const all = await Promise.all(keys.map((key) => plain('PATCH', `${at}/${key}`, key)))
    assert.deepEqual([...new Set(all.map((each) => each.status))], [204])
    assert.equal((await plain('PATCH', `${at}/one-more`)).status, 400)
    assert.equal((await plain('PATCH', `${at}/k5`, 'changed')).status, 204)
    assert.deepEqual((await good('GET', at)).user_data, [...keys, 'most'].toSorted())
    assert.equal((await call('GET', `${at}/k5`)).text, 'changed')
  })

  test('user data is a secret: in no log, event or document that outlives the server', async () => {
    const { id } = await create()
    const at = `${zone}/servers/${id}/user_data`
    const secret = 'hunter2-hunter2'
    await plain('PATCH', `${at}/cloud-init`, secret)
    await plain('PATCH', `${at}/cloud-init`, `${secret}!`)
    await plain('PATCH', `${at}/other`, secret)
    await call('DELETE', `${at}/other`)
    const hidden = [secret, Buffer.from(secret).toString('base64').slice(0, 16)]
    const audit = JSON.stringify(
      await service.storage.audit({ account: (await account()) ?? '', limit: 100 }),
    )
    for (const text of [service.log.join('\n'), audit]) {
      for (const word of hidden) assert.ok(!text.includes(word))
    }
    assert.equal((await documents()).length, 1)
    assert.equal((await call('DELETE', `${zone}/servers/${id}`)).status, 204)
    assert.deepEqual(await documents(), [])
    for (const word of hidden) assert.ok(!service.log.join('\n').includes(word))
  })
  const account = async () => (await service.storage.accounts()).find(({ name }) => name === 'acme')?.id
  const documents = async () =>
    service.storage.documents({ account: (await account()) ?? '', profile: 'scaleway', kind: 'user-data' })

  test('user data that is set while its server is deleted: kept with it, or refused, and none is left over', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await create()
      const at = `${zone}/servers/${id}`
      const answers = await Promise.all([
        plain('PATCH', `${at}/user_data/a`),
        call('DELETE', at),
        plain('PATCH', `${at}/user_data/b`),
      ])
      assert.equal(answers[1]?.status, 204)
      for (const { status } of answers) assert.ok([204, 404].includes(status), String(status))
      assert.deepEqual(await documents(), [])
    }
  })

  test('an image is named by its label, too, as the Python SDK sends it: the one for the disk that is asked for', async () => {
    const type = async (fields: object) => {
      const { id } = (await create({ image: 'ubuntu_jammy', ...fields })).image
      return (await good('GET', `/marketplace/v2/local-images/${id}`)).type
    }
    assert.equal(await type({}), 'instance_sbs')
    assert.equal(await type({ volumes: { 0: { volume_type: 'sbs_volume', size: 20e9 } } }), 'instance_sbs')
    assert.equal(await type({ volumes: { 0: { volume_type: 'l_ssd', size: 20e9 } } }), 'instance_local')
    const unknown = await call('POST', `${zone}/servers`, {
      ...{ name: 'vm', commercial_type: 'DEV1-S', image: 'plan9' },
    })
    assert.deepEqual([unknown.status, unknown.body], [404, gone('instance_image', 'plan9')])
  })

  test('SC5: a root volume is called after its image, any other after its server', async () => {
    const image = async (type: string) =>
      (await good('GET', `/marketplace/v2/local-images?image_label=ubuntu_jammy&type=${type}&zone=fr-par-1`))
        .local_images[0].id
    const sbs = await create({ image: await image('instance_sbs') })
    assert.deepEqual(Object.keys(sbs.volumes['0']), ['boot', 'volume_type', 'id', 'state', 'zone'])
    const volume = await good('GET', `${block}/${sbs.volumes['0'].id}`)
    assert.equal(volume.name, 'Ubuntu 22.04 Jammy Jellyfish_sbs_volume_0')
    assert.equal(typeof volume.parent_snapshot_id, 'string')
    const local = await create({
      image: await image('instance_local'),
      volumes: { 1: { size: 1e9, volume_type: 'l_ssd' } },
    })
    const { server: _, ...root } = local.volumes['0']
    assert.deepEqual(Object.keys(local.volumes['0']).toSorted(), [
      ...[
        'boot',
        'creation_date',
        'export_uri',
        'id',
        'modification_date',
        'name',
        'organization',
        'project',
      ],
      ...['server', 'size', 'state', 'tags', 'volume_type', 'zone'],
    ])
    assert.deepEqual(
      [root.name, root.export_uri, root.volume_type],
      ['Ubuntu 22.04 Jammy Jellyfish', null, 'l_ssd'],
    )
    assert.equal(local.volumes['1'].name, 'vm-volume-1')
    const named = await create({ image: await image('instance_local'), volumes: { 0: { name: 'mine' } } })
    assert.deepEqual(
      [named.volumes['0'].name, named.volumes['0'].server],
      ['mine', { id: named.id, name: 'vm' }],
    )
    const bare = await create({ volumes: { 0: { boot: false, size: 5e9, volume_type: 'sbs_volume' } } })
    assert.equal((await good('GET', `${block}/${bare.volumes['0'].id}`)).name, 'vm-volume-0')
  })

  test('a block volume says who has it, and since when nobody does', async () => {
    const made = await good('POST', block, {
      name: 'data',
      project_id: projects.first,
      from_empty: { size: 5e9 },
    })
    assert.deepEqual(
      [made.status, made.type, made.references, made.kms_key_id],
      ['creating', 'sbs_5k', [], null],
    )
    assert.equal((await good('GET', `${block}/${made.id}`)).status, 'available')
    const server = await create({ volumes: { 1: { id: made.id, volume_type: 'sbs_volume' } } })
    const used = await good('GET', `${block}/${made.id}`)
    const [{ id: _, created_at: since, ...reference }] = used.references
    assert.deepEqual(reference, {
      product_resource_type: 'instance_server',
      product_resource_id: server.id,
      type: 'exclusive',
      status: 'attached',
    })
    assert.match(since, /\.\d{6}Z$/)
    assert.deepEqual([used.status, used.last_detached_at], ['in_use', null])
    assert.equal((await call('DELETE', `${block}/${made.id}`)).body.precondition, 'resource_still_in_use')
    assert.deepEqual(
      (await good('GET', `${block}?product_resource_id=${server.id}`)).volumes.map((each: Reply) => each),
      [used],
    )
    await call('DELETE', `${zone}/servers/${server.id}`)
    const free = await good('GET', `${block}/${made.id}`)
    assert.deepEqual([free.status, free.references], ['available', []])
    assert.match(free.last_detached_at, /\.\d{6}Z$/)
    assert.equal((await call('DELETE', `${block}/${made.id}`)).status, 204)
    const missing = await call('GET', `${block}/${made.id}`)
    assert.equal(
      missing.text,
      `{"message":"resource is not found","resource":"volume","resource_id":"${made.id}","type":"not_found"}`,
    )
    const snapshot = await call('POST', block, { name: 'x', from_snapshot: { snapshot_id: nobody } })
    assert.deepEqual([snapshot.status, snapshot.body.resource], [404, 'snapshot'])
    assert.deepEqual(refused(await call('POST', block, {})).slice(1), [
      'name required: a value is required',
      'from_empty required: a value is required',
    ])
    const listed = await good('GET', '/block/v1alpha1/zones/fr-par-1/volumes?page_size=1')
    assert.deepEqual([listed.volumes.length, listed.total_count], [0, 0])
  })

  test('volumes come to servers and go: slots, attach-volume, detach-volume', async () => {
    const make = async (name: string, at = zone) =>
      (await good('POST', `${at}/volumes`, { name, volume_type: 'l_ssd', size: 5e9 })).volume.id
    const [a, b, c] = [await make('a'), await make('b'), await make('c')]
    const { id } = await create({ volumes: { 0: { id: a, boot: true } } })
    const at = `${zone}/servers/${id}`
    const slots = (server: { volumes: Record<string, { id: string }> }) =>
      Object.entries(server.volumes).map(([slot, volume]) => `${slot} ${[a, b, c].indexOf(volume.id)}`)
    assert.deepEqual(
      slots((await good('POST', `${at}/attach-volume`, { volume_id: b, volume_type: 'l_ssd' })).server),
      ['0 0', '1 1'],
    )
    assert.deepEqual((await good('GET', `${zone}/volumes/${b}`)).volume.server, { id, name: 'vm' })
    const other = await create({ name: 'other' })
    for (const path of [`${at}/attach-volume`, `${zone}/servers/${other.id}/attach-volume`]) {
      assert.deepEqual(refused(await call('POST', path, { volume_id: a, volume_type: 'l_ssd' })), [
        400,
        `volume_id constraint: Volume ${a} is already attached to a server`,
      ])
    }
    assert.deepEqual(refused(await call('POST', `${at}/detach-volume`, { volume_id: c })), [
      400,
      `volume_id constraint: Volume ${c} is not attached to this server`,
    ])
    assert.deepEqual(refused(await call('POST', `${at}/detach-volume`, { volume_id: nobody })), [
      400,
      `volume_id constraint: Volume ${nobody} is not attached to this server`,
    ])
    const patched = await good('PATCH', at, {
      volumes: { 0: { id: b, boot: true, name: 'ignored' }, 3: { id: c } },
    })
    assert.deepEqual([slots(patched.server), patched.server.volumes['0'].name], [['0 1', '3 2'], 'b'])
    assert.equal((await good('GET', `${zone}/volumes/${a}`)).volume.server, null)
    assert.deepEqual(slots((await good('POST', `${at}/detach-volume`, { volume_id: b })).server), ['3 2'])
    assert.deepEqual(slots((await good('PATCH', at, { volumes: {} })).server), [])
    assert.equal((await good('GET', `${zone}/volumes/${c}`)).volume.server, null)

    const strange = await make('strange', '/instance/v1/zones/nl-ams-1')
    for (const [method, path, body, resource] of [
      ['POST', `${at}/attach-volume`, { volume_id: strange }, 'instance_volume'],
      ['PATCH', at, { volumes: { 0: { id: nobody } } }, 'instance_volume'],
      [
        'POST',
        `${zone}/servers`,
        { name: 'x', commercial_type: 'DEV1-S', volumes: { 0: { id: nobody } } },
        'instance_volume',
      ],
      [
        'POST',
        `${zone}/servers`,
        {
          name: 'x',
          commercial_type: 'DEV1-S',
          volumes: { 0: { name: 'x', volume_type: 'l_ssd', base_snapshot: nobody } },
        },
        'instance_snapshot',
      ],
    ] as const) {
      const answer = await call(method, path, body)
      assert.deepEqual([answer.status, answer.body.resource], [404, resource], answer.text)
    }
    assert.deepEqual(refused(await call('PATCH', at, { volumes: { 0: { boot: true } } })), [
      400,
      'volumes.0.id required: a value is required',
    ])
    assert.deepEqual(refused(await call('PATCH', at, { volumes: { 0: { id: a }, 1: { id: a } } })).slice(1), [
      'volumes.1.id constraint: the same volume is there twice',
    ])
    await good('PATCH', at, { volumes: { 0: { id: a } } })
    const busy = await call('DELETE', `${zone}/volumes/${a}`)
    assert.deepEqual([busy.status, busy.body.type], [400, 'precondition_failed'])
    const listed = await call('GET', `${zone}/volumes?per_page=2`)
    assert.deepEqual(
      [listed.headers.get('x-total-count'), listed.body.volumes.length, listed.headers.get('link')],
      ['3', 2, '</volumes?page=2&per_page=2&>; rel="next",</volumes?page=2&per_page=2&>; rel="last"'],
    )
  })

  test('one volume, many servers that want it: one has it', async () => {
    const { volume } = await good('POST', `${zone}/volumes`, { name: 'v', size: 5e9 })
    const all = await Promise.all(Array.from({ length: 4 }, () => create()))
    const answers = await Promise.all(
      all.map(({ id }) => call('POST', `${zone}/servers/${id}/attach-volume`, { volume_id: volume.id })),
    )
    assert.deepEqual(answers.map((each) => each.status).toSorted(), [200, 400, 400, 400])
    const has = await Promise.all(
      all.map(async ({ id }) => (await good('GET', `${zone}/servers/${id}`)).server),
    )
    assert.equal(has.filter((each) => Object.keys(each.volumes).length === 1).length, 1)
  })

  test('DELETE leaves volumes, terminate takes the local ones along', async () => {
    const volumes = { 0: { size: 5e9, volume_type: 'l_ssd' }, 1: { size: 5e9, volume_type: 'sbs_volume' } }
    for (const end of ['DELETE', 'terminate']) {
      const server = await create({ volumes })
      const at = `${zone}/servers/${server.id}`
      if (end === 'DELETE') assert.equal((await call('DELETE', at)).status, 204)
      else {
        const early = await call('POST', `${at}/action`, { action: 'terminate' })
        assert.deepEqual([early.status, early.body.precondition], [400, 'resource_not_usable'])
        await good('POST', `${at}/action`, { action: 'poweron' })
        await good('POST', `${at}/action`, { action: 'terminate' })
      }
      assert.equal((await call('GET', at)).status, 404)
      const local = await call('GET', `${zone}/volumes/${server.volumes['0'].id}`)
      assert.equal(local.status, end === 'DELETE' ? 200 : 404, end)
      assert.equal((await good('GET', `${block}/${server.volumes['1'].id}`)).status, 'available')
    }
  })

  test('actions: the task, the states, and what each of them allows', async () => {
    const { id, allowed_actions: first } = await create()
    const at = `${zone}/servers/${id}`
    assert.deepEqual(first, ['poweron', 'backup'])
    const started = await call('POST', `${at}/action`, { action: 'poweron' })
    assert.equal(started.headers.get('location'), null)
    const { started_at: _, ...task } = started.body.task
    assert.deepEqual(task, {
      id: '00000000-0000-0000-0000-000000000000',
      description: 'fake task',
      status: 'pending',
      href_from: `/servers/${id}/action`,
      href_result: `/servers/${id}`,
      terminated_at: null,
      progress: 0,
      zone: 'fr-par-1',
    })
    const state = async () => {
      const { server } = await good('GET', at)
      return [server.state, server.state_detail, ...server.allowed_actions].join()
    }
    assert.equal(await state(), 'running,booting kernel,poweroff,terminate,reboot,stop_in_place,backup')
    await good('POST', `${at}/action`, { action: 'stop_in_place' })
    assert.equal(await state(), 'stopped in place,,poweron,poweroff,terminate,reboot,backup')
    const wrong = await call('POST', `${at}/action`, { action: 'stop_in_place' })
    assert.deepEqual(
      [wrong.status, wrong.body.type, wrong.body.precondition],
      [...[400, 'precondition_failed', 'resource_not_usable']],
    )
    const backup = await call('POST', `${at}/action`, { action: 'backup' })
    assert.deepEqual(refused(backup), [400, 'action constraint: backups are not made here'])
    const slow = await start({ transitionMs: 60_000 })
    try {
      const { server } = (
        await slow.call('POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S' }, secretKeys.right)
      ).body
      const path = `${zone}/servers/${server.id}`
      await slow.call('POST', `${path}/action`, { action: 'poweron' }, secretKeys.right)
      const { body } = await slow.call('GET', path, undefined, secretKeys.right)
      const { state, state_detail: detail, allowed_actions: actions } = body.server
      assert.deepEqual([state, detail, actions], ['starting', 'allocating node', ['stop_in_place', 'backup']])
    } finally {
      await slow.close()
    }
  })

  test('private interfaces are listed, with a total of none, and not made', async () => {
    const { id } = await create()
    const listed = await call('GET', `${zone}/servers/${id}/private_nics`)
    assert.deepEqual(
      [listed.body, listed.headers.get('x-total-count'), listed.headers.get('link')],
      [{ private_nics: [] }, '0', `</servers/${id}/private_nics?page=0&per_page=50&>; rel="last"`],
    )
    const other = '/instance/v2alpha1/zones/fr-par-1/private-network-interfaces'
    assert.deepEqual(await good('GET', other), { private_network_interfaces: [], total_count: 0 })
    for (const path of [`${zone}/servers/${id}/private_nics`, other]) {
      const made = await call('POST', path, {})
      assert.deepEqual([made.status, made.body], [404, { message: `This path is not served: POST ${path}` }])
    }
  })

  test('placement groups: none is as good as null, and there is no other', async () => {
    const { id } = await create({ placement_group: null })
    const at = `${zone}/servers/${id}`
    assert.equal((await good('PATCH', at, { placement_group: null })).server.placement_group, null)
    for (const [method, path, body] of [
      ['PATCH', at, {}],
      ['POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S' }],
    ] as const) {
      const unknown = await call(method, path, { ...body, placement_group: nobody })
      assert.deepEqual([unknown.status, unknown.body], [404, gone('instance_placement_group')])
      assert.deepEqual(refused(await call(method, path, { ...body, placement_group: 'x' })), [
        400,
        'placement_group constraint: not a valid value',
      ])
    }
  })

  test('a server’s type changes while it is stopped; what a body must name is said at once', async () => {
    const { id } = await create()
    const at = `${zone}/servers/${id}`
    assert.equal(
      (await good('PATCH', at, { commercial_type: 'PRO2-XXS' })).server.commercial_type,
      'PRO2-XXS',
    )
    await good('POST', `${at}/action`, { action: 'poweron' })
    assert.equal((await good('PATCH', at, { commercial_type: 'PRO2-XXS', name: 'n' })).server.name, 'n')
    assert.equal(
      (await call('PATCH', at, { commercial_type: 'DEV1-S' })).body.precondition,
      'resource_not_usable',
    )
    assert.deepEqual(refused(await call('POST', `${zone}/servers`, { name: 'x' })), [
      400,
      ...['commercial_type', 'image', 'volumes'].map((key) => `${key} required: a value is required`),
    ])
  })

  const pools = (addresses: string) => `
quarantine: "0"
pools:
  - { kind: public-ipv4, prefixes: [198.51.100.0/30] }
  - { kind: public-ipv6-prefix, prefixes: [${addresses}] }
`
  interface Ip {
    readonly id: string
    readonly address: string | null
    readonly prefix: string | null
    readonly server: { readonly id: string; readonly name: string } | null
    readonly state: string
  }
  const reserve = async (body: object = {}): Promise<Ip> => (await good('POST', `${zone}/ips`, body)).ip
  const ip = async (id: string): Promise<Ip> => (await good('GET', `${zone}/ips/${id}`)).ip
  const ipsOf = async (server: string) =>
    (await good('GET', `${zone}/servers/${server}`)).server.public_ips.map((each: { id: string }) => each.id)
  const judge = async (server: string, destination: string) => {
    const packet = {
      protocol: 'tcp',
      source: '203.0.113.9',
      destination,
      sourcePort: 40_000,
      destinationPort: 22,
    }
    const { body } = await service.call('POST', '/v1/trace', { server, direction: 'ingress', packet })
    return [body.action, body.note]
  }

  test('flexible IPs: reserved, read by id and by address, tagged, given back', async () => {
    const made = await call('POST', `${zone}/ips`, { project: projects.first, tags: ['a'] })
    const { id, address, ipam_id: ipam, ...rest } = made.body.ip
    assert.equal(made.status, 201)
    assert.equal(made.headers.get('location'), `${service.url}${zone}/ips/${id}`)
    assert.match(address, /^198\.18\./)
    assert.deepEqual(Object.keys(made.body.ip), [
      ...[
        'id',
        'address',
        'prefix',
        'reverse',
        'server',
        'organization',
        'project',
        'zone',
        'type',
        'state',
        'tags',
      ],
      'ipam_id',
    ])
    assert.equal(typeof ipam, 'string')
    const none = {
      prefix: null,
      reverse: null,
      server: null,
      organization: projects.first,
      project: projects.first,
    }
    assert.deepEqual(rest, { ...none, zone: 'fr-par-1', type: 'routed_ipv4', state: 'detached', tags: ['a'] })
    for (const called of [id, address])
      assert.deepEqual((await good('GET', `${zone}/ips/${called}`)).ip, made.body.ip)

    const { ip: v6 } = await good('POST', `${zone}/ips`, { type: 'routed_ipv6' })
    assert.deepEqual([v6.address, v6.type], [null, 'routed_ipv6'])
    assert.match(v6.prefix, /^2001:db8:[0-9a-f:]+::\/64$/)
    const list = await call('GET', `${zone}/ips?page=1`)
    assert.deepEqual(
      [list.headers.get('x-total-count'), list.headers.get('link'), list.body.ips.length],
      ['2', '</ips?page=1&per_page=50&>; rel="last"', 2],
    )
    for (const [query, count] of [
      ...([
        ['type=routed_ipv6', 1],
        ['tags=a', 1],
        ['tags=a,b', 0],
        [`project=${projects.second}`, 0],
      ] as const),
      ...([
        ['page=2', 0],
        [`name=${address}`, 1],
        [`organization=${projects.first}`, 2],
      ] as const),
    ])
      assert.equal((await good('GET', `${zone}/ips?${query}`)).ips.length, count, query)

    assert.deepEqual((await good('PATCH', `${zone}/ips/${id}`, { tags: ['x', 'y'] })).ip.tags, ['x', 'y'])
    assert.deepEqual((await good('PATCH', `${zone}/ips/${id}`, {})).ip.tags, ['x', 'y'])
    assert.deepEqual((await good('PATCH', `${zone}/ips/${id}`, { reverse: null })).ip.reverse, null)
    const reverse = await call('PATCH', `${zone}/ips/${id}`, { reverse: 'vm.example.com' })
    assert.deepEqual(refused(reverse)[0], 400)
    assert.deepEqual(
      [reverse.body.details[0].argument_name, reverse.body.details[0].reason],
      ['reverse', 'constraint'],
    )
    assert.equal((await call('POST', `${zone}/ips`, { type: 'nat' })).status, 400)
    assert.deepEqual((await call('POST', `${zone}/ips`, { server: nobody })).body, gone('instance_server'))
    assert.deepEqual(
      (await call('PATCH', `${zone}/ips/${id}`, { server: nobody })).body,
      gone('instance_server'),
    )

    assert.equal((await call('DELETE', `${zone}/ips/${address}`)).status, 204)
    for (const [called, named] of [
      [id, id],
      [address, `${address}/32`],
      ['51.15.242.82', '51.15.242.82/32'],
    ] as const) {
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const answer = await call(method, `${zone}/ips/${called}`, method === 'PATCH' ? {} : undefined)
        assert.deepEqual([answer.status, answer.body], [404, gone('instance_ip', named)])
      }
    }
    for (const called of [v6.id, v6.prefix.replace('/64', '1')]) {
      assert.equal((await call('GET', `${zone}/ips/${called}`, undefined, secretKeys.foreign)).status, 404)
    }
    assert.equal((await call('GET', `/instance/v1/zones/nl-ams-1/ips/${v6.id}`)).status, 404)
    assert.deepEqual((await call('GET', `${zone}/ips`, undefined, secretKeys.foreign)).body.ips, [])
  })

  test('flexible IPs come to servers, move between them, and stay when a server ends', async () => {
    const [v4, v6] = [await reserve({ tags: ['t'] }), await reserve({ type: 'routed_ipv6' })]
    const server = await create({ public_ips: [v4.id, v6.id] })
    const at = `${zone}/servers/${server.id}`
    const [first, second] = server.public_ips
    assert.deepEqual(server.public_ip, first)
    const { ipam_id: ipam, ...shown } = first
    assert.deepEqual(shown, {
      ...{
        id: v4.id,
        address: v4.address,
        dynamic: false,
        gateway: '62.210.0.1',
        netmask: '32',
        family: 'inet',
      },
      ...{ provisioning_mode: 'dhcp', tags: ['t'], state: 'attached' },
    })
    assert.equal(Object.keys(first).length, 10)
    assert.deepEqual(
      [second.id, second.netmask, second.family, second.provisioning_mode],
      [v6.id, '64', 'inet6', 'slaac'],
    )
    assert.ok(second.address.startsWith(String(v6.prefix).replace('::/64', ':')), second.address)
    assert.equal((await good('GET', `${zone}/ips/${v4.id}`)).ip.ipam_id, ipam)
    assert.deepEqual(
      [(await ip(v6.id)).state, (await ip(v6.id)).server],
      ['attached', { id: server.id, name: 'vm' }],
    )
    assert.deepEqual((await judge(server.id, String(v4.address)))[1], undefined)
    assert.deepEqual(
      await good('GET', `${zone}/ips/${second.address}`),
      await good('GET', `${zone}/ips/${v6.id}`),
    )

    // As an answer it is written back, and nothing changes.
    const read = (await good('GET', at)).server
    assert.deepEqual((await good('PATCH', at, read)).server, read)
    assert.deepEqual((await good('PATCH', at, { public_ips: [v6.id, v4.id] })).server.public_ip.id, v6.id)
    assert.deepEqual((await good('PATCH', at, { public_ips: [] })).server.public_ips, [])
    assert.deepEqual([(await ip(v4.id)).state, (await ip(v4.id)).server], ['detached', null])
    assert.match((await judge(server.id, String(v4.address)))[1], /no interface of the server has/)

    const other = await create({ name: 'other', public_ip: v4.id })
    assert.deepEqual(await ipsOf(other.id), [v4.id])
    assert.equal((await good('PATCH', `${zone}/ips/${v4.id}`, { server: server.id })).ip.server.name, 'vm')
    assert.deepEqual([await ipsOf(other.id), await ipsOf(server.id)], [[], [v4.id]])
    await good('PATCH', `${zone}/ips/${v6.id}`, { server: server.id, tags: ['both'] })
    assert.deepEqual(await ipsOf(server.id), [v4.id, v6.id])
    await good('PATCH', `${zone}/servers/${other.id}`, { public_ips: [v6.id] })
    assert.deepEqual([await ipsOf(other.id), await ipsOf(server.id)], [[v6.id], [v4.id]])
    const third = await create({ name: 'third', public_ips: [v6.id, v4.id] })
    assert.deepEqual(
      [await ipsOf(other.id), await ipsOf(server.id), await ipsOf(third.id)],
      [[], [], [v6.id, v4.id]],
    )
    assert.equal((await good('PATCH', `${zone}/ips/${v6.id}`, { server: null })).ip.state, 'detached')
    assert.deepEqual(await ipsOf(third.id), [v4.id])

    await good('PATCH', `${zone}/ips/${v6.id}`, { server: third.id })
    assert.equal((await call('DELETE', `${zone}/servers/${third.id}`)).status, 204)
    for (const { id } of [v4, v6])
      assert.deepEqual([(await ip(id)).state, (await ip(id)).server], ['detached', null])
    await good('PATCH', `${zone}/ips/${v4.id}`, { server: server.id })
    assert.equal((await call('DELETE', `${zone}/ips/${v4.id}`)).status, 204)
    assert.deepEqual(await ipsOf(server.id), [])

    for (const [method, path, body] of [
      ['POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S', public_ips: [nobody] }],
      ['POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S', public_ip: nobody }],
      ['PATCH', at, { public_ips: [v6.id, nobody] }],
    ] as const) {
      const answer = await call(method, path, body)
      assert.deepEqual([answer.status, answer.body], [404, gone('instance_ip')])
    }
    assert.equal((await ip(v6.id)).state, 'detached')
    assert.equal((await call('PATCH', at, { public_ips: 'x' })).status, 400)
    // A server of an inventory keeps its own beside them.
    await good('PATCH', `${zone}/ips/${v6.id}`, { server: servers.instance })
    const instance = (await good('GET', `${zone}/servers/${servers.instance}`)).server
    assert.deepEqual(
      instance.public_ips.map((each: Record<string, unknown>) => each.address),
      [instance.public_ip.address, '192.0.2.40', '2001:db8::40'],
    )
    assert.deepEqual((await good('PATCH', `${zone}/servers/${servers.instance}`, instance)).server, instance)
  })

  test('many servers want one IP: one has it, and no other address of theirs is lost', async () => {
    const wanted = await reserve()
    const all = await Promise.all(
      Array.from({ length: 4 }, async () => (await create({ public_ips: [(await reserve()).id] })).id),
    )
    const answers = await Promise.all(
      all.map((server) => call('PATCH', `${zone}/ips/${wanted.id}`, { server })),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    const had = await Promise.all(all.map(ipsOf))
    assert.deepEqual(had.map((ids) => ids.length).toSorted(), [1, 1, 1, 2])
    assert.equal((await ip(wanted.id)).server?.id, all[had.findIndex((ids) => ids.includes(wanted.id))])
    const [a = '', b = ''] = all
    const more = await Promise.all(Array.from({ length: 4 }, () => reserve()))
    await Promise.all(more.map(({ id }) => good('PATCH', `${zone}/ips/${id}`, { server: a })))
    assert.equal((await ipsOf(a)).length, (had[0]?.length ?? 0) + 4)
    assert.equal((await ipsOf(b)).length, had[1]?.length)
  })

  test('a dynamic address comes with power and goes with it; it is no flexible one, and a trace knows it', async () => {
    const server = await create({ dynamic_ip_required: true })
    const at = `${zone}/servers/${server.id}`
    const act = (action: string) => good('POST', `${at}/action`, { action })
    const shown = async () => (await good('GET', at)).server.public_ips
    assert.deepEqual([server.public_ips, server.public_ip], [[], null])
    await act('poweron')
    const [dynamic, ...others] = await shown()
    assert.deepEqual([dynamic.dynamic, dynamic.state, dynamic.family, others], [true, 'pending', 'inet', []])
    assert.equal((await judge(server.id, dynamic.address))[1], undefined)
    assert.deepEqual((await good('GET', `${zone}/ips`)).ips, [])
    await act('reboot')
    await act('stop_in_place')
    assert.equal((await shown())[0].address, dynamic.address)
    await act('poweroff')
    assert.deepEqual(await shown(), [])
    assert.match((await judge(server.id, dynamic.address))[1], /no interface of the server has/)

    await act('poweron')
    const flexible = await reserve({ server: server.id })
    assert.deepEqual(await ipsOf(server.id), [flexible.id])
    await good('PATCH', `${zone}/ips/${flexible.id}`, { server: null })
    await good('PATCH', at, { dynamic_ip_required: false })
    await good('PATCH', at, { dynamic_ip_required: true })
    assert.equal((await shown())[0].dynamic, true)
    await good('PATCH', at, { dynamic_ip_required: false })
    assert.deepEqual(await shown(), [])
    await good('PATCH', `${zone}/ips/${flexible.id}`, { server: server.id })
    await good('PATCH', at, { dynamic_ip_required: true })
    assert.deepEqual(await ipsOf(server.id), [flexible.id])
    const v6 = await create({
      dynamic_ip_required: true,
      public_ips: [(await reserve({ type: 'routed_ipv6' })).id],
    })
    await good('POST', `${zone}/servers/${v6.id}/action`, { action: 'poweron' })
    const both = (await good('GET', `${zone}/servers/${v6.id}`)).server.public_ips
    assert.deepEqual(
      both.map((each: Record<string, unknown>) => [each.family, each.dynamic]),
      [
        ['inet6', false],
        ['inet', true],
      ],
    )
  })

  test('an empty pool is 403, and nothing is made; what is given back is handed out again', async () => {
    const small = await start({ addresses: pools('2001:db8:77::/64') })
    try {
      const send = (method: string, path: string, body?: unknown) =>
        small.call(method, path, body, secretKeys.right)
      const made: string[] = []
      for (let last: Reply | undefined; last?.status !== 403; ) {
        last = await send('POST', `${zone}/ips`, {})
        if (last.status === 201) made.push(last.body.ip.id)
        else {
          const { type, details } = last.body
          assert.deepEqual([last.status, type, details[0].resource], [403, 'quotas_exceeded', 'instance_ip'])
        }
      }
      assert.equal((await send('GET', `${zone}/ips`)).headers.get('x-total-count'), String(made.length))
      assert.equal((await send('POST', `${zone}/ips`, { type: 'routed_ipv6' })).status, 201)
      assert.equal((await send('POST', `${zone}/ips`, { type: 'routed_ipv6' })).status, 403)
      const { server } = (
        await send('POST', `${zone}/servers`, {
          name: 'x',
          commercial_type: 'DEV1-S',
          dynamic_ip_required: true,
        })
      ).body
      const power = () => send('POST', `${zone}/servers/${server.id}/action`, { action: 'poweron' })
      assert.equal((await power()).status, 403)
      assert.equal((await send('GET', `${zone}/servers/${server.id}`)).body.server.state, 'stopped')
      assert.equal((await send('DELETE', `${zone}/ips/${made[0]}`)).status, 204)
      assert.equal((await power()).status, 202)
    } finally {
      await small.close()
    }
  })

  test('what is refused sets no address aside, and what is tried again takes no second one', async () => {
    let overtaken = 0
    const small = await start({
      addresses: `${pools('2001:db8:77::/64')}  - { kind: public-ipv6, prefixes: ["2001:db8:78::/126"] }\n`,
      inventory: `
accounts:
  - name: acme
    credentials: [ { accessKey: SCWACME0000000000000, secretKey: ${secretKeys.right['x-auth-token']} } ]
    servers: [ { profile: scaleway, id: ${servers.instance}, name: cable-less, zone: fr-par-1 } ]
`,
      through: (storage) => ({
        ...storage,
        run: (name, args, ...rest) =>
          name === 'updateServer' && overtaken-- > 0
            ? Promise.resolve(err({ kind: 'conflict', resource: 'document', reason: 'overtaken' }))
            : storage.run(name, args, ...rest),
      }),
    })
    try {
      const send = async (method: string, path: string, body?: unknown) => {
        const answer = await small.call(method, `${zone}${path}`, body, secretKeys.right)
        return [answer.status, answer.body] as const
      }
      const vm = { name: 'x', commercial_type: 'DEV1-S', enable_ipv6: true }
      for (const wrong of [
        ...Array.from({ length: 5 }, () => ({ public_ips: [nobody] })),
        ...Array.from({ length: 5 }, () => ({ volumes: { 1: { id: nobody } } })),
      ]) {
        assert.equal((await send('POST', '/servers', { ...vm, ...wrong }))[0], 404)
      }
      const [made, { server }] = await send('POST', '/servers', vm)
      assert.deepEqual([made, server.public_ips.length], [201, 1])
      assert.equal((await send('POST', `/servers/${server.id}/action`, { action: 'poweron' }))[0], 202)
      for (let count = 0; count < 5; count++) {
        const resize = { dynamic_ip_required: true, commercial_type: 'DEV1-M' }
        assert.equal((await send('PATCH', `/servers/${server.id}`, resize))[0], 400)
        assert.equal((await send('POST', '/ips', { server: servers.instance }))[0], 400)
      }
      overtaken = 5
      assert.equal((await send('PATCH', `/servers/${server.id}`, { dynamic_ip_required: true }))[0], 200)
      assert.equal((await send('POST', '/ips', {}))[0], 201)
      assert.equal((await send('POST', '/ips', {}))[0], 403)
      assert.ok(overtaken < 0)
    } finally {
      await small.close()
    }
  })

  test('a server has ten flexible IPs at most, whichever way they come, beside all of its own', async () => {
    const { id } = await create()
    const all = await Promise.all(Array.from({ length: 11 }, () => reserve()))
    const help = 'the server has 10 addresses, which is the most'
    const answers = await Promise.all(
      all.map((each) => call('PATCH', `${zone}/ips/${each.id}`, { server: id })),
    )
    const [no, ...more] = answers.filter(({ status }) => status !== 200)
    assert.deepEqual([no && refused(no), more], [[400, `server constraint: ${help}`], []])
    assert.deepEqual(refused(await call('POST', `${zone}/ips`, { server: id })), [
      400,
      `server constraint: ${help}`,
    ])
    assert.deepEqual(
      refused(await call('PATCH', `${zone}/servers/${id}`, { public_ips: all.map((each) => each.id) })),
      [400, 'public_ips constraint: at most 10'],
    )
    const [first = '', ...others] = await ipsOf(id)
    assert.equal(others.length, 9)
    // One that it has already is none more.
    await good('PATCH', `${zone}/ips/${first}`, { server: id })
    const at = `${zone}/servers/${servers.instance}`
    await good('PATCH', at, { public_ips: [first, ...others] })
    const { server: full } = await good('GET', at)
    assert.equal(full.public_ips.length, 12)
    assert.deepEqual((await good('PATCH', at, full)).server, full)
  })

  test('an IP whose server or interface an inventory ends is detached, and what is done to it meanwhile lasts', async () => {
    const reload = async (text: string) =>
      assert.ok((await loadInventory(service.storage, text, Date.now(), providers)).ok)
    const elsewhere = '00eeee01-32db-4b09-9f5f-30d9e9afb565'
    const nic = '{ addresses: [192.0.2.40, "2001:db8::40"] }'
    const others = inventory
      .replace(servers.instance, elsewhere)
      .replace('192.0.2.40, "2001:db8::40"', '192.0.2.41')
    const at = `${zone}/servers/${servers.instance}`
    const attach = (id: string, server: string | null) => good('PATCH', `${zone}/ips/${id}`, { server })
    const shown = async () =>
      (await good('GET', at)).server.public_ips.map((each: Record<string, string>) => each.address)
    const addressesOf = async (server: string) =>
      (await service.storage.interfaces(server)).flatMap(({ addresses }) => addresses).slice()
    const own = ['192.0.2.40', '2001:db8::40']

    const moved = await reserve({ server: servers.instance })
    const detached = await reserve({ server: servers.instance })
    const ended = await reserve({ server: servers.instance })
    const untouched = await reserve({ server: servers.instance })
    const v6 = await reserve({ server: servers.instance, type: 'routed_ipv6' })
    await reload(others)
    const to = (await create()).id
    assert.deepEqual([(await ip(moved.id)).server, (await ip(moved.id)).state], [null, 'detached'])
    await attach(moved.id, to)
    await attach(detached.id, null)
    await good('PATCH', `${zone}/servers/${to}`, { public_ips: [moved.id, v6.id] })
    assert.equal((await call('DELETE', `${zone}/ips/${ended.id}`)).status, 204)
    await reload(inventory)
    assert.deepEqual(await shown(), [untouched.address, ...own])
    assert.deepEqual(await addressesOf(servers.instance), [...own, untouched.address, '10.0.0.40'])
    assert.deepEqual(await ipsOf(to), [moved.id, v6.id])
    assert.equal((await ip(detached.id)).server, null)

    // The file gives the server another interface: what was attached to the old one is not.
    await reload(inventory.replace(nic, nic.replace('{', '{ id: another-nic,')))
    assert.deepEqual(await shown(), own)
    const [listed] = (await good('GET', `${zone}/ips?name=${untouched.address}`)).ips
    assert.deepEqual([listed, listed.state], [await ip(untouched.id), 'detached'])
    await attach(untouched.id, servers.instance)
    assert.deepEqual(await shown(), [untouched.address, ...own])
    assert.ok((await addressesOf(servers.instance)).includes(untouched.address ?? ''))
    await attach(untouched.id, null)
    assert.deepEqual(await shown(), own)
  })

  test('a key of user data is kept as it is named, or refused', async () => {
    const at = `${zone}/servers/${servers.instance}/user_data`
    for (const key of ['%00', '%EF%BF%BD', 'a%00b', 'a%2Fb']) {
      assert.equal((await plain('PATCH', `${at}/${key}`)).status, 400, key)
      assert.equal((await call('GET', `${at}/${key}`)).status, 404, key)
    }
    for (const key of ['__proto__', '\n', 'é', 'e\u0301', '😀']) {
      assert.equal((await plain('PATCH', `${at}/${encodeURIComponent(key)}`, key)).status, 204, key)
      assert.equal((await call('GET', `${at}/${encodeURIComponent(key)}`)).text, key)
    }
    assert.equal((await good('GET', at)).user_data.length, 5)
  })

  test('a project with volumes or addresses is not empty', async () => {
    const { id } = await good('POST', '/account/v3/projects', { name: 'p' })
    const { volume } = await good('POST', `${zone}/volumes`, { name: 'v', project: id, size: 5e9 })
    const address = await reserve({ project: id })
    assert.equal((await call('DELETE', `/account/v3/projects/${id}`)).status, 400)
    assert.equal((await call('DELETE', `${zone}/volumes/${volume.id}`)).status, 204)
    assert.equal((await call('DELETE', `/account/v3/projects/${id}`)).status, 400)
    assert.equal((await call('DELETE', `${zone}/ips/${address.id}`)).status, 204)
    assert.equal((await call('DELETE', `/account/v3/projects/${id}`)).status, 204)
  })
})
