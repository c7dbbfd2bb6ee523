/** One life of a process that enforces, as real processes that say and do what none of ours would. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command } from '../../agent/run.ts'
import { spoken } from '../../agent/versions.ts'
import { type AgentLife, startAgentLife } from './agent-life.ts'

interface Lived {
  readonly life: AgentLife
  /** Types of what was heard. */
  readonly heard: string[]
  readonly stderr: string[]
}

function live(command: Command): Lived {
  const [heard, stderr]: [string[], string[]] = [[], []]
  const hear = (type: string) => () => void heard.push(type)
  const life = startAgentLife({
    command,
    env: process.env,
    hear: {
      ...{ hello: hear('hello'), guarded: hear('guarded'), want: hear('want') },
      ...{ status: hear('status'), round: hear('round'), hits: hear('hits'), decisions: hear('decisions') },
      sightings: hear('sightings'),
    },
    onStderr: (line) => void stderr.push(line),
  })
  return { life, heard, stderr }
}

/** Of an agent that speaks these versions of the protocol, with a field of a release that is newer. */
const greeting = (least: number, most: number) =>
  `${JSON.stringify({ type: 'hello', versions: { least, most }, release: '9.9.9', instance: 'i', pid: 1, more: true })}\\n`

/** Runs a script that can `say` what it likes on the channel, and has no other handle. */
const script = (text: string): Command => [
  process.execPath,
  '--eval',
  `const say = (text) => { for (let rest = Buffer.from(text); rest.length > 0; ) rest = rest.subarray(require('node:fs').writeSync(3, rest)) }; const hello = '${greeting(spoken.least, spoken.most)}'; ${text}`,
]
/** For ever, whatever becomes of its channel. */
const stay = 'setInterval(() => {}, 1000)'

describe('what cannot be understood ends it', () => {
  const cases: Record<string, readonly [says: string, why: RegExp, heard?: readonly string[]]> = {
    garbage: [`say(hello + 'Segmentation fault\\n'); ${stay}`, /understood: a line that is no JSON object/],
    'half a message, and silence': [
      `say(hello + '{"type":"wa'); process.exit(3)`,
      /^it ended with status 3$/,
    ],
    'no greeting': [`say('{"type":"want","since":null}\\n'); ${stay}`, /does not begin with a greeting/, []],
    'no version in common': [
      `say('${greeting(spoken.most + 1, spoken.most + 2)}'); ${stay}`,
      new RegExp(
        `release 9.9.9 speaks version ${spoken.most + 1} to ${spoken.most + 2} of the protocol, and this service ${spoken.least} to ${spoken.most}$`,
      ),
      [],
    ],
    'versions that are none': [`say('${greeting(0, spoken.most)}'); ${stay}`, /corrupt version/, []],
    'two greetings': [`say(hello + hello); ${stay}`, /it greets twice/],
    'an unknown message': [`say(hello + '{"type":"update"}\\n'); ${stay}`, /unknown type: "update"/],
    'a field too many': [`say(hello + '{"type":"want","since":1,"x":1}\\n'); ${stay}`, /unknown field x/],
    'a field too few': [`say(hello + '{"type":"want"}\\n'); ${stay}`, /has no since/],
    'a revision that is none': [`say(hello + '{"type":"want","since":-1}\\n'); ${stay}`, /corrupt since/],
    'a status that is none': [`say(hello + '{"type":"status","put":[]}\\n'); ${stay}`, /understood: corrupt/],
    'counts that are none': [
      `say(hello + '{"type":"hits","host":"kvm","at":1,"asked":false,"interfaces":[{}]}\\n'); ${stay}`,
      /understood: corrupt/,
    ],
    'a decision that is none': [
      `say(hello + '{"type":"decisions","list":[{"by":"nobody"}]}\\n'); ${stay}`,
      /understood: corrupt/,
    ],
    'a round that is none': [
      `say(hello + '{"type":"round","kind":"won"}\\n'); ${stay}`,
      /understood: corrupt/,
    ],
  }
  for (const [what, [says, why, expected = ['hello']]] of Object.entries(cases)) {
    test(what, async () => {
      const { life, heard } = live(script(says))
      assert.match(await life.over, why)
      assert.deepEqual(heard, expected)
    })
  }
})

describe('how it ended is said in words', () => {
  const cases: Record<string, readonly [command: Command, how: RegExp]> = {
    'no such program': [['/nowhere/node'], /^\/nowhere\/node cannot be run: it is not installed$/],
    'a program that may not be run': [['/'], /^\/ cannot be run: .*EACCES/],
    'a wrapper that cannot go on': [
      ['sh', '-c', 'echo "Cannot open network namespace" >&2; exit 255'],
      /^Cannot open network namespace$/,
    ],
    'a file that is missing': [
      [process.execPath, '/nowhere/main.js'],
      /^Error: Cannot find module '\/nowhere\/main\.js'$/,
    ],
    'a fault': [script('process.kill(process.pid, "SIGSEGV")'), /^it was ended by SIGSEGV$/],
    'an error of its own': [
      script('say(hello); setTimeout(() => { throw new TypeError("it is broken") }, 100)'),
      /^it ended with status 1: TypeError: it is broken$/,
    ],
    'it says why': [
      script(`say(hello + '{"type":"failed","reason":"no nft"}\\n'); process.exitCode = 1`),
      /^no nft$/,
    ],
    'by itself': [script('say(hello)'), /^it ended with status 0$/],
    'it closes its channel and stays': [
      script(`say(hello); require('node:fs').closeSync(3); ${stay}`),
      /^it closed its channel$/,
    ],
  }
  for (const [what, [command, how]] of Object.entries(cases)) {
    test(what, async () => assert.match(await live(command).life.over, how))
  }
})

test('what it said last is heard although it has ended', async () => {
  const { life, heard } = live(
    script(
      `say(hello); require('node:fs').readSync(3, Buffer.alloc(1000)); say('{"type":"want","since":7}\\n'.repeat(5000))`,
    ),
  )
  await life.over
  assert.equal(heard.length, 5001)
})

test('programs that it started and that outlive it keep nobody waiting', async () => {
  const { life } = live(['sh', '-c', 'sleep 5 & kill -9 $$'])
  assert.equal(await life.over, 'it was ended by SIGKILL')
})

test('its standard error is told once it has greeted', async () => {
  const { life, stderr } = live(
    script('console.error("before"); say(hello); setTimeout(() => console.error("after"), 200)'),
  )
  await life.over
  assert.deepEqual(
    stderr.filter((line) => line !== 'before'),
    ['after'],
  )
})

test('whoever was killed is told for what', async () => {
  const { life } = live(script(`say(hello); ${stay}`))
  life.kill('it is in the way')
  assert.equal(await life.over, 'it is in the way')
})
