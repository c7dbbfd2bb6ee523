/** Decisions from logged packets that are written by hand: whose they are, what is told of them, and what is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { desire } from '../../../test/support/desired.ts'
import { frame } from '../../../test/support/frames.ts'
import { imaginedHost, imaginedKernel } from '../../../test/support/imagined.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import { decodeDecisions } from '../../core/model/decision.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { Listener } from '../netlink/events.ts'
import { MessageBuilder, MessageReader } from '../netlink/message.ts'
import { LogUnavailableError } from '../netlink/nflog.ts'
import { fixedPart } from '../netlink/nfnetlink.ts'
import { createDecisions, type Sample } from './decisions.ts'
import { createNftables } from './nftables.ts'

const filtered = (direction: 'ingress' | 'egress') =>
  ({
    filtered: true,
    default: 'deny',
    log: 'warning',
    lists: [
      {
        ...{ policy: 'p', part: 0, direction },
        rules: [
          { id: 'r', position: 1, direction, action: 'allow', enabled: true, matches: [{}], log: 'err' },
        ],
      },
    ],
  }) as const
const policy: CommonPolicy = {
  ...{ stateful: false, essentials: [], ingress: filtered('ingress'), egress: filtered('egress') },
}
const rule = numberOf({ kind: 'rule', policy: 'p', rule: 'r' })
const byDefault = numberOf({ kind: 'default' })
const hex = (number: number) => `0x${number.toString(16).padStart(8, '0')}`

const bytes = frame({
  ...{ family: 'ipv4', protocol: 6, id: 1, hopLimit: 64, sourcePort: 5, destinationPort: 9 },
  ...{ source: 0xc0000201n, destination: 0xc0000202n },
  ...{ sourceMac: '52:54:00:00:00:01', destinationMac: '52:54:00:00:00:02' },
})
const seen = {
  ...{ etherType: 0x0800, length: 68, sourceMac: '52:54:00:00:00:01', protocol: 6 },
  ...{ source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 5, destinationPort: 9 },
}

interface Logged {
  readonly prefix: string
  readonly mark?: number
  readonly family?: number
  readonly input?: number
  readonly output?: number
  readonly inputPort?: number
  readonly outputPort?: number
  readonly sequence?: number
  readonly tag?: number
}

/** One interface, `vm`, on the device 7, in force since 1000; it is 2000.5 now. */
async function reading({ perSecond = 1000, observing = false, onProblem = () => {} } = {}) {
  let time = 2000.5
  let listener: Listener | undefined
  let closed = 0
  const decisions = createDecisions({
    log: async (_, wanted) => {
      listener = wanted
      return { close: () => void closed++ }
    },
    perSecond,
    onProblem,
    now: () => time,
  })
  const samples: Sample[] = []
  let told = Promise.withResolvers<void>()
  const stop = decisions.listen((some) => {
    samples.push(...some)
    told.resolve()
  })
  time = 1000
  decisions.begin(
    {
      revision: 3,
      policies: new Map([['k', policy]]),
      interfaces: new Map([['vm', { id: 'vm', device: 'tap', policy: 'k' }]]),
    },
    null,
  )
  const state = observing ? 'observing' : 'applied'
  decisions.place([{ id: 'vm', state, mode: 'routed', error: null, index: 7 }], [])
  decisions.end()
  time = 2000.5
  await Promise.resolve()
  let sequence = 0
  return {
    decisions,
    stop,
    closed: () => closed,
    at: (now: number) => {
      time = now
    },
    log(of: Logged): void {
      const message = new MessageBuilder().begin(0x400, 0, fixedPart(of.family ?? 2))
      const stamp = Buffer.alloc(16)
      stamp.writeBigUInt64BE(1n, 0)
      stamp.writeBigUInt64BE(990_250n, 8)
      message.bytes(1, Buffer.from([8, 0, 0, 0])).text(10, of.prefix)
      if (of.input !== undefined) message.u32be(4, of.input)
      if (of.output !== undefined) message.u32be(5, of.output)
      if (of.inputPort !== undefined) message.u32be(6, of.inputPort)
      if (of.outputPort !== undefined) message.u32be(7, of.outputPort)
      if (of.mark !== undefined) message.u32be(2, of.mark)
      message.bytes(3, stamp)
      message.bytes(8, Buffer.from('00060000525400000001ffff', 'hex')).u32be(12, of.sequence ?? sequence++)
      if (of.tag !== undefined) {
        const opened = message.open(20)
        message.u16be(1, of.tag).close(opened)
      }
      message.bytes(9, bytes.subarray(14))
      const reader = new MessageReader(message.finish())
      reader.next()
      listener?.onMessage(reader)
    },
    /** All that was told since it was asked last; at least something. */
    async told(): Promise<Sample[]> {
      await told.promise
      told = Promise.withResolvers()
      return samples.splice(0)
    },
  }
}

const common = { at: 1990, interface: 'vm', position: null, revision: 3, observed: false, packet: seen }
const cases: readonly [name: string, of: Logged, want: Sample | undefined][] = [
  [
    'denied by a mark, towards the VM',
    { prefix: 'denied in', mark: byDefault, input: 1, output: 7 },
    { ...common, direction: 'ingress', outcome: 'denied', by: 'default', level: 'warning' },
  ],
  [
    'rejected by a mark, from the VM',
    { prefix: 'rejected out', mark: rule, input: 7, output: 1 },
    { ...common, direction: 'egress', outcome: 'rejected', by: 'rule p r', position: 1, level: 'err' },
  ],
  [
    'allowed, whatever its mark is',
    { prefix: `allowed in ${hex(rule)}`, mark: byDefault, output: 7 },
    { ...common, direction: 'ingress', outcome: 'allowed', by: 'rule p r', position: 1, level: 'err' },
  ],
  [
    'what would have been denied',
    { prefix: `observed denied out ${hex(byDefault)}`, input: 7 },
    { ...common, direction: 'egress', outcome: 'denied', by: 'default', level: 'warning', observed: true },
  ],
  [
    'a port of a bridge',
    { prefix: 'denied out', mark: byDefault, family: 7, input: 1, inputPort: 7 },
    { ...common, direction: 'egress', outcome: 'denied', by: 'default', level: 'warning' },
  ],
  [
    'a tagged frame',
    { prefix: 'denied in', mark: byDefault, family: 7, outputPort: 7, output: 1, tag: 0x8100 },
    {
      ...{ ...common, direction: 'ingress', outcome: 'denied', by: 'default', level: 'warning' },
      packet: { etherType: 0x8100, length: 18 + 68, sourceMac: '52:54:00:00:00:01' },
    },
  ],
  ['another device', { prefix: 'denied in', mark: byDefault, output: 8 }, undefined],
  ['a device at the other end', { prefix: 'denied in', mark: byDefault, input: 7 }, undefined],
  ['a number of nobody', { prefix: 'denied in', mark: 77, output: 7 }, undefined],
  ['no number', { prefix: 'denied in', output: 7 }, undefined],
  ['another program’s words', { prefix: 'denied in by me', mark: byDefault, output: 7 }, undefined],
  ['no words', { prefix: '', mark: byDefault, output: 7 }, undefined],
]

for (const [name, of, want] of cases) {
  test(name, async () => {
    const { log, told, decisions } = await reading()
    try {
      log(of)
      // In the order in which they came.
      log({ prefix: 'denied in', mark: byDefault, output: 7 })
      const samples = await told()
      assert.deepEqual(samples.slice(0, -1), want ? [want] : [])
      const known = name.includes('number')
      assert.deepEqual(
        decisions.leftOut().map(({ suppressed }) => suppressed),
        known ? [{ ingress: 1, egress: 0 }] : [],
      )
      const whole = samples.map((each) => ({ ...each, host: 'h' }))
      assert.deepEqual(decodeDecisions(JSON.parse(JSON.stringify(whole))), whole)
    } finally {
      decisions.close()
    }
  })
}

test('what is allowed on an observed interface', async () => {
  const { log, told, decisions } = await reading({ observing: true })
  try {
    log({ prefix: `allowed in ${hex(rule)}`, output: 7 })
    assert.deepEqual(
      (await told()).map(({ observed, outcome }) => [observed, outcome]),
      [[true, 'allowed']],
    )
  } finally {
    decisions.close()
  }
})

test('what is more than may be told is counted, and said for a while; later ones are told', async () => {
  const { log, told, decisions, at } = await reading({ perSecond: 5 })
  const packet = { prefix: 'denied in', mark: byDefault, output: 7 }
  try {
    for (let n = 0; n < 20; n++) log(packet)
    assert.equal((await told()).length, 5)
    const [left, ...others] = decisions.leftOut()
    assert.deepEqual([left?.id, left?.suppressed, others], ['vm', { ingress: 15, egress: 0 }, []])
    assert.deepEqual(decisions.leftOut(), [])
    assert.match(decisions.problem() ?? '', /more decisions than 5 in a second/)
    at(2400.5)
    for (let n = 0; n < 4; n++) log(packet)
    assert.equal((await told()).length, 2)
    assert.deepEqual(
      decisions.leftOut().map(({ epoch, suppressed }) => [epoch, suppressed]),
      [[left?.epoch, { ingress: 17, egress: 0 }]],
    )
    at(100_000)
    assert.equal(decisions.problem(), null)
  } finally {
    decisions.close()
  }
})

test('whoever tells of problems is called when one comes, and when it is over, and not for each packet', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let calls = 0
  const { log, decisions, at } = await reading({ perSecond: 1, onProblem: () => calls++ })
  const packet = { prefix: 'denied in', mark: byDefault, output: 7 }
  try {
    assert.equal(calls, 0)
    for (let n = 0; n < 20; n++) log(packet)
    assert.equal(calls, 1)
    at(50_000)
    for (let n = 0; n < 20; n++) log(packet)
    context.mock.timers.tick(60_000)
    assert.equal(calls, 1)
    at(130_000)
    context.mock.timers.tick(60_000)
    assert.deepEqual([calls, decisions.problem()], [2, null])
  } finally {
    decisions.close()
  }
})

test('what the kernel had no room for is missing in its numbers, and that is said for a while', async () => {
  const { log, decisions, at } = await reading()
  const packet = { prefix: 'denied in', mark: byDefault, output: 7 }
  try {
    for (const sequence of [0xfffffffe, 0xffffffff, 0]) log({ ...packet, sequence })
    assert.equal(decisions.problem(), null)
    log({ ...packet, sequence: 5 })
    log({ ...packet, sequence: 6 })
    assert.match(decisions.problem() ?? '', /more decisions than the kernel had room for/)
    at(100_000)
    assert.equal(decisions.problem(), null)
  } finally {
    decisions.close()
  }
})

test('nobody is called back any more', async () => {
  const { log, decisions, stop, closed } = await reading()
  stop()
  log({ prefix: 'denied in', mark: byDefault, output: 7 })
  decisions.close()
  assert.equal(closed(), 1)
})

test('a log that cannot be read is a problem in words, and none where nobody listens', async () => {
  let calls = 0
  const decisions = createDecisions({
    log: async () => {
      throw new LogUnavailableError('another program reads group 1017')
    },
    onProblem: () => calls++,
  })
  try {
    await Promise.resolve()
    assert.equal(decisions.problem(), null)
    decisions.listen(() => {})
    await new Promise(setImmediate)
    assert.equal(decisions.problem(), 'decisions are not told: another program reads group 1017')
    assert.equal(calls, 1)
  } finally {
    decisions.close()
  }
})

test('a problem that comes between two rounds calls for another, whose report has it', async () => {
  const dataplane = createNftables({
    ...{ kernel: imaginedKernel(() => {}), host: imaginedHost([]), guard: [], decisionsPerSecond: 10 },
    log: async () => {
      throw new LogUnavailableError('another program reads group 1017')
    },
  })
  const warning = 'decisions are not told: another program reads group 1017'
  try {
    const said = async () => (await dataplane.apply(desire([]))).warnings.includes(warning)
    assert.equal(await said(), false)
    const called = new Promise<void>((resolve) => void dataplane.onChange(resolve))
    dataplane.onDecisions(() => {})
    await called
    assert.equal(await said(), true)
  } finally {
    await dataplane.close()
  }
})
