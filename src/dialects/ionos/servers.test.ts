/** Servers as clients use them around firewalls: volumes, power, types and labels (contract: ionos-more §5 to §7). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  credentials,
  datacenters,
  nics,
  onBothStores,
  providers,
  type Reply,
  servers,
  startService,
  type TestService,
} from '../../../test/support/service.ts'
import { loadInventory } from '../../service/inventory.ts'

const base = '/cloudapi/v6'
const dc = `${base}/datacenters/${datacenters.own}`
const volumes = `${dc}/volumes`
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Of the vendor's: in no catalogue. */
const image = '15f67991-0f51-4efc-a8ad-ef1fb31a480c'

onBothStores('IONOS Cloud servers', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    service.call(method, path, body, headers)
  /** Asserts the status, and of a mutation that its request is DONE. */
  async function ok(method: string, path: string, body?: unknown): Promise<Reply> {
    const answer = await call(method, path, body)
    assert.equal(answer.status, method === 'GET' ? 200 : 202, `${method} ${path}: ${answer.text}`)
    if (method !== 'GET') assert.equal((await request(answer)).metadata.status, 'DONE')
    return answer
  }
  async function request(answer: Reply) {
    const location = answer.headers.get('location') ?? ''
    return (await call('GET', location.slice(service.url.length))).body
  }
  /** Kind and id of each target of a request. */
  async function targets(answer: Reply): Promise<string[]> {
    const { metadata } = await request(answer)
    return metadata.targets.map(
      ({ target }: { target: { id: string; type: string } }) => `${target.type} ${target.id}`,
    )
  }
  async function refused(answer: Promise<Reply>, status: number, code: string, message: RegExp) {
    const { status: came, body, text } = await answer
    assert.equal(came, status, text)
    assert.equal(body.messages[0].errorCode, code, text)
    assert.match(body.messages[0].message, message)
  }
  const get = async (path: string) => (await ok('GET', path)).body
  const properties = async (path: string) => (await get(path)).properties
  const blank = { name: 'disk', size: 10, licenceType: 'OTHER' }
  const volume = async (more: object = {}): Promise<string> =>
    (await ok('POST', volumes, { properties: { ...blank, ...more } })).body.id
  /** Ids are those of nested volumes and NICs, in order. */
  async function server(given: object = {}, entities: object = {}) {
    const properties = { name: 's', cores: 1, ram: 1024, ...given }
    const { body } = await ok('POST', `${dc}/servers?depth=5`, { properties, entities })
    const ids = (name: string): string[] => body.entities[name].items.map(({ id }: { id: string }) => id)
    return {
      id: body.id as string,
      at: `${dc}/servers/${body.id}`,
      volumes: ids('volumes'),
      nics: ids('nics'),
    }
  }
  const items = (...all: object[]) => ({ items: all.map((properties) => ({ properties })) })

  test('a volume by itself: made, attached, read both ways, detached, deleted (IO6)', async () => {
    const made = await ok('POST', volumes, { properties: { ...blank, sshKeys: [] } })
    const { id } = made.body
    assert.equal(made.body.entities, undefined)
    assert.deepEqual(await targets(made), [`volume ${id}`])
    const { bus, availabilityZone, deviceNumber, pciSlot, sshKeys } = made.body.properties
    assert.deepEqual([bus, availabilityZone, deviceNumber, pciSlot, sshKeys], [null, null, null, null, []])
    const free = {
      ...{ name: 'disk', type: 'HDD', size: 10, availabilityZone: 'AUTO', image: null, imageAlias: null },
      ...{ imagePassword: null, sshKeys: null, bus: null, licenceType: 'OTHER', applicationType: 'UNKNOWN' },
      ...{ cpuHotPlug: false, ramHotPlug: false, nicHotPlug: false, nicHotUnplug: false },
      ...{
        discVirtioHotPlug: false,
        discVirtioHotUnplug: false,
        exposeSerial: false,
        requireLegacyBios: true,
      },
      ...{ deviceNumber: null, pciSlot: null, backupunitId: null, userData: null },
      ...{ bootServer: null, bootOrder: 'NONE' },
    }
    assert.deepEqual(await properties(`${volumes}/${id}`), free)

    const { at, id: owner } = await server()
    await refused(call('GET', `${at}/volumes/${id}`), 404, '309', /Resource does not exist/)
    const attached = await ok('POST', `${at}/volumes`, { id })
    assert.deepEqual(await targets(attached), [`volume ${id}`])
    assert.equal(attached.body.href, `${service.url}${volumes}/${id}`)
    assert.deepEqual([attached.body.properties.deviceNumber, attached.body.properties.pciSlot], [0, null])
    const now = { ...free, bus: 'VIRTIO', deviceNumber: 1, pciSlot: 5, bootOrder: 'AUTO' }
    for (const path of [`${volumes}/${id}`, `${at}/volumes/${id}`])
      assert.deepEqual(await properties(path), now)
    const listed = await get(`${at}/volumes?depth=1`)
    assert.equal(listed.id, `${owner}/volumes`)
    assert.deepEqual(
      listed.items.map((each: { properties: object }) => each.properties),
      [now],
    )
    const again = await ok('POST', `${at}/volumes`, { id })
    assert.deepEqual(again.body.properties, now)

    const detached = await ok('DELETE', `${at}/volumes/${id}`)
    assert.deepEqual([detached.text, detached.headers.get('content-type')], ['', null])
    assert.deepEqual(await targets(detached), [`volume ${id}`])
    await refused(call('DELETE', `${at}/volumes/${id}`), 404, '309', /Resource does not exist/)
    assert.deepEqual(await properties(`${volumes}/${id}`), free)
    await ok('DELETE', `${volumes}/${id}`)
    await refused(call('GET', `${volumes}/${id}`), 404, '309', /Resource does not exist/)
  })

  test('a server counts its devices on, and renumbers none', async () => {
    const {
      at,
      id,
      volumes: own,
      nics: first,
    } = await server({}, { volumes: items(blank, blank), nics: items({ lan: 1 }) })
    const numbers = async () => {
      const { entities } = await get(`${at}?depth=5`)
      const of = (name: string) =>
        entities[name].items.map(
          ({ properties: { deviceNumber, pciSlot } }: { properties: Record<string, number> }) => [
            deviceNumber,
            pciSlot,
          ],
        )
      return { volumes: of('volumes'), nics: of('nics') }
    }
    const two = {
      volumes: [
        [1, 5],
        [2, 6],
      ],
      nics: [[null, 7]],
    }
    assert.deepEqual(await numbers(), two)
    const third = await volume()
    await ok('POST', `${at}/volumes`, { id: third })
    await ok('POST', `${at}/nics`, { properties: { lan: 2 } })
    assert.deepEqual(await numbers(), {
      volumes: [...two.volumes, [3, 8]],
      nics: [
        [null, 7],
        [null, 9],
      ],
    })
    await ok('DELETE', `${at}/volumes/${own[0]}`)
    await ok('DELETE', `${at}/nics/${first[0]}`)
    assert.deepEqual(await numbers(), {
      volumes: [
        [2, 6],
        [3, 8],
      ],
      nics: [[null, 9]],
    })
    await ok('POST', `${at}/volumes`, { id: own[0] })
    const last = (await ok('POST', `${at}/nics`, { properties: { lan: 2 } })).body.id
    assert.deepEqual(await numbers(), {
      volumes: [
        [2, 6],
        [3, 8],
        [4, 10],
      ],
      nics: [
        [null, 9],
        [null, 11],
      ],
    })
    // The highest numbers are not given out again either.
    await ok('DELETE', `${at}/volumes/${own[0]}`)
    await ok('DELETE', `${at}/nics/${last}`)
    await ok('POST', `${at}/nics`, { properties: { lan: 2 } })
    await ok('POST', `${at}/volumes`, { id: own[0] })
    assert.deepEqual(await numbers(), {
      volumes: [
        [2, 6],
        [3, 8],
        [5, 13],
      ],
      nics: [
        [null, 9],
        [null, 12],
      ],
    })
    assert.match(id, uuid)
  })

  test('slots of NICs begin where volumes end, and those of an inventory at 5', async () => {
    const none = await server({}, { nics: items({ lan: 1 }, { lan: 1 }) })
    const slots = async (at: string) =>
      (await get(`${at}/nics?depth=1`)).items.map(
        (nic: { properties: { pciSlot: number } }) => nic.properties.pciSlot,
      )
    assert.deepEqual(await slots(none.at), [5, 6])
    const one = await server({}, { volumes: items(blank), nics: items({ lan: 1 }) })
    assert.deepEqual(await slots(one.at), [6])
    const cube = `${dc}/servers/${servers.cube}`
    assert.deepEqual(await slots(cube), [5, 6])
    const id = await volume()
    await ok('POST', `${cube}/volumes`, { id })
    const { deviceNumber, pciSlot } = await properties(`${volumes}/${id}`)
    assert.deepEqual([deviceNumber, pciSlot, await slots(cube)], [1, 7, [5, 6]])
    await ok('DELETE', `${volumes}/${id}`)
  })

  test('what a server starts from', async () => {
    const blanks = await server({}, { volumes: items(blank, blank) })
    assert.equal((await properties(blanks.at)).bootVolume, null)
    const [first = '', second = ''] = blanks.volumes
    const ref = (id: string) => ({ id, type: 'volume', href: `${service.url}${volumes}/${id}` })
    const patched = await ok('PATCH', blanks.at, { bootVolume: { id: second } })
    assert.deepEqual(patched.body.properties.bootVolume, ref(second))
    assert.deepEqual(await targets(patched), [`server ${blanks.id}`, `volume ${second}`])
    assert.equal((await properties(`${volumes}/${second}`)).bootServer, blanks.id)
    assert.equal((await properties(`${volumes}/${first}`)).bootServer, null)
    await ok('DELETE', `${blanks.at}/volumes/${second}`)
    assert.equal((await properties(blanks.at)).bootVolume, null)
    await ok('PATCH', blanks.at, { bootVolume: { id: first } })
    await ok('PATCH', blanks.at, { bootVolume: null })
    assert.equal((await properties(blanks.at)).bootVolume, null)
    for (const id of [second, image])
      await refused(call('PATCH', blanks.at, { bootVolume: { id } }), 422, '200', /is not attached/)
    for (const wrong of ['x', {}, { id: 7 }, []])
      await refused(call('PATCH', blanks.at, { bootVolume: wrong }), 422, '100', /\[\(root\)\.bootVolume\]/)

    // With an image it is what the server starts from, wherever it stands.
    const booting = await server({}, { volumes: items(blank, { name: 'os', size: 5, image }) })
    assert.deepEqual((await properties(booting.at)).bootVolume, ref(booting.volumes[1] ?? ''))
    await ok('PATCH', `${volumes}/${booting.volumes[1]}`, { bootOrder: 'NONE' })
    assert.equal((await properties(booting.at)).bootVolume, null)
    assert.equal((await properties(`${volumes}/${booting.volumes[1]}`)).bootOrder, 'NONE')
    await ok('PATCH', `${volumes}/${booting.volumes[0]}`, { bootOrder: 'PRIMARY' })
    assert.deepEqual((await properties(booting.at)).bootVolume, ref(booting.volumes[0] ?? ''))
    await ok('DELETE', `${volumes}/${booting.volumes[0]}`)
    assert.equal((await properties(booting.at)).bootVolume, null)
    const primary = await server(
      {},
      { volumes: items({ size: 1, image }, { ...blank, bootOrder: 'PRIMARY' }) },
    )
    assert.deepEqual((await properties(primary.at)).bootVolume, ref(primary.volumes[1] ?? ''))
    await ok('PATCH', booting.at, { bootCdrom: { id: image } })
    const cdrom = { id: image, type: 'image', href: `${service.url}${base}/images/${image}` }
    assert.deepEqual((await properties(booting.at)).bootCdrom, cdrom)
  })

  test('a volume moves, and stays when its server goes', async () => {
    const [from, to] = [
      await server({}, { volumes: items({ ...blank, image, licenceType: null }) }),
      await server(),
    ]
    const [id = ''] = from.volumes
    await ok('POST', `${to.at}/volumes`, { id })
    assert.deepEqual((await get(`${from.at}/volumes`)).items, [])
    assert.deepEqual(
      [(await properties(from.at)).bootVolume, (await properties(to.at)).bootVolume.id],
      [null, id],
    )
    await ok('DELETE', to.at)
    const { bootServer, deviceNumber, pciSlot } = await properties(`${volumes}/${id}`)
    assert.deepEqual([bootServer, deviceNumber, pciSlot], [null, null, null])
    // An item without properties is one that is there.
    const nested = await server({}, { volumes: { items: [{ id }, { id }, { properties: blank }] } })
    assert.deepEqual(nested.volumes.slice(0, 1), [id])
    assert.equal(nested.volumes.length, 2)
    assert.equal((await properties(`${volumes}/${id}`)).bootServer, nested.id)
    const before = (await get(`${dc}/servers`)).items.length
    const unknown = { properties: { cores: 1, ram: 1024 }, entities: { volumes: { items: [{ id: image }] } } }
    await refused(call('POST', `${dc}/servers`, unknown), 422, '200', /does not exist in the datacenter/)
    assert.equal((await get(`${dc}/servers`)).items.length, before)
    // Terraform deletes a server's volumes first.
    await ok('DELETE', `${volumes}/${id}`)
    assert.equal((await get(`${nested.at}/volumes`)).items.length, 1)
  })

  test('volumes of others do not exist, and those of another datacenter neither', async () => {
    const { at } = await server()
    const other = (await ok('POST', `${base}/datacenters`, { properties: { location: 'de/fra' } })).body.id
    const elsewhere = (await ok('POST', `${base}/datacenters/${other}/volumes`, { properties: blank })).body
      .id
    const theirs = `${base}/datacenters/${datacenters.foreign}/volumes`
    const foreign = await call('POST', theirs, { properties: blank }, credentials.foreign)
    assert.equal(foreign.status, 202)
    for (const id of [elsewhere, foreign.body.id, image, 'x', '../x', 'a/b'])
      await refused(call('POST', `${at}/volumes`, { id }), 404, '309', /Resource does not exist/)
    for (const path of [
      `${theirs}/${foreign.body.id}`,
      `${volumes}/${foreign.body.id}`,
      `${volumes}/${elsewhere}`,
    ])
      for (const method of ['GET', 'PATCH', 'DELETE'])
        await refused(
          call(method, path, method === 'PATCH' ? {} : undefined),
          404,
          '309',
          /Resource does not exist/,
        )
    await refused(
      call('POST', `${at}/volumes`, {}),
      422,
      '100',
      /\[\(root\)\.id\] Attribute 'id' is required/,
    )
    await ok('DELETE', `${base}/datacenters/${other}`)
    assert.equal((await call('GET', theirs, undefined, credentials.foreign)).body.items.length, 1)
    assert.equal(await service.storage.document('ionos', 'volume', `${other}/${elsewhere}`), undefined)
  })

  test('exposeSerial and requireLegacyBios are read as they were written (IO3)', async () => {
    const {
      volumes: [id],
    } = await server({}, { volumes: items({ ...blank, exposeSerial: true }) })
    const path = `${volumes}/${id}`
    const read = async () => {
      const { exposeSerial, requireLegacyBios, bus } = await properties(path)
      return [exposeSerial, requireLegacyBios, bus]
    }
    assert.deepEqual(await read(), [true, true, 'VIRTIO'])
    await ok('PATCH', path, { exposeSerial: false, requireLegacyBios: false, bus: 'IDE' })
    assert.deepEqual(await read(), [false, false, 'IDE'])
    await ok('PATCH', path, { exposeSerial: true })
    assert.deepEqual(await read(), [true, false, 'IDE'])
  })

  test('secrets of guests are in no later answer, no log of requests and not in the store', async () => {
    const secrets = {
      imagePassword: 'hush-password',
      sshKeys: ['ssh-rsa hush-key'],
      userData: Buffer.from('hush data').toString('base64'),
    }
    const body = {
      properties: { name: 's', cores: 1, ram: 1024 },
      entities: { volumes: items({ ...blank, image, ...secrets }) },
    }
    const created = await ok('POST', `${dc}/servers?depth=5`, body)
    const alone = await ok('POST', volumes, { properties: { ...blank, ...secrets } })
    const [nested] = created.body.entities.volumes.items
    const texts = [created, alone].map(({ text }) => text)
    for (const path of [
      `${volumes}/${nested.id}`,
      `${volumes}/${alone.body.id}`,
      `${dc}?depth=10`,
      `${base}/requests?depth=10`,
    ])
      texts.push((await ok('GET', path)).text)
    const account = (await service.storage.accounts()).find(({ name }) => name === 'acme')?.id ?? ''
    texts.push(JSON.stringify(await service.storage.documents({ account, profile: 'ionos', kind: 'volume' })))
    texts.push(JSON.stringify(await service.storage.servers({ account })))
    texts.push(JSON.stringify(await service.storage.audit({ account, limit: 100 })))
    texts.push(JSON.stringify(await service.storage.loggedRequests(account, 'ionos', 100)))
    for (const text of texts)
      for (const secret of ['hush', secrets.userData]) assert.ok(!text.includes(secret), text.slice(0, 500))
    assert.ok(texts.some((text) => text.includes('***')))
    // They are for new volumes.
    for (const [name, value] of Object.entries(secrets))
      await refused(
        call('PATCH', `${volumes}/${alone.body.id}`, { [name]: value }),
        422,
        '100',
        /not allowed in update/,
      )
    await ok('PATCH', `${volumes}/${alone.body.id}`, { imagePassword: '', sshKeys: [], userData: null })
    const wrong = { imagePassword: 7, sshKeys: 'x', userData: 'not base64!' }
    for (const [name, value] of Object.entries(wrong))
      await refused(
        call('POST', volumes, { properties: { ...blank, [name]: value } }),
        422,
        '100',
        new RegExp(name),
      )
  })

  test('what a volume may be', async () => {
    const bad = (properties: object, message: RegExp, code = '100') =>
      refused(call('POST', volumes, { properties }), 422, code, message)
    await bad({ name: 'x', size: 10 }, /'licenceType' is required where no image is given/)
    await bad({ licenceType: 'OTHER' }, /'size' is required/)
    await bad({ ...blank, size: 0 }, /greater than 0/)
    await bad({ ...blank, size: -1 }, /size/)
    await bad({ ...blank, size: 'ten' }, /must be a number/)
    await bad({ ...blank, type: 'FLOPPY' }, /Expected one of \[HDD, SSD/)
    await bad({ ...blank, type: 'DAS' }, /only allowed for a volume made with its Cube/)
    await bad({ ...blank, licenceType: 'MINE' }, /licenceType\] Attribute value 'MINE' not allowed/)
    await bad({ ...blank, bus: 'SCSI' }, /Expected one of \[VIRTIO, IDE, UNKNOWN\]/)
    await bad({ ...blank, availabilityZone: 'ZONE_9' }, /Expected one of/)
    await bad({ ...blank, bootOrder: 'LAST' }, /Expected one of/)
    await bad({ ...blank, image: 'ubuntu' }, /must be a UUID/)
    await bad({ ...blank, image, imageAlias: 'ubuntu:latest' }, /not allowed together with image/)
    await bad({ ...blank, backupunitId: image }, /backup units are not kept/, '200')
    await bad({ ...blank, imageAlias: 'no:such' }, /No image in de\/txl has the alias 'no:such'/)
    // A licence in any case, a type as it is written, an image that is not known here.
    for (const licenceType of ['unknown', 'other', 'Linux', 'WINDOWS2022'])
      assert.equal(
        (await properties(`${volumes}/${await volume({ licenceType, type: 'SSD Premium' })}`)).licenceType,
        licenceType,
      )
    const made = await properties(
      `${volumes}/${(await ok('POST', volumes, { properties: { image, size: '12.5', exposeSerial: 'true' } })).body.id}`,
    )
    assert.deepEqual(
      [made.image, made.size, made.licenceType, made.exposeSerial],
      [image, 12.5, 'UNKNOWN', true],
    )
    assert.deepEqual([made.cpuHotPlug, made.discVirtioHotUnplug], [true, true])

    const path = `${volumes}/${await volume()}`
    await ok('PATCH', path, { size: 20, name: null })
    assert.deepEqual([(await properties(path)).size, (await properties(path)).name], [20, null])
    for (const [change, message] of [
      [{ size: 19 }, /do not shrink/],
      [{ type: 'SSD' }, /not allowed in update requests/],
      [{ image }, /not allowed in update requests/],
      [{ imageAlias: 'ubuntu:latest' }, /not allowed in update requests/],
      [{ properties: { size: 30 } }, /PATCH takes the properties themselves/],
    ] as const)
      await refused(call('PATCH', path, change), 422, '100', message)
    await refused(call('PATCH', path, { backupunitId: image }), 422, '200', /backup units/)
    await ok('PATCH', path, { size: 20, type: 'HDD', image: '', backupunitId: null })
  })

  test('a create lists as targets what it made: the server, volumes, NICs, rules', async () => {
    const nic = {
      properties: { lan: 1, firewallActive: true },
      entities: { firewallrules: items({ protocol: 'TCP' }, { protocol: 'UDP' }) },
    }
    const body = {
      properties: { cores: 1, ram: 1024 },
      entities: { volumes: items(blank, blank), nics: { items: [nic] } },
    }
    const answer = await ok('POST', `${dc}/servers?depth=5`, body)
    const { id, entities } = answer.body
    const ids = (of: { items: { id: string }[] }, type: string) =>
      of.items.map((each) => `${type} ${each.id}`)
    const [made] = entities.nics.items
    assert.deepEqual(await targets(answer), [
      `server ${id}`,
      ...ids(entities.volumes, 'volume'),
      `nic ${made.id}`,
      ...ids(made.entities.firewallrules, 'firewall-rule'),
    ])
    assert.equal((await targets(answer)).length, 6)
    assert.deepEqual(await targets(await ok('DELETE', `${dc}/servers/${id}`)), [`server ${id}`])
  })

  test('power: the word changes, and nothing else does (IO8)', async () => {
    const {
      at,
      id,
      nics: [nic],
    } = await server({}, { nics: items({ lan: 1, firewallActive: true }) })
    const state = async () => (await properties(at)).vmState
    const act = (word: string) => ok('POST', `${at}/${word}`)
    assert.equal(await state(), 'RUNNING')
    const stopped = await act('stop')
    assert.deepEqual(
      [stopped.text, stopped.headers.get('content-type'), stopped.headers.get('content-length')],
      ['', null, '0'],
    )
    assert.match(stopped.headers.get('etag') ?? '', /^[0-9a-f]{32}$/)
    assert.deepEqual(await targets(stopped), [`server ${id}`])
    assert.equal(await state(), 'SHUTOFF')
    const version = (await properties(dc)).version
    await act('stop')
    assert.deepEqual([await state(), (await properties(dc)).version], ['SHUTOFF', version])
    assert.equal((await properties(`${at}/nics/${nic}`)).firewallActive, true)
    await act('reboot')
    assert.equal(await state(), 'RUNNING')
    await act('stop')
    // A body and a content type do no harm: SDKs send them.
    assert.equal((await call('POST', `${at}/start`, {})).status, 202)
    assert.equal(await state(), 'RUNNING')
    for (const word of ['suspend', 'resume'])
      await refused(call('POST', `${at}/${word}`), 422, '200', /servers of type ENTERPRISE do not/)
    await refused(call('POST', `${at}/explode`), 404, '309', /This path is not served here/)
    await refused(call('POST', `${dc}/servers/${image}/stop`), 404, '309', /Resource does not exist/)
    await refused(
      call('POST', `${dc}/servers/${servers.foreignCube}/stop`),
      404,
      '309',
      /Resource does not exist/,
    )
    // The state of a server of an inventory is its API's, too.
    await ok('POST', `${dc}/servers/${servers.cube}/stop`)
    assert.equal((await properties(`${dc}/servers/${servers.cube}`)).vmState, 'SHUTOFF')
    const trace = { server: servers.cube, interface: nics.cube, direction: 'ingress' }
    const packet = { protocol: 'tcp', source: '198.51.100.1', destination: '192.0.2.30', destinationPort: 1 }
    assert.equal((await call('POST', '/v1/trace', { ...trace, packet })).body.action, 'deny')
    await ok('POST', `${dc}/servers/${servers.cube}/start`)
  })

  test('VCPU: a family that nobody gave, and what can be changed of it', async () => {
    const { at } = await server({ type: 'VCPU', nicMultiQueue: true })
    const read = await properties(at)
    assert.deepEqual([read.type, read.nicMultiQueue], ['VCPU', true])
    assert.match(read.cpuFamily, /^[A-Z]+_/)
    await ok('PATCH', at, { nicMultiQueue: false, hostname: 'host', cpuFamily: null })
    const now = await properties(at)
    assert.deepEqual([now.nicMultiQueue, now.hostname, now.cpuFamily], [false, 'host', read.cpuFamily])
    await ok('POST', `${at}/stop`)
    await refused(
      call('POST', `${dc}/servers`, { properties: { type: 'VCPU', cores: 1 } }),
      422,
      '100',
      /'ram' is required/,
    )
    await refused(call('PATCH', at, { type: 'CUBE' }), 422, '100', /not allowed in update requests/)
    await refused(call('PATCH', at, { cores: null }), 422, '100', /'cores' is required/)
    await ok('PATCH', at, { type: 'VCPU' })
    const gpu = { type: 'GPU', cores: 1, ram: 1024 }
    await refused(
      call('POST', `${dc}/servers`, { properties: gpu }),
      422,
      '100',
      /Expected one of \[ENTERPRISE, CUBE, VCPU\]/,
    )
  })

  test('an alias goes in, the id of its image comes out (IO4)', async () => {
    const [offered] = (
      await get(`${base}/images?depth=1&filter.location=de/txl&filter.imageAliases=ubuntu:latest`)
    ).items
    const {
      at,
      volumes: [id],
    } = await server(
      {},
      { volumes: items({ name: 'os', imageAlias: 'Ubuntu:Latest', imagePassword: 'secret1' }) },
    )
    const read = await properties(`${volumes}/${id}`)
    assert.deepEqual(
      [read.image, read.imageAlias, read.size, read.licenceType],
      [offered.id, null, 3, 'LINUX'],
    )
    const { cpuHotPlug, ramHotPlug, nicHotPlug, nicHotUnplug, discVirtioHotPlug, discVirtioHotUnplug } = read
    const plugs = { cpuHotPlug, ramHotPlug, nicHotPlug, nicHotUnplug, discVirtioHotPlug, discVirtioHotUnplug }
    for (const [name, value] of Object.entries(plugs)) assert.equal(value, offered.properties[name], name)
    assert.equal((await properties(at)).bootVolume.id, id)
    const unknown = {
      properties: { cores: 1, ram: 1024 },
      entities: { volumes: items({ size: 1, imageAlias: 'no:such' }) },
    }
    await refused(
      call('POST', `${dc}/servers`, unknown),
      422,
      '100',
      /^\[\(root\)\.entities\.volumes\.items\.\[0\]\.properties\.imageAlias\] No image in de\/txl/,
    )
    // Sizes and licences that are given count.
    const given = await properties(
      `${volumes}/${await volume({ imageAlias: 'debian:latest', size: 8, licenceType: 'other', cpuHotPlug: false })}`,
    )
    assert.deepEqual(
      [given.size, given.licenceType, given.cpuHotPlug, given.ramHotPlug],
      [8, 'other', false, true],
    )
  })

  test('a Cube is as large as its template (IO7)', async () => {
    const template = (await get(`${base}/templates?depth=1`)).items.find(
      (each: { properties: { name: string } }) => each.properties.name === 'Basic Cube S',
    )
    const cube = { name: 'c', type: 'CUBE', templateUuid: template.id }
    const das = { name: 'os', type: 'DAS', licenceType: 'LINUX' }
    const make = (properties: object, disk: object = das) =>
      call('POST', `${dc}/servers?depth=5`, {
        properties,
        entities: { volumes: items(disk), nics: items({ lan: 1 }) },
      })
    const made = await make(cube)
    assert.equal(made.status, 202, made.text)
    assert.deepEqual([made.body.properties.cores, made.body.properties.ram], [null, null])
    const at = `${dc}/servers/${made.body.id}`
    const [{ id }] = made.body.entities.volumes.items
    const read = await properties(at)
    assert.deepEqual([read.cores, read.ram, read.templateUuid, read.cpuFamily], [2, 4096, template.id, null])
    assert.deepEqual(
      [(await properties(`${volumes}/${id}`)).size, (await properties(`${volumes}/${id}`)).type],
      [120, 'DAS'],
    )

    await refused(make({ ...cube, templateUuid: image }), 422, '100', /templateUuid\] No template has the id/)
    await refused(make({ ...cube, templateUuid: null }), 422, '100', /'templateUuid' is required/)
    await refused(make({ ...cube, cores: 1 }), 422, '100', /cores\] Attribute is not allowed/)
    await refused(make({ ...cube, ram: 1024 }), 422, '100', /ram\] Attribute is not allowed/)
    await refused(make(cube, { ...das, size: 10 }), 422, '100', /size\] Attribute is not allowed/)
    const sizes = { cores: 1, ram: 1024 }
    await refused(make({ name: 'e', ...sizes }), 422, '100', /only allowed for a volume made with its Cube/)
    await refused(
      make({ ...sizes, templateUuid: template.id }, blank),
      422,
      '100',
      /only allowed for a server of type CUBE/,
    )
    await refused(call('PATCH', at, { cores: 4 }), 422, '100', /not allowed in update requests/)
    await refused(call('PATCH', at, { templateUuid: image }), 422, '100', /not allowed in update requests/)
    await refused(
      call('PATCH', `${volumes}/${id}`, { size: 240 }),
      422,
      '100',
      /not allowed in update requests/,
    )
    await ok('PUT', at, await get(at))

    // Its volume is its own.
    const other = await server()
    await refused(call('DELETE', `${at}/volumes/${id}`), 422, '200', /stays with its Cube/)
    await refused(call('POST', `${other.at}/volumes`, { id }), 422, '200', /stays with its Cube/)
    const nested = { properties: sizes, entities: { volumes: { items: [{ id }] } } }
    await refused(call('POST', `${dc}/servers`, nested), 422, '200', /stays with its Cube/)

    await ok('POST', `${at}/suspend`)
    assert.equal((await properties(at)).vmState, 'SUSPENDED')
    await ok('POST', `${at}/resume`)
    assert.equal((await properties(at)).vmState, 'RUNNING')
    await ok('POST', `${at}/suspend`)
    await ok('POST', `${at}/reboot`)
    assert.equal((await properties(at)).vmState, 'RUNNING')
    for (const word of ['start', 'stop'])
      await refused(call('POST', `${at}/${word}`), 422, '200', /servers of type CUBE do not/)

    const extra = await volume()
    await ok('POST', `${at}/volumes`, { id: extra })
    await ok('DELETE', at)
    await refused(call('GET', `${volumes}/${id}`), 404, '309', /Resource does not exist/)
    assert.equal((await properties(`${volumes}/${extra}`)).pciSlot, null)
  })

  test('servers by name, cores, and a CPU family that nobody has', async () => {
    const name = 'needle-1'
    const { id } = await server({ name, cores: 3, cpuFamily: 'INTEL_XEON' })
    await server({ name: 'needle-2', cores: 4 })
    const ids = async (query: string) =>
      (await get(`${dc}/servers?depth=5&${query}`)).items.map((each: { id: string }) => each.id)
    assert.equal((await ids('filter.name=NEEDLE')).length, 2)
    assert.deepEqual(await ids('filter.name=needle&filter.cores=3'), [id])
    assert.deepEqual(await ids('filter.name=needle&filter.cpuFamily=xeon'), [id])
    assert.deepEqual(await ids('filter.cpuFamily=doesNotExist'), [])
    assert.deepEqual(await ids('filter.name=needle&filter.cores=30'), [])
  })

  test('labels of datacenters, servers, volumes and IP blocks (IO9)', async () => {
    const { at, id } = await server()
    const block = await ok('POST', `${base}/ipblocks`, { properties: { location: 'de/txl', size: 2 } })
    const { ips } = block.body.properties
    for (const [path, holder] of [
      [`${base}/ipblocks/${block.body.id}`, block.body.id],
      [dc, datacenters.own],
      [at, id],
      [`${dc}/servers/${servers.cube}`, servers.cube],
      ...[await volume()].map((each) => [`${volumes}/${each}`, each] as const),
    ] as const) {
      const labels = `${path}/labels`
      const before = await get(path)
      const list = async () => (await get(`${labels}?depth=1`)).items
      assert.deepEqual(await list(), [])
      const make = (key: unknown, value: unknown) => call('POST', labels, { properties: { key, value } })
      const made = await make('env', 'test')
      assert.equal(made.status, 201, made.text)
      assert.equal(made.headers.get('location'), null)
      const { metadata, ...rest } = made.body
      const href = `${service.url}${labels}/env`
      assert.deepEqual(rest, { id: 'env', type: 'label', href, properties: { key: 'env', value: 'test' } })
      assert.equal(metadata.state, undefined)
      assert.match(metadata.etag, /^[0-9a-f]{32}$/)
      assert.equal((await make('a.b-c_D', '1')).status, 201)
      const collection = await get(labels)
      assert.equal(collection.id, `${holder}/labels`)
      assert.deepEqual(
        collection.items.map((each: { id: string; properties: object }) => [each.id, each.properties]),
        [
          ['a.b-c_D', { key: 'a.b-c_D', value: '1' }],
          ['env', { key: 'env', value: 'test' }],
        ],
      )
      await refused(make('env', 'again'), 422, '200', /the label env is there already/)
      const changed = await call('PUT', `${labels}/env`, { properties: { key: 'env', value: 'prod' } })
      assert.deepEqual([changed.status, changed.body.properties.value], [200, 'prod'])
      assert.equal((await call('PUT', `${labels}/env`, { properties: { value: 'prod' } })).status, 200)
      assert.equal(changed.body.metadata.createdDate, metadata.createdDate)
      assert.deepEqual((await get(`${labels}/env`)).properties, { key: 'env', value: 'prod' })
      const other = { properties: { key: 'other', value: 'x' } }
      await refused(
        call('PUT', `${labels}/env`, other),
        422,
        '100',
        /key\] Attribute is not allowed in update requests/,
      )
      for (const [key, value] of [
        ['', 'x'],
        ['x', ''],
        [undefined, 'x'],
        ['x', null],
        ['a b', 'x'],
        ['x', 'ä'],
        ['x'.repeat(64), 'x'],
        [7, 'x'],
      ])
        await refused(make(key, value), 422, '100', /\[\(root\)\.properties\.(key|value)\]/)
      assert.equal((await make('__proto__', 'x')).status, 201)
      assert.deepEqual(
        (await list()).map((each: { id: string }) => each.id),
        ['__proto__', 'a.b-c_D', 'env'],
      )
      const gone = await call('DELETE', `${labels}/__proto__`)
      assert.deepEqual([gone.status, gone.text, gone.headers.get('content-type')], [200, '', null])
      for (const key of ['__proto__', 'toString', 'none'])
        for (const method of ['GET', 'PUT', 'DELETE'])
          await refused(
            call(method, `${labels}/${key}`, method === 'PUT' ? other : undefined),
            404,
            '309',
            /does not exist/,
          )
      // They are no property of what they stand on.
      assert.deepEqual((await get(path)).properties, {
        ...before.properties,
        ...(path === dc && { version: (await get(dc)).properties.version }),
      })
      await ok('PATCH', path, { name: 'labelled' })
      assert.equal((await list()).length, 2)
      await refused(call('GET', labels, undefined, credentials.foreign), 404, '309', /does not exist/)
      await refused(call('PATCH', `${labels}/env`, {}), 405, '405', /answers/)
      for (const each of await list())
        assert.equal((await call('DELETE', `${labels}/${each.id}`)).status, 200)
    }
    // What a block reserves stays.
    assert.deepEqual((await properties(`${base}/ipblocks/${block.body.id}`)).ips, ips)
    await ok('DELETE', `${base}/ipblocks/${block.body.id}`)
    await call('POST', `${at}/labels`, { properties: { key: 'env', value: 'test' } })
    const requests = (await get(`${base}/requests?depth=1`)).items
    assert.ok(!JSON.stringify(requests).includes('/labels'), 'no request stands for a label')
    await ok('DELETE', at)
    await refused(call('GET', `${at}/labels`), 404, '309', /does not exist/)
  })

  test('a resource has at most 100 labels', async () => {
    const labels = `${volumes}/${await volume()}/labels`
    const make = (key: string) => call('POST', labels, { properties: { key, value: 'x' } })
    await Promise.all(Array.from({ length: 100 }, (_, index) => make(`k${index}`)))
    assert.equal((await get(labels)).items.length, 100)
    await refused(make('one-more'), 422, '200', /limit of 100/)
  })
})

test('labels that an inventory gives a server are shown, can be changed, and are set again at the next start', async () => {
  const inventory = `accounts:
  - name: acme
    credentials: [ { token: acme-token } ]
    datacenters: [ { id: ${datacenters.own}, name: vdc, location: de/txl } ]
    servers: [ { profile: ionos, id: ${servers.cube}, name: cube, datacenter: ${datacenters.own}, labels: { env: dev, tier: web } } ]`
  const service = await startService({ inventory })
  try {
    const labels = `${dc}/servers/${servers.cube}/labels`
    const list = async () =>
      (await service.call('GET', labels)).body.items.map((each: { properties: object }) => each.properties)
    const given = [
      { key: 'env', value: 'dev' },
      { key: 'tier', value: 'web' },
    ]
    assert.deepEqual(await list(), given)
    assert.equal((await service.call('PUT', `${labels}/env`, { properties: { value: 'prod' } })).status, 200)
    assert.equal((await service.call('DELETE', `${labels}/tier`)).status, 200)
    assert.deepEqual(await list(), [{ key: 'env', value: 'prod' }])
    assert.ok((await loadInventory(service.storage, inventory, Date.now(), providers)).ok)
    assert.deepEqual(await list(), given)
  } finally {
    await service.close()
  }
})
