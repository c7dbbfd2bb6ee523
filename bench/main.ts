/**
 * `npm run bench`: the budgets of the design, each as a ratio to a baseline of the same run.
 *
 *     npm run bench                  everything, as tables
 *     npm run bench -- NAME…         these groups
 *     npm run bench -- --json        JSON instead of tables
 *     npm run bench -- --write       writes the tables into docs/benchmarks.md too
 */
import { api } from './api.ts'
import { byHand } from './by-hand.ts'
import { compiler } from './compiler.ts'
import { counting } from './counting.ts'
import { counts } from './counts.ts'
import { cutFlows } from './cut-flows.ts'
import { decisions } from './decisions.ts'
import { duties } from './duties.ts'
import { edits } from './edits.ts'
import { firstLoad, firstLoadOfMany } from './first-load.ts'
import { fleet } from './fleet.ts'
import { found } from './found.ts'
import { history } from './history.ts'
import { inventory } from './inventory.ts'
import { kernel } from './kernel.ts'
import { oneChange } from './one-change.ts'
import { others } from './others.ts'
import { rates, ratesOfMany } from './rates.ts'
import { asJson, asText, type Group, type Line, type Measured, machine, say, write } from './report.ts'
import { rounds } from './rounds.ts'
import { tcp } from './tcp.ts'

const groups: readonly Group[] = [
  ...[
    api,
    compiler,
    edits,
    fleet,
    found,
    history,
    inventory,
    rounds,
    counts,
    decisions,
    cutFlows,
    kernel,
    oneChange,
    firstLoad,
  ],
  ...[rates, ratesOfMany, byHand, others, duties, counting, tcp],
  // Last: removing 10,000 devices keeps the kernel from looking at any other for a while.
  firstLoadOfMany,
]

const words = process.argv.slice(2)
const flags = new Set(words.filter((word) => word.startsWith('--')))
const names = words.filter((word) => !word.startsWith('--'))
const unknown = [
  ...[...flags].filter((flag) => !['--json', '--write'].includes(flag)),
  ...names.filter((name) => !groups.some((group) => group.name === name)),
]
if (unknown.length > 0) {
  say(
    `unknown: ${unknown.join(', ')}; there are ${groups.map(({ name }) => name).join(', ')}, --json, --write`,
  )
  process.exit(2)
}

const about = await machine()
const all: Measured[] = []
for (const group of groups) {
  if (names.length > 0 && !names.includes(group.name)) continue
  say(`${group.name}: ${group.title}`)
  const started = performance.now()
  const add = (lines: readonly Line[], leftOut?: string) => {
    const seconds = (performance.now() - started) / 1000
    all.push({ group, lines, seconds, ...(leftOut !== undefined && { leftOut }) })
    if (leftOut !== undefined) say(`left out: ${leftOut}`)
  }
  try {
    const obstacle = await group.obstacle?.()
    add(obstacle === undefined ? await group.measure() : [], obstacle)
  } catch (error) {
    // The others are still worth having.
    process.exitCode = 1
    add([], `it failed: ${error instanceof Error ? error.message : error}`)
  }
}
if (flags.has('--write')) write(about, all)
// Not by itself: what still runs in a namespace must not keep us.
process.stdout.write(flags.has('--json') ? asJson(about, all) : asText(about, all), () => process.exit())
