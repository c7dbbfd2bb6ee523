/** Whose devices are found to be: by words that count for the device that is there now, and of two that are as good by neither. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link } from '../../core/model/link.ts'
import type { Sighting } from '../../core/model/sighting.ts'
import type { Mac } from '../../core/net/mac.ts'
import type { Adopting } from './adopting.ts'
import { createFakeSource } from './fake.ts'
import { createFinder } from './finder.ts'
import type { Source } from './source.ts'

const [a, b]: [Mac, Mac] = ['52:54:00:00:00:01', '52:54:00:00:00:02']
const random = '66:00:00:00:00:07'
const tap = (name: string, index: number, more: Partial<Link> = {}): Link => ({
  ...{
    name,
    index,
    kind: 'tun',
    master: null,
    address: `66:00:00:00:00:${index.toString(16).padStart(2, '0')}`,
  },
  ...more,
})

function world(
  sources: readonly Source[],
  { guard = ['vnet*'], adopting }: { guard?: string[]; adopting?: Adopting } = {},
) {
  const finder = createFinder({ sources, guard, ...(adopting && { adopting }) })
  let links = new Map<string, Link>()
  return {
    finder,
    look(...now: readonly Link[]) {
      finder.looking()
      links = new Map(now.map((link) => [link.name, link]))
      return finder.see(links)
    },
    proves(name: string, mac: Mac) {
      const link = links.get(name)
      assert.ok(link)
      return finder.vouches(link, mac)
    },
    seen: (device: string) => finder.found()?.get(device),
  }
}

test('a device of the kernel alone: its own address proves where libvirt made it of the MAC, and nobody says the MAC', () => {
  const { look, proves, seen } = world([])
  look(tap('vnet0', 7, { address: 'fe:54:00:00:00:01' }), tap('tap1', 8))
  assert.deepEqual([proves('vnet0', a), proves('vnet0', b), proves('tap1', a)], [true, false, false])
  const links: Sighting = {
    device: 'vnet0',
    present: true,
    mac: null,
    address: 'fe:54:00:00:00:01',
    source: 'links',
    guarded: true,
  }
  assert.deepEqual(seen('vnet0'), links)
  assert.equal(seen('tap1')?.guarded, false)
  // Its address is set anew: withdrawn.
  const changed = look(tap('vnet0', 7), tap('tap1', 8))
  assert.deepEqual([...(changed ?? [])], ['vnet0'])
  assert.equal(proves('vnet0', a), false)
})

test('which devices are guests’: taps and veths, and what the guard names; none of tunnels, Docker, Proxmox’s own or bridges', () => {
  const { look, finder } = world([], { guard: ['eth*', 'vmbr*'] })
  const docker = { name: 'br-0123456789ab', kind: 'bridge' }
  look(
    ...[
      tap('tap0', 1),
      tap('veth0', 2, { kind: 'veth' }),
      tap('eth1', 3, { kind: null }),
      tap('eth2', 4, { kind: 'macvlan', parent: 'eth1' }),
    ],
    ...[
      tap('vmbr0', 5, { kind: 'bridge' }),
      tap('fwpr100p0', 6, { kind: 'veth' }),
      tap('fwln100i0', 7, { kind: 'veth' }),
    ],
    ...[
      tap('veth9', 8, { kind: 'veth', master: docker }),
      tap('veth8', 9, { kind: 'veth', master: { name: 'docker0', kind: 'bridge' } }),
    ],
    ...[
      { index: 10, name: 'tun0', kind: 'tun', master: null },
      tap('macvtap0', 11, { kind: 'macvtap', parent: 'eth0' }),
    ],
    ...[tap('dummy0', 12, { kind: 'dummy' }), tap('tap:1', 13)],
  )
  assert.deepEqual([...(finder.found()?.keys() ?? [])].toSorted(), ['eth1', 'tap0', 'veth0'])
})

test('a word is about the device that is there, and counts no more for another of its name until it is said again', () => {
  const source = createFakeSource()
  const { look, proves, seen } = world([source])
  look(tap('vnet0', 7))
  assert.equal(proves('vnet0', a), null)
  source.says('vnet0', a)
  look(tap('vnet0', 7))
  assert.equal(proves('vnet0', a), true)
  assert.partialDeepStrictEqual(seen('vnet0'), { mac: a, source: 'libvirt', guest: { name: 'guest' } })
  // Gone and come between two looks; the source has not noticed.
  look(tap('vnet0', 9))
  assert.equal(proves('vnet0', a), false)
  assert.partialDeepStrictEqual(seen('vnet0'), { mac: null, source: 'links' })
  source.speaks()
  look(tap('vnet0', 9))
  assert.equal(proves('vnet0', a), false)
  source.says('vnet0', b)
  look(tap('vnet0', 9))
  assert.deepEqual([proves('vnet0', b), proves('vnet0', a)], [true, false])
  // The same guest again.
  look()
  assert.equal(seen('vnet0'), undefined)
  look(tap('vnet0', 11))
  assert.equal(proves('vnet0', b), false)
  source.says('vnet0', b)
  look(tap('vnet0', 11))
  assert.equal(proves('vnet0', b), true)
  // Renamed: what was said of the name does not go with the device, nor stay for the next.
  look(tap('vnet5', 11), tap('vnet0', 12))
  assert.deepEqual([proves('vnet5', b), proves('vnet0', b)], [false, false])
})

test('a word said before the device comes is about the first that does, and what is said while the host is looked at about the next look', () => {
  const source = createFakeSource()
  const { finder, look, proves, seen } = world([source])
  source.says('vnet0', a)
  look()
  assert.partialDeepStrictEqual(seen('vnet0'), { present: false, mac: a, address: null })
  look(tap('vnet0', 7))
  assert.equal(proves('vnet0', a), true)
  look(tap('vnet0', 8))
  assert.equal(proves('vnet0', a), false)
  finder.looking()
  source.says('vnet0', b)
  const late = new Map([['vnet0', tap('vnet0', 8)]])
  finder.see(late)
  assert.equal(finder.vouches(tap('vnet0', 8), b), false)
  look(tap('vnet0', 9))
  assert.equal(proves('vnet0', b), true)
})

test('names that last are their guest’s whenever they come', () => {
  const source = createFakeSource({ name: 'proxmox', namesLast: true })
  const { look, proves, seen } = world([source])
  source.says('tap100i0', a)
  look(tap('tap100i0', 7))
  assert.equal(proves('tap100i0', a), true)
  look()
  assert.partialDeepStrictEqual(seen('tap100i0'), { present: false, mac: a })
  look(tap('tap100i0', 9))
  assert.equal(proves('tap100i0', a), true)
})

test('a tap that bears the mark of another guest is not whose it is said to be', () => {
  const source = createFakeSource({ marksTaps: true })
  const { look, proves } = world([source])
  source.says('vnet0', a)
  look(tap('vnet0', 7, { address: 'fe:54:00:00:00:02' }))
  assert.deepEqual([proves('vnet0', a), proves('vnet0', b)], [false, true])
  look(tap('vnet0', 7, { address: 'fe:54:00:00:00:01' }))
  assert.equal(proves('vnet0', a), true)
})

test('of two devices with one MAC neither is proven, and the one that is left is again', () => {
  const source = createFakeSource()
  const { look, proves, finder } = world([source])
  source.says('vnet0', a)
  source.says('vnet1', a)
  look(tap('vnet0', 7))
  assert.equal(proves('vnet0', a), true)
  const changed = look(tap('vnet0', 7), tap('vnet1', 8))
  assert.deepEqual([...(changed ?? [])].toSorted(), ['vnet0', 'vnet1'])
  assert.deepEqual([proves('vnet0', a), proves('vnet1', a)], [false, false])
  assert.match(finder.problems().join(), /vnet0 and vnet1 have the same MAC/)
  look(tap('vnet0', 7))
  assert.equal(proves('vnet0', a), true)
  // By their own addresses alone.
  const marked = { address: 'fe:54:00:00:00:02' }
  look(tap('vnet2', 9, marked), tap('vnet3', 10, { address: b }))
  assert.deepEqual([proves('vnet2', b), proves('vnet3', b)], [false, false])
  // A word outweighs an address.
  source.says('vnet4', b)
  look(tap('vnet2', 9, marked), tap('vnet4', 11))
  assert.deepEqual([proves('vnet2', b), proves('vnet4', b)], [false, true])
})

test('sources that contradict each other prove nothing, and the first that agrees is named', () => {
  const [first, second] = [createFakeSource({ name: 'attached' }), createFakeSource({ name: 'libvirt' })]
  const { look, proves, seen, finder } = world([first, second])
  first.says('vnet0', a)
  second.says('vnet0', a)
  look(tap('vnet0', 7))
  assert.equal(seen('vnet0')?.source, 'attached')
  assert.equal(proves('vnet0', a), true)
  second.says('vnet0', b)
  look(tap('vnet0', 7))
  assert.deepEqual([proves('vnet0', a), proves('vnet0', b), seen('vnet0')?.mac], [false, false, null])
  assert.match(finder.problems().join(), /contradict each other: whose vnet0/)
})

test('all that is found is whole only when nothing more can be known', () => {
  const [proxmox, libvirt] = [createFakeSource({ name: 'proxmox', namesLast: true }), createFakeSource()]
  const { look, finder } = world([proxmox, libvirt])
  assert.equal(finder.isWhole(), false)
  look()
  libvirt.fails('it does not answer')
  proxmox.fails('no such directory')
  look()
  // Those that it expects may be anything.
  assert.equal(finder.isWhole(), false)
  let told = 0
  finder.onFound(() => told++)
  proxmox.speaks()
  look()
  assert.equal(finder.isWhole(), true)
  assert.equal(told, 1)
})

test('what is not changed is the same object, and what cannot be said is left out', () => {
  const source = createFakeSource()
  const { look, seen, finder } = world([source])
  const links = [tap('vnet0', 7), tap('vnet1', 8)] as const
  source.says('vnet0', a)
  look(...links)
  const before = [seen('vnet0'), finder.found()]
  source.says('vnet0', a)
  look(...links)
  assert.deepEqual([seen('vnet0') === before[0], finder.found() === before[1]], [true, true])
  const long = 'x'.repeat(129)
  const adopting: Adopting = {
    adoptionOf: () => ({
      account: long,
      profile: 'p',
      server: { id: 's', name: 's' },
      index: 1,
      addresses: [],
      policies: [],
    }),
    onChange: () => () => {},
    async reload() {},
    problems: () => [],
  }
  const other = world([source], { adopting })
  other.look(...links)
  assert.deepEqual([...(other.finder.found()?.keys() ?? [])], ['vnet1'])
  assert.match(other.finder.problems().join(), /vnet0 cannot be said/)
})

test('rules that change are asked of every device again', () => {
  const source = createFakeSource()
  let account = 'a'
  let changed = () => {}
  const adopting: Adopting = {
    adoptionOf: () => ({
      ...{ account, profile: 'p', server: { id: 's', name: 's' }, index: 1, addresses: [], policies: [] },
    }),
    onChange(listener) {
      changed = listener
      return () => {}
    },
    async reload() {},
    problems: () => [],
  }
  const { look, seen } = world([source], { adopting })
  source.says('vnet0', a)
  look(tap('vnet0', 7))
  account = 'b'
  look(tap('vnet0', 7), tap('vnet1', 8))
  assert.equal(seen('vnet0')?.adoption?.account, 'a')
  changed()
  look(tap('vnet0', 7))
  assert.equal(seen('vnet0')?.adoption?.account, 'b')
})

test('a link of another address that nobody knows proves nothing', () => {
  const { look, proves } = world([])
  // A guest’s own end of a veth is in its namespace, and a bridge has the address of a port.
  look(tap('veth0', 7, { kind: 'veth', address: random }), tap('br0', 8, { kind: 'bridge', address: a }))
  assert.deepEqual([proves('veth0', a), proves('br0', a)], [false, false])
})

test('what is said of a number is about that device alone, whichever bears the name, and whenever it comes', () => {
  const source = createFakeSource({ name: 'attached' })
  const { look, proves, seen } = world([source])
  source.says('tap0', a, 7)
  look()
  assert.equal(seen('tap0'), undefined, 'it is expected by nobody')
  look(tap('tap0', 8))
  assert.notEqual(proves('tap0', a), true)
  look(tap('tap0', 7))
  assert.equal(proves('tap0', a), true)
  look(tap('tap0', 9))
  assert.notEqual(proves('tap0', a), true)
  look(tap('tap1', 7))
  assert.notEqual(proves('tap1', a), true)
})
