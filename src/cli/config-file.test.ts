/** `--config FILE`: what comes first, and what is said of a file that is wrong. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Command, CommanderError, Option } from 'commander'
import { agentCommand } from './agent.ts'
import { configurable } from './config-file.ts'
import { wholeFrom } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'agent.yaml')

/** Options with which the command runs, or what it says on standard error. */
function read(text: string, args: readonly string[] = [], env: Record<string, string> = {}): unknown {
  writeFileSync(file, text)
  let said = ''
  let found: unknown
  const command = new Command('agent')
    .addOption(new Option('--host <name>', 'a').env('PCL_TEST_HOST').makeOptionMandatory())
    .addOption(new Option('--rate <number>', 'b').default(1).argParser(wholeFrom(1, 99)))
    .addOption(new Option('--target <target>', 'c').choices(['nftables', 'none']).default('none'))
    .addOption(new Option('--observe', 'd').default(false))
    .addOption(new Option('--from [place]', 'f').preset('here'))
    .addOption(new Option('--secret <text>', 'e').hideHelp())
  configurable(command)
    .exitOverride()
    .configureOutput({
      writeErr(more) {
        said += more
      },
    })
    .action((options) => {
      found = options
    })
  Object.assign(process.env, env)
  try {
    command.parse(args.includes('--config') ? args : ['--config', file, ...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return said.replace(`error: --config ${file}: `, '').trim()
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
  const { config: _, ...options } = found as { config: string }
  return options
}

const standard = { rate: 1, target: 'none', observe: false }

test('values are read as on the command line, a mandatory one too', () => {
  assert.deepEqual(read('# a comment\nhost: kvm1\nrate: 7\ntarget: nftables\nobserve: true\n'), {
    ...{ host: 'kvm1', rate: 7, target: 'nftables', observe: true },
  })
  assert.deepEqual(read('{"host": "07", "rate": 7}'), { ...standard, host: '07', rate: 7 })
  for (const [given, from] of [
    ['true', 'here'],
    ['there', 'there'],
  ])
    assert.deepEqual(read(`host: a\nfrom: ${given}`), { ...standard, host: 'a', from })
  assert.deepEqual(read('host: 007'), { ...standard, host: '007' })
})

test('the command line comes first, then the environment, wherever --config stands', () => {
  const text = 'host: file\nrate: 7'
  const both = { ...standard, rate: 7 }
  for (const args of [
    ['--host', 'flag'],
    ['--host', 'flag', '--config', file],
    ['--config', file, '--host', 'flag'],
  ])
    assert.deepEqual(read(text, args, { PCL_TEST_HOST: 'environment' }), { ...both, host: 'flag' })
  assert.deepEqual(read(text, [], { PCL_TEST_HOST: 'environment' }), { ...both, host: 'environment' })
  assert.deepEqual(read(`${text}\nobserve: true`, [], { PORTCULLIS_OBSERVE: '0' }), { ...both, host: 'file' })
  assert.deepEqual(read(`${text}\nobserve: true`, [], { PORTCULLIS_OBSERVE: '' }), {
    ...both,
    host: 'file',
    observe: true,
  })
})

describe('what is wrong is said with its line, and no value', () => {
  const known = 'known are host, rate, target, observe, from'
  for (const [text, said] of [
    ['# host: x\nhost: a\n\nhots: b', `line 4: hots is no option here; ${known}`],
    ['host: a\nconfig: b', `line 2: config is no option here; ${known}`],
    ['host: a\n"a secret, maybe": b', `line 2: a key is no option here; ${known}`],
    ['host: a\nrate: 100', 'line 2: rate: Expected a whole number from 1 to 99.'],
    ['host: a\nrate: [1]', 'line 2: rate: expected one text or number'],
    ['host:\nrate: 1', 'line 1: host: expected one text or number'],
    ['host: ""', 'line 1: host: expected one text or number'],
    ['host: true', 'line 1: host: expected one text or number'],
    ['host: a\nfrom: false', 'line 2: from: expected one text or number, or true'],
    ['host: a\nobserve: 1', 'line 2: observe: expected true or false'],
    ['host: a\nobserve: "true"', 'line 2: observe: expected true or false'],
    ['target: ovn', 'line 1: target: Allowed choices are nftables, none.'],
    ['host: a\nhost: b', 'line 2, column 1: a key is there twice'],
    ['host: a\n  rate: 1', /^line 2, column 7: /],
    ['- host', 'line 1: expected options and their values: host: kvm1'],
    ['host', 'line 1: expected options and their values: host: kvm1'],
    ['7', 'line 1: expected options and their values: host: kvm1'],
    ['rate: 2', "error: required option '--host <name>' not specified"],
    ['', "error: required option '--host <name>' not specified"],
  ] as const)
    test(JSON.stringify(text), () => {
      if (typeof said === 'string') assert.equal(read(text), said)
      else assert.match(String(read(text)), said)
    })
  test('a file that is not there, and one that is no text', () => {
    assert.match(String(read('', ['--config', join(folder, 'none')])), /there is no such file$/)
    writeFileSync(join(folder, 'bytes'), Buffer.from([0xff]))
    assert.match(String(read('', ['--config', join(folder, 'bytes')])), /it is not UTF-8 text$/)
  })
})

test('three lines are what an agent needs', () => {
  const command = agentCommand().exitOverride()
  let host: unknown
  command.action((options) => {
    host = options.host
  })
  writeFileSync(file, 'server: https://api.example.com\nhost: kvm1\ntoken-file: /etc/portcullis/host.token\n')
  command.parse(['--config', file], { from: 'user' })
  assert.equal(host, 'kvm1')
})
