/** The bench measures what it says: its packets pass where the evaluator says so, and nothing of it is left behind. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { cutFlows, measureCuts } from '../../bench/cut-flows.ts'
import { measureDecisions } from '../../bench/decisions.ts'
import { measureEdits } from '../../bench/edits.ts'
import { measureKernel } from '../../bench/kernel.ts'
import { obstacle } from '../../bench/packets/generator.ts'
import { handWritten } from '../../bench/packets/hand-written.ts'
import { judge } from '../../bench/packets/rounds.ts'
import { createRouter, desiredOf, enforce, passageOf, type Router, send } from '../../bench/packets/router.ts'
import { shapes, withBudget } from '../../bench/packets/shapes.ts'
import { cases, settingOf } from '../../bench/rates.ts'
import { measureRounds } from '../../bench/rounds.ts'
import { inside } from '../../bench/workshop.ts'
import { families } from '../../src/core/net/address.ts'

const skip = (await obstacle()) ?? false
const rules = 40
const packets = 64

describe('packets of the bench', { skip }, () => {
  const open: Router[] = []
  const create = async (mode: 'routed' | 'bridged') => {
    const router = await createRouter(mode)
    open.push(router)
    return router
  }
  after(() => {
    for (const router of open) router.remove()
  })

  for (const [mode, stateful] of [
    ['routed', false],
    ['routed', true],
    ['bridged', false],
  ] as const) {
    test(`${mode}, ${stateful ? 'stateful' : 'stateless'}: what the evaluator lets pass arrives, and nothing else`, async () => {
      for (const family of families) {
        for (const shape of shapes) {
          const setting = settingOf(shape, family, rules, stateful)
          const ours = await create(mode)
          await enforce(ours, desiredOf(setting))
          const routers = [ours]
          if (withBudget.includes(shape)) {
            const other = await create(mode)
            await inside(other.netns, ['nft', '-f', '-'], handWritten(mode, setting, shape, family))
            routers.push(other)
          }
          for (const { kind, rule } of cases(family)) {
            const flow = rule === 'none' ? shape.none(family) : shape.last(family, rules)
            const passage = passageOf(shape, setting, family, flow, kind)
            for (const router of routers) {
              const { arrived } = await send(router, passage, packets)
              assert.equal(arrived >= packets, passage.passes)
              // The other verdict would have been noticed.
              await assert.rejects(send(router, { ...passage, passes: !passage.passes }, packets))
            }
          }
        }
      }
    })
  }
})

test('changes are seen on their way to the kernel, one at a time, many, and beside another program', {
  skip,
}, async () => {
  const sizes = { interfaces: 12, changes: 4, seconds: 1, beside: 4, writes: 1 }
  const lines = await measureKernel(sizes, 10_000)
  assert.equal(lines.length, 5)
  for (const { what, ours, baseline, ratio = Number.NaN } of lines) {
    assert.match(ours, /\d/, what)
    assert.match(baseline, /\d/, what)
    if (/last transaction/.test(what)) continue
    assert.ok(Number.isFinite(ratio) && ratio > 0, `${what}: ${ratio}`)
  }
  assert.ok(!lines.some(({ ours }) => /given up/.test(ours)))
})

test('an edit is seen from the store to the messages for the kernel', async () => {
  const lines = await measureEdits({ sizes: [10, 20], group: 20, edits: 4 })
  assert.equal(lines.length, 10)
  for (const { what, ours } of lines) assert.ok(Number.parseFloat(ours) > 0, `${what}: ${ours}`)
})

test('an edit is seen in a round of the agent', async () => {
  const lines = await measureRounds({ sizes: [10, 20], group: 20, each: 10, edits: 4 })
  assert.equal(lines.length, 12)
  for (const { what, ours } of lines) assert.match(ours, /^[\d.-]+ M?i?[mB]/, what)
})

test('dropped packets are seen by who follows, and in a flood all are counted, and told or suppressed', {
  skip,
}, async () => {
  const lines = await measureDecisions({ packets: 2, interfaces: 2, seconds: 1, perSecond: 2000 })
  assert.equal(lines.length, 5)
  for (const { what, ours } of lines) assert.match(ours, /^\d/, what)
  for (const { what, ours } of lines.filter(({ what }) => /counters lost/.test(what)))
    assert.equal(ours, '0; 0', what)
})

const cannotCut = (await cutFlows.obstacle?.()) ?? false
test('connections that a change denies end, and no others', { skip: cannotCut }, async () => {
  const [line] = await measureCuts(100, 1)
  assert.match(line?.ours ?? '', /^\d/)
})

test('rounds that disagree are not judged by', () => {
  const rate = (ratio: number, error: number) => judge({ ratio, best: ratio, error }, 0.97)
  assert.equal(rate(0.98, 0.005), 'met')
  assert.equal(rate(0.96, 0.005), 'MISSED')
  assert.equal(rate(0.98, 0.05), 'noisy')
  assert.equal(rate(0.5, 0.05), 'MISSED')
  assert.equal(rate(1.5, 0.05), 'met')
  assert.equal(rate(1.5, 0.2), 'noisy')
})

describe('what a run makes', { skip }, () => {
  const workshop = new URL('../../bench/workshop.ts', import.meta.url).href
  const making = `const { namespace, directory } = await import('${workshop}')
console.log(JSON.stringify({ name: await namespace(), directory }))
setInterval(() => {}, 1000)`
  async function begin(): Promise<{ child: ChildProcess; paths: readonly string[] }> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', making], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { name, directory } = JSON.parse(String(line)) as { name: string; directory: string }
    const paths = [`/run/netns/${name}`, directory]
    for (const path of paths) assert.ok(existsSync(path), path)
    return { child, paths }
  }
  const end = async ({ child }: { child: ChildProcess }, signal: NodeJS.Signals) => {
    child.kill(signal)
    await once(child, 'exit')
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`goes with ${signal}`, async () => {
      const run = await begin()
      await end(run, signal)
      for (const path of run.paths) assert.ok(!existsSync(path), path)
    })
  }

  test('goes with the next run when it was killed, and what runs stays', async () => {
    const [running, killed] = [await begin(), await begin()]
    try {
      await end(killed, 'SIGKILL')
      for (const path of killed.paths) assert.ok(existsSync(path), path)
      await end(await begin(), 'SIGTERM')
      for (const path of killed.paths) assert.ok(!existsSync(path), path)
      for (const path of running.paths) assert.ok(existsSync(path), path)
    } finally {
      await end(running, 'SIGTERM')
    }
  })
})
