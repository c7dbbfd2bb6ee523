/** Addresses of pools as clients meet them: handed out, refused to others, filtered, given back, counted. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { test } from 'node:test'
import { configureAddresses } from '../src/service/addresses.ts'
import { readAddresses } from '../src/service/addresses-file.ts'
import { credentials, datacenters, nics, onBothStores, servers, type TestService } from './support/service.ts'
import { actor, engines, inventory } from './support/stores.ts'

/** Two addresses of each: 192.0.2.9 and .10 (which the inventory gives to `web`), 198.51.100.1 and .2. */
const addresses = `pools:
  - { kind: public-ipv4, profile: upcloud, prefixes: [192.0.2.8/30] }
  - { kind: public-ipv4, profile: ionos, zone: de/txl, prefixes: [198.51.100.0/30] }
  - { kind: public-ipv4, prefixes: [198.51.100.4/30] }
`
const day = 86_400_000

const server = {
  ...{ hostname: 'h', title: 't', zone: 'fi-hel1' },
  networking: {
    interfaces: { interface: [{ type: 'public', ip_addresses: { ip_address: [{ family: 'IPv4' }] } }] },
  },
}

const ionos = `/cloudapi/v6/datacenters/${datacenters.own}`

async function metrics(service: TestService, kind: string, dialect: string): Promise<readonly number[]> {
  const { text } = await service.call('GET', '/metrics')
  return ['free', 'held', 'quarantined'].map((state) => {
    const labels = `kind="${kind}",dialect="${dialect}",zone="[^"]*",state="${state}"`
    return Number(new RegExp(`^portcullis_pool_addresses\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1])
  })
}

onBothStores('addresses that the APIs hand out', (start) => {
  test('from the pool of the dialect, known to traces, free again after the quarantine', async () => {
    const service = await start({ addresses })
    const { call } = service
    try {
      assert.deepEqual(await metrics(service, 'public-ipv4', 'upcloud'), [1, 1, 0])
      const created = await call('POST', '/1.3/server', { server })
      assert.equal(created.status, 202, created.text)
      const { uuid, ip_addresses: listed } = created.body.server
      assert.deepEqual(
        listed.ip_address.map(({ address }: { address: string }) => address),
        ['192.0.2.9'],
      )
      assert.deepEqual(await metrics(service, 'public-ipv4', 'upcloud'), [0, 2, 0])
      const packet = {
        protocol: 'tcp',
        source: '203.0.113.5',
        destination: '192.0.2.9',
        sourcePort: 5000,
        destinationPort: 22,
      }
      const traced = await call('POST', '/v1/trace', { server: uuid, direction: 'ingress', packet })
      assert.equal(traced.status, 200, traced.text)
      const forged = { ...packet, source: '192.0.2.10', destination: '203.0.113.5' }
      const out = await call('POST', '/v1/trace', { server: uuid, direction: 'egress', packet: forged })
      assert.equal(out.body.action, 'deny', out.text)
      const own = { ...forged, source: '192.0.2.9' }
      const sent = await call('POST', '/v1/trace', { server: uuid, direction: 'egress', packet: own })
      assert.equal(sent.body.action, 'allow', sent.text)

      const empty = await call('POST', '/1.3/server', { server })
      assert.equal(empty.status, 409, empty.text)
      assert.equal(empty.body.error.error_code, 'IP_ADDRESS_RESOURCES_UNAVAILABLE')
      assert.match(empty.body.error.error_message, / 0 free addresses /)
      const listedServers = (await call('GET', '/1.3/server')).body.servers.server
      assert.equal(listedServers.length, 3)

      await call('POST', `/1.3/server/${uuid}/stop`, { stop_server: { stop_type: 'hard' } })
      assert.equal((await call('DELETE', `/1.3/server/${uuid}`)).status, 204)
      assert.deepEqual(await metrics(service, 'public-ipv4', 'upcloud'), [0, 1, 1])
      assert.equal((await call('POST', '/1.3/server', { server })).status, 409)
      service.advance(day)
      assert.equal((await call('POST', '/1.3/server', { server })).status, 202)
    } finally {
      await service.close()
    }
  })

  test('nobody takes another’s by naming it, in any way', async () => {
    const service = await start({ addresses })
    const { call } = service
    try {
      const theirs = await call('POST', '/1.3/server', { server }, credentials.foreign)
      assert.equal(theirs.status, 202, theirs.text)
      const before = (await call('GET', `${ionos}/servers/${servers.cube}/nics/${nics.second}?depth=3`)).body
      for (const [address, whose] of [
        ['192.0.2.9', 'another account’s'],
        ['192.0.2.8', 'the network’s own'],
      ] as const) {
        const attempts = [
          ['POST', `${ionos}/servers/${servers.cube}/nics`, { properties: { lan: 1, ips: [address] } }],
          ['PATCH', `${ionos}/servers/${servers.cube}/nics/${nics.second}`, { ips: [address] }],
          [
            'PUT',
            `${ionos}/servers/${servers.cube}/nics/${nics.second}`,
            { properties: { lan: 2, ips: [address] } },
          ],
          [
            'POST',
            `${ionos}/servers`,
            {
              properties: { name: 's', cores: 1, ram: 1024 },
              entities: { nics: { items: [{ properties: { lan: 1, ips: [address] } }] } },
            },
          ],
        ] as const
        for (const [method, path, body] of attempts) {
          const refused = await call(method, path, body)
          assert.equal(refused.status, 422, `${whose} ${method} ${path}: ${refused.text}`)
        }
      }
      const after = (await call('GET', `${ionos}/servers/${servers.cube}/nics/${nics.second}?depth=3`)).body
      assert.deepEqual(after.properties, before.properties)
      const interfaces = (await service.storage.accounts()).map(({ id }) => service.storage.interfacesOf(id))
      const all = (await Promise.all(interfaces)).flat().flatMap((nic) => nic.addresses)
      assert.equal(all.filter((address) => address === '192.0.2.9').length, 1)
      assert.ok(!all.includes('192.0.2.8'))
      // Its own are another matter, and so are addresses that no pool has.
      const own = await call('PATCH', `${ionos}/servers/${servers.cube}/nics/${nics.second}`, {
        ips: ['10.77.0.5'],
      })
      assert.equal(own.status, 202, own.text)
    } finally {
      await service.close()
    }
  })

  test('two APIs with one pool never hand out the same', async () => {
    const service = await start({
      addresses: 'pools: [ { kind: public-ipv4, prefixes: [198.51.100.0/24] } ]',
    })
    try {
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          service.call(
            'POST',
            '/1.3/server',
            { server },
            index % 2 ? credentials.right : credentials.foreign,
          ),
        ),
      )
      const given = made.map(({ body }) => body.server.ip_addresses.ip_address[0].address)
      assert.equal(new Set(given).size, 20)
      assert.deepEqual(await metrics(service, 'public-ipv4', ''), [234, 20, 0])
    } finally {
      await service.close()
    }
  })
})

const writer = new URL('support/address-writer.ts', import.meta.url).pathname

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`kill -9 while addresses come and go: none is had twice or lost, on ${engine}`, { skip }, async () => {
    const store = await create()
    try {
      const read = readAddresses('pools: [ { kind: public-ipv4, prefixes: [198.51.100.0/24] } ]', [])
      assert.ok(read.ok)
      const setUp = await store.open()
      await setUp.run('applyInventory', { inventory: inventory() }, actor)
      await configureAddresses(setUp, read.value, actor.at)
      await setUp.close()
      for (let round = 0; round < 10; round++) {
        const acknowledged = await killed([...store.flags, String(round)], 5 + ((round * 7) % 20))
        const storage = await store.open()
        try {
          const leases = await storage.leases({ account: 'acme', profile: 'upcloud' })
          const nics = await storage.interfacesOf('acme')
          const had = nics
            .flatMap(({ id, addresses }) => addresses.map((address) => `${id} ${address}`))
            .sort()
          // Whatever was half done is not done: what is held is on an interface, and the other way round.
          assert.deepEqual(leases.map(({ id, address }) => `${id} ${address}`).sort(), had)
          assert.equal(new Set(nics.flatMap(({ addresses }) => addresses)).size, had.length)
          const there = new Set(nics.map(({ server }) => server))
          for (const [id, wanted] of acknowledged)
            assert.equal(there.has(id), wanted, `round ${round}: ${id}`)
          // All that is neither held, nor in quarantine, nor set aside is free.
          const pools = await storage.poolUse(actor.at + 10 * 60_000)
          const use = pools.find(({ kind }) => kind === 'public-ipv4')
          assert.equal(use?.held, had.length)
          assert.equal((use?.free ?? 0) + (use?.held ?? 0) + (use?.quarantined ?? 0), 254)
        } finally {
          await storage.close()
        }
      }
    } finally {
      await store.remove()
    }
  })
}

/** Starts a writer and kills it when it has told of so many writes; answers, by server, whether it is there. */
function killed(args: readonly string[], writes: number): Promise<ReadonlyMap<string, boolean>> {
  return new Promise((resolve, reject) => {
    const child = fork(writer, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const told = new Map<string, boolean>()
    let left = writes
    let said = ''
    child.stderr?.on('data', (text) => {
      said += text
    })
    child.on('message', (message) => {
      const { id, there, about } = message as { id: string; there: boolean; about: boolean }
      // About to change: how it ends is not known when the process dies.
      if (about) told.delete(id)
      else told.set(id, there)
      if (!about && --left === 0) child.kill('SIGKILL')
    })
    child.on('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve(told)
      else reject(new Error(`the writer ended with ${code}: ${said}`))
    })
  })
}
