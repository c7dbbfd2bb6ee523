/** Whose a device is: by a service's word, by being the same device in the same boot, by evidence, and never by its name alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Desired, DesiredDelta, DesiredInterface } from '../core/model/desired.ts'
import type { Link } from '../core/model/link.ts'
import { createBindings } from './bindings.ts'
import { createProof } from './proof.ts'
import type { Sightings } from './sightings.ts'
import { createFakeSource } from './sources/fake.ts'
import { createFinder } from './sources/finder.ts'

const mac = '52:54:00:00:00:01'
const nic: DesiredInterface = { id: 'nic', device: 'vnet0', mac, policy: 'p', observe: true }
const desired = (more: Partial<Desired> = {}, ...others: DesiredInterface[]): Desired => ({
  ...{ revision: 1, policies: new Map() },
  interfaces: new Map([nic, ...others].map((each) => [each.id, each])),
  ...more,
})
const kept = { unvouched: true } as const
const link = (index: number, address?: string, more: Partial<Link> = {}): Link => ({
  ...{ index, name: 'vnet0', kind: 'tun', master: null },
  ...(address !== undefined && { address }),
  ...more,
})
const on = (...links: Link[]) => new Map(links.map((each) => [each.name, each]))
const none: DesiredDelta = { policies: new Set(), interfaces: new Set() }
const tap = '66:00:00:00:00:07'

const kernelAlone = (): Sightings => createFinder({ sources: [], guard: [] })

function world(bindings = createBindings(), sightings = kernelAlone()) {
  const proof = createProof(bindings, sightings)
  return {
    bindings,
    proof,
    /** Ids that are named, and those of them that are closed. */
    step(
      wanted: Desired,
      delta: DesiredDelta | null,
      links: ReadonlyMap<string, Link>,
      changed: string[] | null,
    ) {
      const judged = proof.judge(wanted, delta, links, changed && new Set(changed))
      proof.taken()
      const closed = [...judged.desired.interfaces.values()].filter((each) => each.closed !== undefined)
      return {
        named: judged.delta && [...judged.delta.interfaces],
        closed: closed.map(({ id }) => id),
        observed: [...judged.desired.interfaces.values()].some(({ observe }) => observe),
      }
    },
  }
}

test('a service’s word is enough, and what it bound is known again without it until it is another device', () => {
  const { step, bindings } = world()
  assert.deepEqual(step(desired(), null, on(link(7, tap)), null).closed, [])
  assert.deepEqual([...bindings.changed()], ['nic'])
  assert.deepEqual(step(desired(kept), none, on(link(7, tap)), []), { named: [], closed: [], observed: true })
  // Deleted and made again under the same name: closed, and not left open to be watched.
  const gone = { named: ['nic'], closed: ['nic'], observed: false }
  assert.deepEqual(step(desired(kept), none, on(link(8, tap)), ['vnet0']), gone)
  assert.deepEqual(step(desired(kept), none, on(link(8, tap)), []), { ...gone, named: [] })
  // It is not known again by what it was bound to before.
  assert.deepEqual(step(desired(kept), none, on(link(7, '66:00:00:00:00:08')), ['vnet0']).closed, ['nic'])
  // The service again.
  assert.deepEqual(step(desired(), none, on(link(7, tap)), []), {
    named: ['nic'],
    closed: [],
    observed: true,
  })
})

test('without a service a device is known by number, address and name together, of this boot', () => {
  const before = new Map([['nic', { device: 'vnet0', index: 7, address: tap }]])
  const known = (now: Link, bindings = before) =>
    world(createBindings(bindings)).step(desired(kept), null, on(now), null).closed.length === 0
  assert.ok(known(link(7, tap)))
  assert.ok(!known(link(8, tap)))
  assert.ok(!known(link(7, '66:00:00:00:00:08')))
  assert.ok(!known(link(7)))
  assert.ok(!known(link(7, tap), new Map()))
  assert.ok(!known(link(7, tap), new Map([['other', { device: 'vnet0', index: 7, address: tap }]])))
  assert.ok(!known(link(7, tap), new Map([['nic', { device: 'vnet1', index: 7, address: tap }]])))
})

test('a link address proves where the host gave it: the MAC, or libvirt’s form of it', () => {
  const proves = (now: Link) => world().step(desired(kept), null, on(now), null).closed.length === 0
  assert.ok(proves(link(9, mac)))
  assert.ok(proves(link(9, 'fe:54:00:00:00:01')))
  assert.ok(!proves(link(9, 'fe:54:00:00:00:02')))
  assert.ok(!proves(link(9, '52:54:00:00:00:02')))
  assert.ok(!proves(link(9)))
  assert.ok(!proves(link(9, mac, { kind: 'macvtap', parent: 'eth0' })))
  const { mac: _, ...unknown } = nic
  const wanted = desired({ ...kept, interfaces: new Map([['nic', unknown]]) })
  assert.deepEqual(world().step(wanted, null, on(link(9, mac)), null).closed, ['nic'])
})

test('what was answered and not taken over is named again', () => {
  const { proof } = world()
  const links = on(link(9, tap))
  proof.judge(desired(), null, links, null)
  proof.taken()
  proof.judge(desired(kept), none, on(link(10, tap)), new Set(['vnet0']))
  const again = proof.judge(desired(kept), none, on(link(10, tap)), new Set())
  assert.deepEqual([...(again.delta?.interfaces ?? [])], ['nic'])
})

const found: DesiredInterface = { ...nic, found: true }
const asFound = (more: Partial<Desired> = {}) => desired({ ...more, interfaces: new Map([['nic', found]]) })

test('what was found is to be proven while the service is heard, too, and is closed in the round that finds it otherwise', () => {
  const { step } = world()
  assert.deepEqual(step(asFound(), null, on(link(7, tap)), null).closed, ['nic'])
  const marked = link(7, 'fe:54:00:00:00:01')
  assert.deepEqual(step(asFound(), none, on(marked), ['vnet0']), {
    named: ['nic'],
    closed: [],
    observed: true,
  })
  const gone = { named: ['nic'], closed: ['nic'], observed: false }
  assert.deepEqual(step(asFound(), none, on(link(8, 'fe:54:00:00:00:02')), ['vnet0']), gone)
  assert.deepEqual(step(asFound(), none, on(marked), ['vnet0']).closed, [])
  // Somebody else comes with the same address: nothing about its own device has changed.
  const double = { ...marked, index: 9, name: 'vnet1' }
  assert.deepEqual(step(asFound(), none, on(marked, double), ['vnet1']), gone)
  assert.deepEqual(step(asFound(), none, on(marked), ['vnet1']).closed, [])
})

test('the device that it was proven on in this boot is enough until everybody has spoken who knows', () => {
  const before = new Map([['nic', { device: 'vnet0', index: 7, address: tap }]])
  const sources = [createFakeSource(), createFakeSource({ name: 'proxmox' })] as const
  const start = () => {
    const finder = createFinder({ sources, guard: [] })
    const { step, proof } = world(createBindings(before), finder)
    return (links: ReadonlyMap<string, Link>) => {
      proof.looking()
      return step(asFound(kept), none, links, []).closed.length > 0
    }
  }
  const isClosed = start()
  assert.equal(isClosed(on(link(7, tap))), false)
  sources[0].speaks()
  assert.equal(isClosed(on(link(7, tap))), false)
  sources[0].says('vnet0', '52:54:00:00:00:02')
  assert.equal(isClosed(on(link(7, tap))), true, 'it is said to be another guest’s')
  // Of what was not proven nothing is known again.
  sources[0].says('vnet0', undefined)
  assert.equal(isClosed(on(link(7, tap))), true)
  const again = start()
  assert.equal(again(on(link(7, tap))), false)
  sources[1].speaks()
  assert.equal(again(on(link(7, tap))), true)
  sources[1].says('vnet0', mac)
  assert.equal(again(on(link(7, tap))), false)
  assert.equal(again(on(link(8, tap))), true)
})

test('a source that learns something opens what was found, and another look is asked for', () => {
  const source = createFakeSource()
  const { step, proof } = world(createBindings(), createFinder({ sources: [source], guard: [] }))
  let asked = 0
  proof.onChange(() => asked++)
  proof.looking()
  assert.deepEqual(step(asFound(), null, on(link(9, tap)), null).closed, ['nic'])
  source.says('vnet0', mac)
  assert.equal(asked, 1)
  // Before the host is looked at again it says nothing about what is there.
  assert.deepEqual(step(asFound(), none, on(link(9, tap)), []).closed, ['nic'])
  proof.looking()
  assert.deepEqual(step(asFound(), none, on(link(9, tap)), []), {
    named: ['nic'],
    closed: [],
    observed: true,
  })
})
