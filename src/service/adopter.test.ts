/** How often a host's devices are asked about again that were not adopted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Claimed, Sighting } from '../core/model/sighting.ts'
import { err, ok } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import { createAdopter } from './adopter.ts'
import type { AdoptionReader } from './adoption.ts'

const sighting: Sighting = {
  ...{
    device: 'vnet0',
    present: true,
    mac: '52:54:00:00:00:01',
    address: null,
    source: 'libvirt',
    guarded: true,
  },
  adoption: {
    ...{ account: 'acme', profile: 'native', server: { id: 'guest', name: 'vm' }, index: 1 },
    ...{ addresses: [], policies: [] },
  },
}

test('what is refused is written once, and asked about the seldomer the oftener the same is said', async () => {
  let asked = 0
  let why = 'no room'
  const written: string[] = []
  const told: Claimed[] = []
  const reader: Pick<AdoptionReader, 'read'> = {
    async read() {
      asked++
      return err({ kind: 'invalid', field: 'account', reason: why })
    },
  }
  const storage = {
    async run(program: string, args: { why: string }) {
      written.push(`${program} ${args.why}`)
      return ok({ current: true })
    },
  }
  const adopter = createAdopter({
    ...{ host: 'kvm1', credential: null, replaced: () => {}, tell: (claims) => void told.push(...claims) },
    ...{ storage: storage as unknown as Storage, reader: reader as AdoptionReader },
    ...{ turns: (work) => work(), now: () => ({ at: 1, awayBefore: 0 }) },
  })
  adopter.see([sighting], [], true)
  adopter.claimed([{ device: 'vnet0', interface: null, why: 'no interface' }])
  await adopter.settled()
  assert.deepEqual([asked, written.length, told.length], [1, 1, 1])
  for (let beat = 0; beat < 640; beat++) {
    adopter.beat()
    await adopter.settled()
  }
  // After 1, 2, 4, … beats, and each 64 from then on.
  assert.ok(asked > 10 && asked < 20, `${asked}`)
  assert.deepEqual([written.length, told.length], [1, 1])
  const before = asked
  why = 'no such account'
  adopter.again()
  await adopter.settled()
  assert.equal(asked, before + 1)
  assert.match(written[1] ?? '', /no such account/)
  assert.equal(written.length, 2)
  await adopter.stop()
})
