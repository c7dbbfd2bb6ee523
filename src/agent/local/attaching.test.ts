/** Attach is done when the policy is in force, else it never was; what somebody else attached stays. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DesiredInterface, InterfaceStatus } from '../../core/model/desired.ts'
import type { AttachRequest, LocalAnswer } from '../../core/model/local.ts'
import { type Attached, type Attachment, openAttached } from '../sources/attached.ts'
import { createAttaching } from './attaching.ts'
import type { Waiting, WaitOptions } from './waiting.ts'

const never = new AbortController().signal
const request = (n: number, more: Partial<AttachRequest> = {}): AttachRequest => ({
  ...{ device: `tap${n}`, mac: `02:00:00:00:00:0${n}`, addresses: [], policies: [], account: 'acme' },
  ...{ profile: 'native', id: null, name: null, ms: 2000 },
  ...more,
})
const yes: LocalAnswer = { answer: 'done', devices: [{ device: 'tap1', interface: 'nic', state: 'applied' }] }
const no: LocalAnswer = { answer: 'refused', devices: [{ device: 'tap1', why: 'not so' }] }

async function world() {
  const kernel = new Map([1, 2, 3].map((n) => [`tap${n}`, n]))
  kernel.set('eth0', 4)
  const lookAt = async (device: string) => {
    const index = kernel.get(device)
    return index === undefined ? undefined : { index }
  }
  let full = false
  const attached: Attached = await openAttached({
    file: {
      read: async () => undefined,
      draft: async () => ({
        async add() {
          if (full) throw new Error('the disk is full')
        },
        async take() {},
        async drop() {},
      }),
      async close() {},
    },
    ...{ boot: 'boot', lookAt, follow: () => () => {} },
  })
  const log: string[] = []
  let answer: (options: WaitOptions) => Promise<LocalAnswer> = async () => yes
  let closes = true
  const waiting: Waiting = {
    async wait(options) {
      const [one] = options.devices
      log.push(`wait ${one?.device}`)
      return answer(options)
    },
    async closed(device) {
      log.push(`closed ${device}, attached: ${attached.get(device) !== undefined}`)
      return closes
    },
  }
  const { attach, detach } = createAttaching({
    ...{ attached, waiting, lookAt },
    isGuarded: (device) => device.startsWith('tap'),
  })
  return {
    ...{ kernel, attached, log },
    attach: (each: AttachRequest) => attach(each, never),
    detach: (device: string) => detach({ device, ms: 2000 }, never),
    answers(next: typeof answer) {
      answer = next
    },
    fill(is: boolean) {
      full = is
    },
    open() {
      closes = false
    },
  }
}

describe('attach', () => {
  test('says whose the device is, by the number that it has, and is done when that is in force', async () => {
    const { attach, attached, answers } = await world()
    let seen: Attachment | undefined
    answers(async () => {
      seen = attached.get('tap1')
      return yes
    })
    const more = { addresses: ['192.0.2.1'], policies: ['web'], name: 'builder' }
    assert.deepEqual(await attach(request(1, more)), yes)
    assert.deepEqual(seen, {
      ...{ device: 'tap1', link: 1, mac: '02:00:00:00:00:01', id: 'attached-020000000001', name: 'builder' },
      ...{ index: 1, addresses: ['192.0.2.1'], policies: ['web'], account: 'acme', profile: 'native' },
    })
    assert.equal(attached.get('tap1'), seen)
  })

  test('devices of one VM are numbered, and keep their numbers', async () => {
    const { attach, attached, detach } = await world()
    const numbers = () => [...attached.all()].map(({ device, index }) => `${device}:${index}`).join()
    for (const n of [1, 2, 3]) await attach(request(n, { id: 'vm' }))
    assert.equal(numbers(), 'tap1:1,tap2:2,tap3:3')
    await attach(request(2, { id: 'vm' }))
    assert.equal(numbers(), 'tap1:1,tap2:2,tap3:3')
    await detach('tap1')
    await attach(request(1, { id: 'vm' }))
    assert.equal(numbers(), 'tap2:2,tap3:3,tap1:1')
  })

  test('what is not in force in time is taken back, and the device seen to be closed', async () => {
    const { attach, attached, answers, log } = await world()
    answers(async () => no)
    assert.deepEqual(await attach(request(1)), no)
    assert.equal(attached.get('tap1'), undefined)
    assert.deepEqual(log, ['wait tap1', 'closed tap1, attached: false'])
  })

  test('what was attached before stays as it was where something else cannot be', async () => {
    const { attach, attached, answers, log } = await world()
    await attach(request(1))
    const before = attached.get('tap1')
    answers(async () => no)
    assert.deepEqual(await attach(request(1, { addresses: ['192.0.2.9'] })), no)
    assert.deepEqual(attached.get('tap1'), before)
    assert.ok(!log.join().includes('closed'))
  })

  test('no device, one that nothing closes, and a MAC that another device has, are refused at once', async () => {
    const { attach, attached, log } = await world()
    assert.deepEqual(await attach(request(9)), {
      ...{ answer: 'refused', devices: [{ device: 'tap9', why: 'there is no device tap9' }] },
    })
    const open = await attach(request(1, { device: 'eth0' }))
    assert.match(open.answer === 'refused' ? (open.devices[0]?.why ?? '') : '', /--guard has to name it/)
    await attach(request(1))
    const mac = '02:00:00:00:00:01'
    assert.deepEqual(await attach(request(2, { mac })), {
      ...{ answer: 'refused', devices: [{ device: 'tap2', why: `${mac} is attached to tap1` }] },
    })
    assert.deepEqual([log, attached.get('tap2')], [['wait tap1'], undefined])
  })

  test('what the next agent would not know is not attached', async () => {
    const all = await world()
    all.fill(true)
    const answer = await all.attach(request(1))
    assert.ok(answer.answer === 'unable')
    assert.match(answer.why, /the disk is full/)
    assert.equal(all.attached.get('tap1'), undefined)
  })

  test('an interface that is otherwise than was asked for does not do', async () => {
    const { attach, answers } = await world()
    const wanted: DesiredInterface = {
      ...{
        id: 'nic',
        account: 'acme',
        device: 'tap1',
        mac: '02:00:00:00:00:01',
        addresses: ['192.0.2.1', '192.0.2.2'],
      },
      policy: JSON.stringify(['public', 0, 'base', 'web']),
    }
    const status: InterfaceStatus = {
      ...{ id: 'nic', device: 'tap1', appliedRevision: 1, state: 'applied', error: null, notes: [] },
    }
    let said: string | undefined
    answers(async ({ differs }) => {
      said = differs?.({ status, wanted, link: 1 })
      return yes
    })
    for (const [more, wrong] of [
      [{}, undefined],
      [{ addresses: ['192.0.2.2', '192.0.2.1'], policies: ['web'] }, undefined],
      [{ addresses: ['192.0.2.1'] }, /its addresses are 192.0.2.1, 192.0.2.2/],
      [{ account: 'other' }, /is in another account/],
      [{ account: null }, undefined],
      [{ policies: ['web', 'mail', 'dns'] }, /mail, dns is not attached to it/],
    ] as const) {
      await attach(request(1, more))
      if (wrong) assert.match(said ?? '', wrong)
      else assert.equal(said, undefined)
    }
  })

  test('what is asked of one device is done in turn', async () => {
    const { attach, detach, attached, answers } = await world()
    const first = Promise.withResolvers<LocalAnswer>()
    answers(() => first.promise)
    const [attaching, detaching] = [attach(request(1)), detach('tap1')]
    first.resolve(yes)
    assert.deepEqual(await Promise.all([attaching, detaching]), [yes, { answer: 'done', devices: [] }])
    assert.equal(attached.get('tap1'), undefined)
  })
})

describe('detach', () => {
  test('is done when the device is closed, and where nothing is attached', async () => {
    const { attach, detach, log } = await world()
    await attach(request(1))
    assert.deepEqual(await detach('tap1'), { answer: 'done', devices: [] })
    assert.deepEqual(await detach('tap1'), { answer: 'done', devices: [] })
    assert.deepEqual(log, ['wait tap1', 'closed tap1, attached: false'])
  })

  test('a device that does not close, and what cannot be kept, are said', async () => {
    const all = await world()
    await all.attach(request(1))
    all.open()
    const open = await all.detach('tap1')
    assert.match(open.answer === 'unable' ? open.why : '', /not seen to be closed within 2 s/)
    await all.attach(request(1))
    all.fill(true)
    const unkept = await all.detach('tap1')
    assert.match(unkept.answer === 'unable' ? unkept.why : '', /the disk is full/)
  })
})
