import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultVms } from '../../test/support/lab-topology.ts'
import { defaultDirectory, prefixOf } from './lab.ts'
import { guard } from './topology.ts'

test('names are unique, fit the kernel, and are guarded', () => {
  const nics = defaultVms.flatMap((vm) => vm.nics)
  for (const key of ['id', 'device', 'mac'] as const) {
    assert.equal(new Set(nics.map((nic) => nic[key])).size, nics.length, key)
  }
  const addresses = nics.flatMap((nic) => nic.addresses)
  assert.equal(new Set(addresses).size, addresses.length)
  assert.equal(new Set(defaultVms.map((vm) => vm.server)).size, defaultVms.length)
  for (const { id, device } of nics) {
    assert.ok(device.length <= 15, device)
    assert.ok(device.startsWith(guard.replace('*', '')), device)
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  }
})

test('labs in different directories never share a namespace', () => {
  const prefixes = [defaultDirectory, '/tmp/a', '/tmp/b'].map(prefixOf)
  for (const one of prefixes) {
    assert.match(one, /^pcl-[a-z0-9]+-$/)
    assert.equal(prefixes.filter((other) => other.startsWith(one)).length, 1)
  }
})
