/** What libvirt's hook is answered, and what the source is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LibvirtOperation, LocalAnswer } from '../../../core/model/local.ts'
import type { WaitOptions } from '../../local/waiting.ts'
import { createLibvirtHook } from './hook.ts'

const id = '11111111-2222-4333-8444-555555555555'
const nic = (mac: string, target: string) =>
  `<interface type='bridge'><mac address='${mac}'/>${target}</interface>`
const [one, two] = ['52:54:00:00:00:01', '52:54:00:00:00:02'] as const
const nics = nic(one, "<target dev='vnet0'/>") + nic(two, "<target dev='vnet1'/>")
const xmlOf = (interfaces: string) =>
  `<domain><name>web</name><uuid>${id}</uuid><devices>${interfaces}</devices></domain>`
const refused: LocalAnswer = { answer: 'refused', devices: [{ device: 'vnet0', why: 'because' }] }
const done: LocalAnswer = { answer: 'done', devices: [] }

/** Whoever waits is refused. */
function world({ without = false } = {}) {
  const told: string[] = []
  const waited: WaitOptions[] = []
  const clock = { now: 0 }
  const hook = createLibvirtHook({
    source: without ? undefined : { tell: (domain, state) => told.push(`${domain.name} ${state}`) },
    waiting: {
      async wait(options) {
        waited.push(options)
        return refused
      },
    },
    now: () => clock.now,
  })
  const call = (operation: LibvirtOperation, xml = xmlOf(nics)) =>
    hook.answer({ operation, xml }, new AbortController().signal)
  return { told, waited, clock, call }
}

test('a start waits until every device is under its policy, and tells first whose they are', async () => {
  const { told, waited, call } = world()
  assert.equal(await call('start'), refused)
  assert.deepEqual(told, ['web starts'])
  assert.deepEqual(waited, [
    {
      devices: [
        { device: 'vnet0', mac: one },
        { device: 'vnet1', mac: two },
      ],
      ms: 2000,
    },
  ])
  assert.deepEqual(await call('start', xmlOf('')), done, 'nothing to wait for')
})

test('one that comes from another host starts while closed, once and soon', async () => {
  const { waited, clock, call } = world()
  assert.deepEqual(await call('migrate'), done)
  assert.deepEqual(await call('start'), done)
  assert.equal(waited.length, 0)
  assert.equal(await call('start'), refused, 'the next start is one like others')
  await call('migrate')
  clock.now += 60_001
  assert.equal(await call('start'), refused, 'it never came')
  await call('migrate')
  await call('stopped')
  assert.equal(await call('start'), refused, 'it came, and is gone')
  await call('migrate')
  for (let n = 0; n < 1000; n++) await call('migrate', xmlOf('').replace('5555', String(10_000 + n).slice(1)))
  assert.equal(await call('start'), refused, 'too many come')
  await call('migrate')
  assert.deepEqual(await call('start'), done, 'the newest is not forgotten for too many others')
})

test('one that runs is known of and never refused; one that is gone is forgotten', async () => {
  const { told, waited, call } = world()
  for (const operation of ['reconnect', 'attach', 'stopped', 'release'] as const)
    assert.deepEqual(await call(operation), done)
  assert.deepEqual(told, ['web starts', 'web starts', 'web gone', 'web gone'])
  assert.equal(waited.length, 0)
})

test('what is no domain, and an agent that asks no libvirt, let nothing start', async () => {
  const { told, call } = world()
  const answer = await call('start', '<domain>')
  assert.equal(answer.answer, 'invalid')
  assert.deepEqual(told, [])
  assert.deepEqual(await world({ without: true }).call('start'), {
    ...{ answer: 'unable', why: 'the agent of this host runs without --libvirt' },
  })
})
