/** What a host should enforce, with what the owners of its interfaces should know. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judged } from '../../test/support/desired.ts'
import { providers } from '../../test/support/service.ts'
import { engines } from '../../test/support/stores.ts'
import { createDesiredSource } from '../agent/desired-source.ts'
import { createDesiredFeed } from './desired.ts'
import { loadInventory } from './inventory.ts'

test('the sender of every interface is checked, and the status says where less is looked at', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  try {
    const nic = (n: number, more: string) =>
      `{ id: nic${n}, mac: "52:54:00:00:00:0${n}", host: kvm1, device: tap${n}, ${more} }`
    const loaded = await loadInventory(
      storage,
      `accounts: [ { name: a, servers: [ { profile: upcloud, name: web, firewall: false, interfaces: [
        ${nic(1, 'addresses: [192.0.2.1]')}, ${nic(2, '')}, ${nic(3, 'addresses: [192.0.2.3], senderCheck: false')},
        ${nic(4, 'allowedAddresses: [10.8.0.0/16], type: private')} ] } ] } ]`,
      1000,
      providers,
    )
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.error)
    const { desired } = await createDesiredSource(createDesiredFeed(storage, 'kvm1')).read()
    assert.deepEqual(
      judged(desired).map(({ device, policy, notes }) => [
        device,
        Object.keys(policy?.origin ?? {}),
        policy?.egress.filtered,
        notes,
      ]),
      [
        ['tap1', ['mac', 'addresses'], false, []],
        ['tap2', ['mac'], false, ['checked by MAC alone: it has no addresses']],
        ['tap3', [], false, ['its sender is not checked: senderCheck is off']],
        ['tap4', ['mac', 'addresses'], false, []],
      ],
    )
  } finally {
    await storage.close()
    await store.remove()
  }
})
