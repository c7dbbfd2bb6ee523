/** Who hears of what an agent has counted and decided, and that it can be asked for as long as it is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision } from '../../core/model/decision.ts'
import type { HitsReport } from '../../core/model/hits.ts'
import type { AgentListener } from './agent-process.ts'
import { enforce } from './enforce.ts'

async function start() {
  let listener: AgentListener | undefined
  let ask: (() => Promise<void>) | undefined
  const [reports, decided]: [HitsReport[], Decision[]] = [[], []]
  const done: string[] = []
  const enforcement = await enforce(
    { host: 'kvm', observe: false },
    {
      listen(next) {
        listener = next
      },
      count: async () => void done.push('counted'),
      tellClaims() {},
      reload() {},
      stop: async () => void done.push('stopped'),
    },
    {
      poll: async () => null,
      next: () => new Promise(() => {}),
      onChange: () => () => {},
      reach: () => null,
      close: () => void done.push('closed'),
    },
    {
      enforcement: {
        report() {},
        host: () => undefined,
        follow: () => () => {},
        async open(host, { own }) {
          done.push(`${own ? 'own' : 'other'} agent of ${host}`)
          return true
        },
        async left(host) {
          done.push(`left ${host}`)
        },
        async refused() {},
      },
      hits: {
        hear: (report) => void reports.push(report),
        asks(host, how) {
          assert.equal(host, 'kvm')
          ask = how
          return () => {
            ask = undefined
            done.push('taken back')
          }
        },
      },
      sightings: { hear() {}, follow: () => () => {} },
      decisions: { hear: (some) => void decided.push(...some) },
    },
    { applied() {}, applyFailed() {}, differing() {}, flowsCut() {} },
    { info() {}, warn() {}, error() {} },
    () => {},
  )
  assert.ok(listener)
  return { enforcement, listener, reports, decided, done, ask: () => ask }
}

test('counts and decisions are handed on as they are said', async () => {
  const { listener, reports, decided } = await start()
  const report: HitsReport = { host: 'kvm', at: 1, asked: true, interfaces: [] }
  listener.hits(report)
  const decision: Decision = {
    ...{ at: 1, host: 'kvm', interface: 'nic', direction: 'ingress', outcome: 'denied', observed: false },
    ...{ by: 'default', position: null, level: 'info', revision: 1 },
    packet: { etherType: 0x0800, length: 60 },
  }
  listener.decisions([decision])
  assert.deepEqual([reports, decided], [[report], [decision]])
})

test('an agent speaks for no other host', async () => {
  const { listener, reports, decided } = await start()
  const foreign: HitsReport = { host: 'other', at: 1, asked: false, interfaces: [] }
  assert.throws(() => listener.hits(foreign), /it speaks for host "other"/)
  const decision: Decision = {
    ...{ at: 1, host: 'other', interface: 'nic', direction: 'ingress', outcome: 'denied', observed: false },
    ...{ by: 'default', position: null, level: 'info', revision: 1 },
    packet: { etherType: 0x0800, length: 60 },
  }
  assert.throws(() => listener.decisions([{ ...decision, host: 'kvm' }, decision]), /it speaks for host/)
  const host = {
    ...({
      host: 'other',
      target: 'nftables',
      observe: false,
      desiredRevision: 1,
      appliedRevision: 1,
    } as const),
    ...({ state: 'applied', error: null, repairs: 0, warnings: [] } as const),
  }
  assert.throws(() => listener.status({ host, whole: true, put: [], remove: [] }), /it speaks for host/)
  assert.deepEqual([reports, decided], [[], []])
})

test('the agent is asked for what it has counted while it is there', async () => {
  const { enforcement, done, ask } = await start()
  await ask()?.()
  await enforcement.stop()
  assert.equal(ask(), undefined)
  assert.deepEqual(done, ['own agent of kvm', 'counted', 'stopped', 'taken back', 'closed', 'left kvm'])
})
