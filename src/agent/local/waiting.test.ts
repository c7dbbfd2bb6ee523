/** What is waited for is so when that is answered, and where it is not the reason is the one that helps. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DesiredInterface, InterfaceStatus } from '../../core/model/desired.ts'
import type { LocalAnswer } from '../../core/model/local.ts'
import type { HostWords, StatusChange } from '../../core/model/status-change.ts'
import { createStanding } from './standing.ts'
import { createWaiting, type WaitOptions } from './waiting.ts'

const mac = '02:00:00:00:00:01'
const never = new AbortController().signal
const nic: DesiredInterface = { id: 'nic', device: 'tap0', found: true, mac, policy: 'p' }

function world() {
  let clock = 0
  const desired = new Map<string, DesiredInterface>()
  /** Numbers of devices: by interface, as the last round had them, and by name, as the kernel has them. */
  const bound = new Map<string, number>()
  const kernel = new Map<string, number>()
  const standing = createStanding({
    wanted: (id) => desired.get(id),
    link: (id) => bound.get(id),
    now: () => clock,
  })
  let words: HostWords = {
    ...{ host: 'h', target: 'fake', observe: false, desiredRevision: 1, appliedRevision: 1 },
    ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
  }
  const waiting = createWaiting(standing, async (device) => {
    const index = kernel.get(device)
    return index === undefined ? undefined : { index }
  })
  const report = (change: Partial<HostWords>, ...put: InterfaceStatus[]) => {
    words = { ...words, ...change }
    const said: StatusChange = { host: words, whole: false, put, remove: [] }
    standing.status(said)
  }
  const one = (state: InterfaceStatus['state'], error: string | null = null): InterfaceStatus => ({
    ...{ id: 'nic', device: 'tap0', appliedRevision: 1, state, error, notes: [] },
  })
  return {
    ...{ standing, waiting, desired, bound, kernel, report, one },
    pass: (ms: number) => {
      clock += ms
    },
    wait: (more: Partial<WaitOptions> = {}) =>
      waiting.wait({ devices: [{ device: 'tap0', mac }], ms: 20, ...more }, never),
    /** On the device, and in force. */
    inForce() {
      desired.set('nic', nic)
      bound.set('nic', 7)
      kernel.set('tap0', 7)
      report({ state: 'applied' }, one('applied'))
    },
  }
}

const done: LocalAnswer = {
  answer: 'done',
  devices: [{ device: 'tap0', interface: 'nic', state: 'applied' }],
}
const why = (answer: LocalAnswer): string =>
  answer.answer === 'refused' ? answer.devices.map((each) => each.why).join() : JSON.stringify(answer)

describe('waiting', () => {
  test('answers at once what is so, and when it comes to be so', async () => {
    const { wait, inForce, report, one, standing, kernel } = world()
    kernel.set('tap0', 7)
    standing.connected(true)
    const waited = wait({ ms: 2000 })
    inForce()
    assert.deepEqual(await waited, done)
    assert.deepEqual(await wait({ ms: 0 }), done)
    report({}, one('observing'))
    assert.deepEqual(await wait(), {
      ...{ answer: 'done', devices: [{ device: 'tap0', interface: 'nic', state: 'observing' }] },
    })
  })

  test('what a round has not ended on is not taken for so', async () => {
    const { wait, inForce, report, standing } = world()
    standing.connected(true)
    inForce()
    report({ state: 'applying' })
    assert.match(why(await wait()), /within 0.02 s/)
    const waited = wait({ ms: 2000 })
    report({ state: 'applied' })
    assert.deepEqual(await waited, done)
  })

  test('a device that only has the name of the one it is in force on is another', async () => {
    const { wait, inForce, report, bound, kernel, standing } = world()
    standing.connected(true)
    inForce()
    kernel.set('tap0', 8)
    assert.match(why(await wait()), /not in force on it yet/)
    const waited = wait({ ms: 2000 })
    bound.set('nic', 8)
    report({ state: 'applied' })
    assert.deepEqual(await waited, done)
    kernel.delete('tap0')
    assert.equal(why(await wait()), 'there is no device tap0')
  })

  test('rounds that follow one another do not keep it from seeing what each led to', async () => {
    const { wait, inForce, report } = world()
    const waited = wait({ ms: 2000 })
    inForce()
    report({ state: 'applying' })
    assert.deepEqual(await waited, done)
  })

  test('an interface with another MAC is another', async () => {
    const { wait, inForce, desired, standing } = world()
    standing.connected(true)
    inForce()
    desired.set('nic', { ...nic, mac: '02:00:00:00:00:02' })
    assert.match(why(await wait()), /interface nic is on tap0, and its MAC is 02:00:00:00:00:02/)
    const { mac: _, ...unknown } = nic
    desired.set('nic', unknown)
    assert.match(why(await wait()), /its MAC is not known/)
    desired.delete('nic')
    assert.match(why(await wait()), /its MAC is not known/)
  })

  test('says why it waited in vain: the claim, the round, the silence, the status', async () => {
    const { wait, inForce, report, one, standing, kernel, desired, bound, pass } = world()
    assert.equal(why(await wait()), 'there is no device tap0')
    kernel.set('tap0', 7)
    assert.match(why(await wait()), /has just started.*no service has been heard since/)
    report({ state: 'applied' })
    assert.match(why(await wait()), /^no service has been heard since the agent has started$/)
    standing.connected(true)
    assert.match(why(await wait()), /has not said yet which interface is on tap0/)
    standing.claims([{ device: 'tap0', interface: null, why: 'no interface has this MAC' }])
    assert.equal(why(await wait()), 'no interface has this MAC')
    standing.connected(false)
    pass(3400)
    assert.equal(why(await wait()), 'no service has been heard for 3 s')
    inForce()
    report({ state: 'applied' }, one('closed', 'nothing proves that tap0 is its device'))
    bound.delete('nic')
    assert.match(why(await wait()), /^interface nic: nothing proves .*; no service has been heard for 3 s$/)
    standing.connected(true)
    report({ state: 'applied' }, one('failing', 'the kernel refuses a rule'))
    assert.equal(why(await wait()), 'interface nic: the kernel refuses a rule')
    report({ state: 'failing', error: 'no nft' })
    assert.equal(why(await wait()), 'the packet filter cannot be changed: no nft')
    report({ state: 'applied' }, one('applied'))
    bound.set('nic', 7)
    assert.equal(why(await wait({ differs: () => 'it has other policies' })), 'it has other policies')
    desired.set('nic', { ...nic, policy: null })
    assert.notEqual((await wait()).answer, 'done')
  })

  test('all devices are waited for, and each that is not ready is named', async () => {
    const { inForce, waiting, kernel } = world()
    inForce()
    const devices = [
      { device: 'tap0', mac },
      { device: 'tap1', mac: '02:00:00:00:00:02' },
    ]
    kernel.set('tap1', 9)
    const answer = await waiting.wait({ devices, ms: 20 }, never)
    assert.ok(answer.answer === 'refused')
    assert.deepEqual(
      answer.devices.map(({ device }) => device),
      ['tap1'],
    )
  })

  test('before a device is there its rules are ready, unless they are not known or the service closes it', async () => {
    const { wait, desired, report, one, kernel, standing } = world()
    standing.connected(true)
    assert.match(why(await wait({ before: true })), /has just started/)
    desired.set('nic', nic)
    report({ state: 'applied' }, one('closed', 'there is no device'))
    const ready = { answer: 'done', devices: [{ device: 'tap0', interface: 'nic', state: 'ready' }] }
    assert.deepEqual(await wait({ before: true }), ready)
    assert.notEqual((await wait()).answer, 'done')
    // The one of a guest that is gone, under the same name.
    kernel.set('tap0', 3)
    assert.deepEqual(await wait({ before: true }), ready)
    desired.set('nic', { ...nic, closed: 'the operator says so' })
    assert.equal((await wait({ before: true })).answer, 'refused')
    desired.set('nic', { ...nic, policy: null })
    assert.equal((await wait({ before: true })).answer, 'refused')
  })

  test('the end of the agent ends it', async () => {
    const { waiting } = world()
    const ending = new AbortController()
    const waited = waiting.wait({ devices: [{ device: 'tap0', mac }], ms: 2000 }, ending.signal)
    ending.abort()
    assert.equal((await waited).answer, 'refused')
  })

  test('a device is closed when no round leaves what was found there in force', async () => {
    const { waiting, inForce, report, one, desired, bound } = world()
    assert.equal(await waiting.closed('tap0', 20, never), false, 'nothing is known yet')
    inForce()
    assert.equal(await waiting.closed('tap0', 20, never), false)
    const waited = waiting.closed('tap0', 2000, never)
    report({ state: 'applying' })
    bound.delete('nic')
    report({ state: 'applied' }, one('closed', 'nothing proves'))
    assert.equal(await waited, true)
    inForce()
    const { found: _, ...said } = nic
    desired.set('nic', said)
    assert.equal(
      await waiting.closed('tap0', 20, never),
      true,
      'what somebody else said of it is not ours to end',
    )
  })
})
