/** Which devices are in doubt as their configuration changes, while they run and while they do not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDoubts } from './doubts.ts'
import { parseGuestConfig } from './guest-config.ts'

const [a, b, c] = ['BC:24:11:00:00:0A', 'BC:24:11:00:00:0B', 'BC:24:11:00:00:0C']

function setUp() {
  const running = new Map<string, number>()
  const doubts = createDoubts(async (device) => running.get(device) ?? null)
  /** Configurations of VM 100: what runs, and what is pending. */
  const configured = (mac?: string, pending?: string) =>
    doubts.weigh([
      {
        kind: 'vm',
        number: '100',
        config: parseGuestConfig(
          'vm',
          `${mac === undefined ? '' : `net0: virtio=${mac},bridge=vmbr0\n`}${pending === undefined ? '' : `[PENDING]\nnet0: virtio=${pending},bridge=vmbr0\n`}`,
        ),
      },
    ])
  return { running, doubts, configured, doubted: () => doubts.has('tap100i0') }
}

test('a MAC that was pending is what runs; one that was not is in doubt until the device is another', async () => {
  const { running, configured, doubted, doubts } = setUp()
  running.set('tap100i0', 5)
  assert.equal(await configured(a), false)
  assert.equal(await configured(a, b), false)
  running.set('tap100i0', 6)
  assert.equal(await configured(b), false)
  assert.equal(doubted(), false)

  assert.equal(await configured(c), true)
  assert.equal(doubted(), true)
  assert.match(doubts.problems().join(), /^tap100i0 has run since before/)
  assert.equal(await configured(c), false)
  assert.equal(doubted(), true)
  running.set('tap100i0', 7)
  assert.equal(await configured(c), true)
  assert.equal(doubted(), false)
  assert.deepEqual(doubts.problems(), [])
})

test('doubt ends with the device, and with the configuration as it was', async () => {
  const { running, configured, doubted } = setUp()
  running.set('tap100i0', 5)
  await configured(a)
  await configured(b)
  assert.equal(doubted(), true)
  await configured(c)
  assert.equal(doubted(), true)
  assert.equal(await configured(a), true)
  assert.equal(doubted(), false)
  await configured(b)
  assert.equal(doubted(), true)
  running.delete('tap100i0')
  assert.equal(await configured(b), true)
  assert.equal(doubted(), false)
})

test('a device that is not there is never in doubt', async () => {
  const { configured, doubted } = setUp()
  await configured(a)
  assert.equal(await configured(b), false)
  assert.equal(doubted(), false)
})

test('a device is remembered while its configuration is away, and forgotten when it is gone too', async () => {
  const { running, configured, doubted } = setUp()
  running.set('tap100i0', 5)
  await configured(a)
  await configured()
  await configured(b)
  assert.equal(doubted(), true)
  await configured()
  assert.equal(doubted(), true)
  running.delete('tap100i0')
  await configured()
  assert.equal(doubted(), false)
  running.set('tap100i0', 6)
  await configured(b)
  assert.equal(doubted(), false)
})
