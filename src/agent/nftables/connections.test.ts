import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFlow } from './connections.ts'
import { createSums } from './sums.ts'

test('lines of conntrack', () => {
  const tcp = (state: string, rest: string) =>
    `tcp      6 431999 ${state} src=10.0.0.1 dst=10.0.0.2 sport=1 dport=80 ${rest} mark=0 use=1`
  const answer = 'src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1'
  const flow = { from: '10.0.0.1', to: '10.0.0.2', answeredBy: '10.0.0.2' }
  for (const [line, want] of [
    [tcp('ESTABLISHED', `${answer} [ASSURED]`), { ...flow, assured: true }],
    [tcp('SYN_SENT', `[UNREPLIED] ${answer}`), { ...flow, assured: false }],
    // The kernel's own lists leave out what has ended.
    [tcp('TIME_WAIT', `${answer} [ASSURED]`), undefined],
    [tcp('CLOSE', `${answer} [ASSURED]`), undefined],
    [tcp('CLOSE_WAIT', `${answer} [ASSURED]`), { ...flow, assured: true }],
    [
      'udp      17 29 src=2001:db8::1 dst=192.0.2.1 sport=5 dport=53 packets=1 bytes=2 src=10.0.0.9 dst=2001:db8::1 sport=53 dport=5 mark=0 use=1',
      { from: '2001:db8::1', to: '192.0.2.1', answeredBy: '10.0.0.9', assured: false },
    ],
    [
      'icmpv6   58 29 src=fd09::2 dst=fd01::2 type=128 code=0 id=1 src=fd01::2 dst=fd09::2 type=129 code=0 id=1 mark=0 use=1',
      { from: 'fd09::2', to: 'fd01::2', answeredBy: 'fd01::2', assured: false },
    ],
    ['conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.', undefined],
    ['', undefined],
  ] as const) {
    assert.deepEqual(readFlow(line), want, line)
  }
})

test('counters that begin anew go on where they were', () => {
  const sums = createSums()
  const say = (ingress: number, egress: number) => sums.add(() => ({ ingress, egress })).get('nic')
  sums.watch('nic', 5)
  assert.deepEqual(say(3, 0), { ingress: 3, egress: 0 })
  assert.deepEqual(say(5, 1), { ingress: 5, egress: 1 })
  // The table was written anew.
  assert.deepEqual(say(1, 1), { ingress: 6, egress: 1 })
  // The device is another one.
  sums.watch('nic', 6)
  assert.deepEqual(say(2, 0), { ingress: 8, egress: 1 })
  sums.forget('nic')
  sums.watch('nic', 6)
  assert.deepEqual(say(2, 0), { ingress: 2, egress: 0 })
})
