/** What the hookscript of a guest is answered, before and after it starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProxmox, type LocalAnswer, type ProxmoxPhase } from '../../../core/model/local.ts'
import type { WaitOptions } from '../../local/waiting.ts'
import { parseGuestConfig } from './guest-config.ts'
import { knownDevices } from './guest-devices.ts'
import { createProxmoxHook } from './hook.ts'

const waits: LocalAnswer = { answer: 'refused', devices: [{ device: 'tap100i0', why: 'because' }] }
const done: LocalAnswer = { answer: 'done', devices: [] }

/** Of VM 100, or a container. Whoever waits is refused. */
function world(
  config: string | null,
  {
    kind = 'vm' as 'vm' | 'container',
    elsewhere = false,
    problems = [] as string[],
    others = '',
    guarded = true,
  } = {},
) {
  const waited: WaitOptions[] = []
  const guest = config === null ? undefined : { kind, number: '100', config: parseGuestConfig(kind, config) }
  const devices = knownDevices(
    [
      ...(guest ? [guest] : []),
      { kind: 'vm' as const, number: '101', config: parseGuestConfig('vm', others) },
    ],
    new Map(),
  )
  const hook = createProxmoxHook({
    source: {
      lookAt: async () => ({ guests: guest ? [guest] : [], problems: [...problems, ...devices.problems] }),
      isElsewhere: async () => elsewhere,
      observe: () => devices.known,
    },
    waiting: {
      async wait(options) {
        waited.push(options)
        return waits
      },
    },
    isGuarded: (device) => guarded && device.startsWith(kind === 'vm' ? 'tap' : 'veth'),
  })
  const call = (phase: ProxmoxPhase) => hook.answer({ guest: '100', phase }, new AbortController().signal)
  return { waited, call }
}
const net = (n: number, mac: string) => `net${n}: virtio=BC:24:11:00:00:${mac},bridge=vmbr0\n`
const why = (answer: LocalAnswer): readonly string[] =>
  answer.answer === 'refused'
    ? answer.devices.map((each) => `${each.device}: ${each.why}`)
    : answer.answer === 'done'
      ? ['done']
      : [answer.why]

test('each device is waited for: before the start until its rules are ready, after it until they are in force', async () => {
  const { waited, call } = world(net(0, '01') + net(3, '02'))
  assert.equal(await call('pre-start'), waits)
  assert.equal(await call('post-start'), waits)
  const devices = [
    { device: 'tap100i0', mac: 'bc:24:11:00:00:01' },
    { device: 'tap100i3', mac: 'bc:24:11:00:00:02' },
  ]
  assert.deepEqual(
    waited.map(({ ms: _, ...each }) => each),
    [{ devices, before: true }, { devices }],
  )
  for (const { ms } of waited) assert.ok(ms > 1000 && ms <= 2000)
})

test('a container by its veth; a guest without network devices starts', async () => {
  const { waited, call } = world('net0: name=eth0,hwaddr=BC:24:11:00:01:01\n', { kind: 'container' })
  await call('pre-start')
  assert.deepEqual(waited[0]?.devices, [{ device: 'veth100i0', mac: 'bc:24:11:00:01:01' }])
  assert.deepEqual(await world('name: alone\n').call('pre-start'), done)
})

test('a guest that another node has may come while closed; one that nobody has does not start', async () => {
  for (const phase of ['pre-start', 'post-start'] as const)
    assert.deepEqual(await world(null, { elsewhere: true }).call(phase), done)
  assert.deepEqual(why(await world(null).call('pre-start')), ['it has no configuration on this node'])
  const unread = world(null, { elsewhere: true, problems: ['VM 1001: no', 'VM 100: it is no regular file'] })
  assert.deepEqual(why(await unread.call('pre-start')), ['VM 100: it is no regular file'])
})

test('what cannot be told of one device keeps the guest from starting, and is said', async () => {
  const cases: readonly [string, Parameters<typeof world>[1], readonly string[]][] = [
    ['net0: virtio,bridge=vmbr0\n', {}, ['tap100i0: it has no MAC address']],
    [net(0, '01') + net(0, '02'), {}, ['tap100i0: it is there twice, with different values']],
    [
      'net0: virtio=BC:24:11:00:00:01\n',
      {},
      ['tap100i0: it has no bridge: QEMU would hand its packets on past every rule'],
    ],
    [
      net(0, '01'),
      { others: net(0, '01') },
      ['tap100i0: bc:24:11:00:00:01 is the MAC of tap100i0, tap101i0'],
    ],
    [`${net(0, '01')}template: 1\n`, {}, ['tap100i0: its guest is a template, which never runs']],
  ]
  for (const [config, options, expected] of cases) {
    const { waited, call } = world(net(1, '09') + config, options)
    assert.deepEqual(
      why(await call('pre-start')).filter((each) => each.startsWith('tap100i0')),
      expected,
    )
    assert.deepEqual(waited, [])
  }
})

test('a guest whose device nothing would close until its rules are in force does not start', async () => {
  const { waited, call } = world(net(0, '01'), { guarded: false })
  assert.match(
    why(await call('pre-start')).join(),
    /^tap100i0: nothing closes it until .* --guard does not name it$/,
  )
  assert.deepEqual(waited, [])
  const comes = world(null, { elsewhere: true, guarded: false })
  assert.match(why(await comes.call('pre-start')).join(), /^tap100i0: nothing closes it/)
  // It runs: what counts is whether its rules are in force.
  assert.equal(await call('post-start'), waits)
})

test('an agent that reads no configuration of Proxmox lets no guest start', async () => {
  const hook = createProxmoxHook({
    source: undefined,
    waiting: { wait: async () => done },
    isGuarded: () => true,
  })
  const answer = await hook.answer({ guest: '100', phase: 'pre-start' }, new AbortController().signal)
  assert.deepEqual(answer, { answer: 'unable', why: 'the agent of this host runs without --proxmox' })
})

test('a request is a number and a phase', () => {
  assert.deepEqual(decodeProxmox({ guest: '100', phase: 'pre-start' }), { guest: '100', phase: 'pre-start' })
  for (const wrong of [
    { guest: '../100', phase: 'pre-start' },
    { guest: '0100', phase: 'pre-start' },
    { guest: 100, phase: 'pre-start' },
    { guest: '100', phase: 'post-stop' },
    { guest: '100' },
    { guest: '100', phase: 'pre-start', more: 1 },
  ])
    assert.throws(() => decodeProxmox(wrong))
})
