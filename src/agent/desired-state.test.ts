/** Updates as messages and as state: what is corrupt or out of turn throws, and changes nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { group } from '../../test/support/stores.ts'
import type { DesiredUpdate, Placement } from '../core/model/desired-update.ts'
import type { Policy } from '../core/model/policy.ts'
import { createUpdateReader, encodeUpdate } from '../core/model/update-codec.ts'
import type { Channel, Message } from './channel.ts'
import { createDesiredState } from './desired-state.ts'
import { toAgent } from './messages.ts'
import { findsDevices, spoken } from './versions.ts'

const { order, defaultIngress, defaultEgress, stateful, filters, appliesTo, guards, builtIn } = group('g')
const settings = {
  enabled: true,
  order,
  defaultIngress,
  defaultEgress,
  stateful,
  filters,
  appliesTo,
  guards,
  builtIn,
}
const policy = (revision: number): Policy => ({ ...settings, id: 'g', revision, rules: [] })
const placement = (n: number): Placement => ({
  ...{ id: `nic${n}`, device: `tap${n}`, index: 1, type: 'public', mac: '52:54:00:00:00:01' },
  ...{ addresses: [], allowedAddresses: [], senderCheck: true, observe: false, vlanTrunk: false },
  ...{ allowedFrames: [], maxConnections: null, policies: ['g'] },
})
const first: DesiredUpdate = {
  ...{ from: null, revision: 1, policies: [policy(1)] },
  interfaces: { put: Array.from({ length: 5000 }, (_, n) => placement(n)), remove: [] },
}

test('a large update is several messages, and none may be lost, doubled or misread', () => {
  const messages = [...encodeUpdate(first)]
  assert.equal(messages.length, 3)
  const reader = createUpdateReader()
  assert.deepEqual(messages.map((each) => reader.take(each)).at(-1), first)
  for (const order of [[1], [0, 2], [0, 0]]) {
    const each = createUpdateReader()
    assert.throws(() => order.map((n) => each.take(messages[n] ?? null)), /corrupt update/)
  }
  for (const wrong of [null, {}, { ...messages[0], more: 1 }, { ...messages[0], revision: -1 }]) {
    assert.throws(() => createUpdateReader().take(wrong), /corrupt/)
  }
})

test('a changed rule changes one policy of all interfaces, and what does not lead on changes nothing', () => {
  const { desired, apply } = createDesiredState()
  assert.equal(apply(first).delta.interfaces.size, 5000)
  const none = { put: [], remove: [] }
  const { delta } = apply({ from: 1, revision: 2, policies: [policy(2)], interfaces: none })
  assert.deepEqual([delta.policies.size, delta.interfaces.size], [1, 0])
  const before = [new Map(desired.policies), new Map(desired.interfaces)]
  const late = { from: 1, revision: 3, policies: [policy(3)], interfaces: { put: [], remove: ['nic1'] } }
  assert.throws(() => apply(late), /does not lead on/)
  const both = { ...late, from: 2, interfaces: { put: [placement(1)], remove: ['nic1'] } }
  assert.throws(() => apply(both), /puts an interface and removes it/)
  assert.deepEqual([desired.revision, desired.policies, desired.interfaces], [2, ...before])
})

test('what was found is told to who can prove it, closed to others, and another account is another holder', () => {
  const owned = (account: string): DesiredUpdate => ({
    ...{ from: null, revision: 1, policies: [policy(1)] },
    interfaces: { put: [{ ...placement(1), account, found: true }], remove: [] },
  })
  for (let version = spoken.least; version <= spoken.most; version++) {
    const said: string[] = []
    const channel: Pick<Channel, 'send'> = {
      async send(messages: Iterable<Message | string>) {
        for (const each of messages) said.push(typeof each === 'string' ? each : JSON.stringify(each))
      },
    }
    const agent = toAgent(channel as Channel)
    agent.welcome({ version, release: 'x' })
    void agent.update(owned('one'))
    assert.equal(said.length, 2)
    const proves = version >= findsDevices
    assert.equal(said[1]?.includes('"found":true'), proves, `version ${version}`)
    assert.equal(said[1]?.includes('"policies":["found-by-its-mac"]'), !proves, `version ${version}`)
  }
  const { desired, apply } = createDesiredState()
  const [told] = encodeUpdate(owned('one'))
  apply(createUpdateReader().take(told ?? null) as DesiredUpdate)
  assert.equal(desired.interfaces.get('nic1')?.account, 'one')
  assert.equal(desired.interfaces.get('nic1')?.found, true)
  assert.deepEqual([...apply(owned('two')).delta.interfaces], ['nic1'])
})
