/** One rule changed in a policy of 1,000: what the kernel spends on the transaction, and what the whole takes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNftables } from '../src/agent/nftables/nftables.ts'
import type { Rule } from '../src/core/model/rule.ts'
import { mustRun } from '../src/lab/run.ts'
import { median } from './measure.ts'
import { obstacle } from './packets/generator.ts'
import { handWritten } from './packets/hand-written.ts'
import { createRouter, desiredOf, type Setting } from './packets/router.ts'
import { type Shape, shapes, withBudget } from './packets/shapes.ts'
import { rangesOf } from './packets/text.ts'
import { settingOf } from './rates.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory, inside } from './workshop.ts'

export const oneChange: Group = {
  name: 'one-change',
  title: 'One rule changed in a policy of 1,000',
  note: 'CPU time of the kernel in the transaction, the median of 40 changes that disable and enable the rule in the middle; in brackets the whole, from the desired state to the dataplane’s answer. The baseline takes the element from the hand-written set and puts it back, each by one `nft -f`.',
  obstacle,
  async measure() {
    const nft = await observed()
    const lines: Line[] = []
    for (const shape of shapes) {
      for (const family of ['ipv4', 'ipv6'] as const) {
        const what = `${shape.name}, ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
        say(`  ${what}`)
        const setting = settingOf(shape, family, count, false)
        const ours = await changed(nft, setting)
        const bare = withBudget.includes(shape) ? await byHand(nft, shape, setting, family) : undefined
        lines.push({
          what,
          ours: text(ours),
          baseline: bare ? text(bare) : '',
          ...(bare && { ratio: ours.kernelMs / bare.kernelMs }),
          budget: '≤ 5 ms',
          verdict: judged(ours.kernelMs <= 5),
        })
      }
    }
    return lines
  },
}

const count = 1000
const changes = 40
const log = join(directory, 'transactions')

interface Spent {
  readonly kernelMs: number
  readonly wholeMs: number
}
const text = ({ kernelMs, wholeMs }: Spent) => `${round(kernelMs)} ms (${round(wholeMs, 1)})`

/** Path of an nft that tells what its transactions cost. */
async function observed(): Promise<string> {
  const library = join(directory, 'sendmsg.so')
  const source = fileURLToPath(new URL('packets/sendmsg.c', import.meta.url))
  await mustRun('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'])
  const path = join(directory, 'nft')
  const script = `#!/bin/sh\nBENCH_TRANSACTIONS=${log} LD_PRELOAD=${library} exec nft "$@"\n`
  writeFileSync(path, script, { mode: 0o700 })
  return path
}

/** Runs each of the changes, and tells the medians. */
async function spent(change: (round: number) => Promise<unknown>): Promise<Spent> {
  const kernel: number[] = []
  const whole: number[] = []
  for (let n = 0; n < changes; n++) {
    writeFileSync(log, '')
    const started = performance.now()
    await change(n)
    whole.push(performance.now() - started)
    const transactions = readFileSync(log, 'utf8').split('\n').filter(Boolean).map(Number)
    if (transactions.length === 0)
      throw new Error('nobody saw the transaction: not nft made it, or nothing changed')
    kernel.push(transactions.reduce((sum, ns) => sum + ns, 0) / 1e6)
  }
  return { kernelMs: median(kernel), wholeMs: median(whole) }
}

async function changed(nft: string, setting: Setting): Promise<Spent> {
  const router = await createRouter('routed')
  const dataplane = createNftables({ guard: ['tap*'], netns: router.netns, nft })
  try {
    const middle = count / 2
    const rules = (enabled: boolean): readonly Rule[] =>
      setting.rules.map((rule, index) => (index === middle ? { ...rule, enabled } : rule))
    const variants = [false, true].map((enabled) => desiredOf({ ...setting, rules: rules(enabled) }))
    await dataplane.apply(desiredOf(setting))
    return await spent(async (n) => {
      const { changed } = await dataplane.apply(variants[n % 2] ?? desiredOf(setting))
      if (!changed) throw new Error('nothing changed')
    })
  } finally {
    await dataplane.close()
    router.remove()
  }
}

async function byHand(nft: string, shape: Shape, setting: Setting, family: 'ipv4' | 'ipv6'): Promise<Spent> {
  const router = await createRouter('routed')
  try {
    await inside(router.netns, [nft, '-f', '-'], handWritten('routed', setting, shape, family))
    const match = setting.rules[count / 2]?.matches[0] ?? {}
    const { sources, destinations, ports } = rangesOf(match, family)
    const element = [sources, destinations, ports].filter((each) => each !== undefined).join(' . ')
    return await spent((n) =>
      inside(
        router.netns,
        [nft, '-f', '-'],
        `${n % 2 === 0 ? 'delete' : 'add'} element inet by-hand matched { ${element} }\n`,
      ),
    )
  } finally {
    router.remove()
  }
}
