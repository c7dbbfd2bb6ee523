/** What the source makes of what libvirt says, and does not say. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { parseDomain } from './domain.ts'
import { createLibvirtSource, type LibvirtSource } from './source.ts'
import type { Virsh } from './virsh.ts'

const idOf = (n: number) => `11111111-2222-4333-8444-${String(n).padStart(12, '0')}`
const macOf = (n: number) => `52:54:00:00:00:0${n}`
const xmlOf = (n: number, device: string, metadata = '') =>
  `<domain><name>vm${n}</name><uuid>${idOf(n)}</uuid><metadata>${metadata}</metadata><devices><interface type='bridge'>
   <mac address='${macOf(n)}'/><target dev='${device}'/></interface></devices></domain>`
function domainOf(n: number, device: string) {
  const domain = parseDomain(xmlOf(n, device))
  assert.ok(domain.ok)
  return domain.value
}

/** A libvirt whose answers a test holds back where it wants to. */
function createLibvirt() {
  const domains = new Map<number, string>()
  let onChange: (name: string | null) => void = () => {}
  const state = {
    domains,
    away: false,
    /** Those of which it says nothing, though they run. */
    silent: new Set<number>(),
    asked: [] as string[][],
    /** Awaited before it answers what a domain is. */
    gate: Promise.resolve(),
    changed: (name: string | null) => onChange(name),
  }
  const answers = () => {
    if (state.away) throw new Error('failed to connect to the hypervisor')
  }
  const numberOf = (id: string) => Number(id.slice(-12))
  const virsh: Virsh = {
    async running() {
      answers()
      return [...domains.keys()].map((n) => ({ id: idOf(n), name: `vm${n}` }))
    },
    async dump(ids) {
      const xml = ids.map((id) => [id, domains.get(numberOf(id)) ?? ''] as const)
      state.asked.push(ids.map((id) => `vm${numberOf(id)}`))
      await state.gate
      answers()
      return new Map(xml.filter(([id, text]) => text !== '' && !state.silent.has(numberOf(id))))
    },
    follow(listener) {
      onChange = listener
      return { problem: () => null, stop() {} }
    },
  }
  return { ...{ state, virsh } }
}

async function withSource(
  run: (source: LibvirtSource, state: ReturnType<typeof createLibvirt>['state']) => Promise<void>,
) {
  const { state, virsh } = createLibvirt()
  const source = createLibvirtSource({ virsh, uri: 'qemu:///system', times: { apart: 0, first: 1, last: 2 } })
  try {
    await run(source, state)
  } finally {
    await source.stop()
  }
}

/** Which MAC is on each device; null: nothing is known. */
const seen = (source: LibvirtSource) => {
  const known = source.observe()
  return known && Object.fromEntries([...known].map(([device, { mac }]) => [device, mac]))
}

async function until(source: LibvirtSource, wanted: () => boolean): Promise<void> {
  const events = new EventTarget()
  const stop = source.onChange(() => events.dispatchEvent(new Event('change')))
  const signal = AbortSignal.timeout(10_000)
  try {
    while (!wanted()) await once(events, 'change', { signal })
  } catch {
    assert.fail(`still ${JSON.stringify(seen(source))}: ${source.problems()}`)
  } finally {
    stop()
  }
}
const untilSeen = (source: LibvirtSource, wanted: Record<string, string>) =>
  until(source, () => JSON.stringify(seen(source)) === JSON.stringify(wanted))

test('nothing is known until libvirt has answered; then devices follow their domains', async () => {
  await withSource(async (source, state) => {
    assert.equal(source.observe(), null)
    await untilSeen(source, {})
    state.domains.set(1, xmlOf(1, 'vnet0')).set(2, xmlOf(2, 'vnet1'))
    state.changed('vm1')
    await untilSeen(source, { vnet0: macOf(1), vnet1: macOf(2) })
    assert.deepEqual(source.observe()?.get('vnet0')?.guest, { id: idOf(1), name: 'vm1' })
    state.asked.length = 0
    // One ends, another starts under its device's name.
    state.domains.delete(1)
    state.domains.set(3, xmlOf(3, 'vnet0'))
    state.changed('vm1')
    state.changed('vm3')
    await untilSeen(source, { vnet1: macOf(2), vnet0: macOf(3) })
    assert.deepEqual(state.asked.flat(), ['vm3'], 'only what changed is asked for')
    // One that runs has another device now.
    state.domains.set(2, xmlOf(2, 'vnet7'))
    state.changed('vm2')
    await untilSeen(source, { vnet0: macOf(3), vnet7: macOf(2) })
    assert.deepEqual(source.problems(), [])
  })
})

test('what was known last is kept while libvirt is away, and it says so', async () => {
  await withSource(async (source, state) => {
    state.domains.set(1, xmlOf(1, 'vnet0'))
    state.changed(null)
    await untilSeen(source, { vnet0: macOf(1) })
    state.away = true
    state.domains.clear()
    state.changed(null)
    await until(source, () => source.problems().length > 0)
    assert.deepEqual(source.problems(), [
      'libvirt at qemu:///system: failed to connect to the hypervisor; what it said last is kept',
    ])
    assert.deepEqual(seen(source), { vnet0: macOf(1) })
    state.away = false
    await untilSeen(source, {})
    await until(source, () => source.problems().length === 0)
  })
})

test('a domain that it says nothing of is kept as it was, and asked for again; one that cannot be read is nobody’s', async () => {
  await withSource(async (source, state) => {
    state.domains.set(1, xmlOf(1, 'vnet0')).set(2, xmlOf(2, 'vnet1'))
    state.changed(null)
    await untilSeen(source, { vnet0: macOf(1), vnet1: macOf(2) })
    state.silent.add(1)
    state.domains.set(1, xmlOf(1, 'vnet5')).set(2, '<domain>')
    state.changed(null)
    await until(source, () => source.problems().length === 2)
    assert.deepEqual(seen(source), { vnet0: macOf(1) })
    assert.match(
      source.problems().join('\n'),
      /nothing is said of the domain vm1.*\nthe domain vm2: no XML of a domain/,
    )
    state.silent.clear()
    await untilSeen(source, { vnet5: macOf(1) })
    state.domains.set(1, xmlOf(1, 'vnet5', '<p:server xmlns:p="urn:portcullis:1"/>')).delete(2)
    state.changed('vm1')
    await until(source, () => source.problems()[0]?.startsWith('the domain vm1 is not adopted: ') ?? false)
    assert.deepEqual(source.observe()?.get('vnet5')?.labels, { tags: [] })
    // Another's description.
    state.domains.set(1, xmlOf(2, 'vnet5'))
    state.changed('vm1')
    await untilSeen(source, {})
    assert.deepEqual(source.problems(), ['the domain vm1: libvirt answered with another'])
  })
})

test('what a hook was told holds at once, against a look that began before it', async () => {
  await withSource(async (source, state) => {
    state.domains.set(1, xmlOf(1, 'vnet0')).set(2, xmlOf(2, 'vnet1'))
    state.changed(null)
    await untilSeen(source, { vnet0: macOf(1), vnet1: macOf(2) })
    const { promise, resolve } = Promise.withResolvers<void>()
    state.gate = promise
    state.asked.length = 0
    state.changed(null)
    while (state.asked.length === 0) await new Promise(setImmediate)
    source.tell(domainOf(1, 'vnet0'), 'gone')
    source.tell(domainOf(3, 'vnet0'), 'starts')
    assert.deepEqual(seen(source), { vnet1: macOf(2), vnet0: macOf(3) })
    const looked = new Promise<void>((done) => {
      source.onChange(done)
    })
    resolve()
    await looked
    assert.deepEqual(seen(source), { vnet0: macOf(3), vnet1: macOf(2) })
  })
})

test('a hook is heard before libvirt answers: it answers nobody until it has started what it starts by itself', async () => {
  await withSource(async (source, state) => {
    state.away = true
    await until(source, () => source.problems().length > 0)
    assert.match(source.problems()[0] ?? '', /nothing is known of its domains$/)
    source.tell(domainOf(1, 'vnet0'), 'starts')
    assert.deepEqual(seen(source), { vnet0: macOf(1) })
  })
})
