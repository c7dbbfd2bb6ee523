/** A NIC whose `firewallType` this version does not know, as a later one may have stored it, is filtered in both directions once it is written. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  credentials,
  datacenters,
  nics,
  onBothStores,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import type { Storage } from '../../storage/storage.ts'

/** In JSON, and in JSON that is a text of JSON. */
const inText = (text: string): string =>
  text.replaceAll(/(firewallType\\*":\\*")EGRESS/g, (_, before) => `${before}SIDEWAYS`)

/** With another word, in text and in the bytes of text. */
function reworded(value: unknown): unknown {
  if (typeof value === 'string') return inText(value)
  if (value instanceof Uint8Array) return Buffer.from(inText(Buffer.from(value).toString()))
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(reworded)
  if ('firewallType' in value) return { ...value, firewallType: 'SIDEWAYS' }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, reworded(each)]))
}

/** The store, to which the inventory's word comes as another one. */
const renaming = (storage: Storage): Storage => ({
  ...storage,
  run: (operation, args, ...rest) =>
    storage.run(operation, operation === 'applyInventory' ? (reworded(args) as typeof args) : args, ...rest),
})

const nic = `/cloudapi/v6/datacenters/${datacenters.own}/servers/${servers.cube}/nics/${nics.cube}`

onBothStores('an unknown firewall type', (start) => {
  let service: TestService
  before(async () => {
    const inventory = JSON.stringify({
      accounts: [
        {
          ...{ name: 'acme', credentials: [{ token: 'acme-token' }] },
          datacenters: [{ id: datacenters.own, name: 'vdc' }],
          servers: [
            {
              ...{ profile: 'ionos', id: servers.cube, datacenter: datacenters.own, name: 'cube' },
              interfaces: [
                { id: nics.cube, addresses: ['192.0.2.30'], firewallActive: true, firewallType: 'EGRESS' },
              ],
            },
          ],
        },
      ],
    })
    service = await start({ inventory, through: renaming })
  })
  after(() => service.close())

  const judged = async (direction: 'ingress' | 'egress') => {
    const [source, destination] = ['198.51.100.1', '192.0.2.30']
    const packet =
      direction === 'ingress' ? { source, destination } : { source: destination, destination: source }
    const { status, body, text } = await service.call(
      'POST',
      '/v1/trace',
      {
        server: servers.cube,
        direction,
        packet: { protocol: 'tcp', sourcePort: 1234, destinationPort: 22, ...packet },
      },
      credentials.right,
    )
    assert.equal(status, 200, text)
    return body.action
  }

  test('neither direction passes, and a known type filters its own alone', async () => {
    assert.equal((await service.call('GET', nic)).body.properties.firewallType, 'SIDEWAYS')
    // What whoever knew it made of it stands until this version writes it, whatever of it.
    assert.equal((await service.call('PATCH', nic, { name: 'renamed' })).status, 202)
    assert.deepEqual([await judged('ingress'), await judged('egress')], ['deny', 'deny'])
    assert.equal((await service.call('PATCH', nic, { firewallType: 'EGRESS' })).status, 202)
    assert.deepEqual([await judged('ingress'), await judged('egress')], ['allow', 'deny'])
  })
})
