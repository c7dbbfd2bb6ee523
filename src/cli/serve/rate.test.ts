/** Rates as they are written on the command line and in the environment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command, CommanderError } from 'commander'
import { serveOptions } from './options.ts'
import { parseRateLimit } from './rate.ts'

const good: readonly [string, number, number][] = [
  ['10', 10, 10],
  ['10/s', 10, 10],
  ['600/m', 10, 10],
  ['10/s:50', 10, 50],
  ['1/m', 1 / 60, 1],
  ['90/m', 1.5, 2],
  ['5:1', 5, 1],
  ['999999/s:999999', 999_999, 999_999],
]
const bad = [
  ...['', '0', '0/s', '0/m:5', '-1', '1.5', '10/h', '10/', '10/s:', '10/s:0', ':5', '1e3', ' 10', '10 '],
  ...['1000000', '10/s:1000000', '10/s:50:50', 'ten', '10/S', '１０', '10\n'],
]

test('rates: requests a second or a minute, and how many at once', () => {
  for (const [text, perSecond, burst] of good)
    assert.deepEqual(parseRateLimit(text), { perSecond, burst }, text)
  for (const text of bad) assert.throws(() => parseRateLimit(text), /Expected requests per second/, text)
})

test('both limits are read from options and from the environment; options come first', () => {
  const parse = (args: readonly string[], env: Record<string, string>) => {
    const before = Object.keys(env).map((name) => [name, process.env[name]] as const)
    try {
      Object.assign(process.env, env)
      const command = new Command('serve').exitOverride().configureOutput({ writeErr: () => {} })
      for (const option of serveOptions()) command.addOption(option)
      return command.parse([...args], { from: 'user' }).opts()
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  }
  const env = { PORTCULLIS_RATE_LIMIT: '600/m:7', PORTCULLIS_RATE_LIMIT_SOURCE: '3' }
  const [credential, source] = [
    { perSecond: 10, burst: 7 },
    { perSecond: 3, burst: 3 },
  ] as const
  const of = ({ rateLimit, rateLimitSource }: ReturnType<typeof parse>) => [rateLimit, rateLimitSource]
  assert.deepEqual(of(parse([], {})), [undefined, undefined])
  assert.deepEqual(of(parse([], env)), [credential, source])
  assert.deepEqual(of(parse(['--rate-limit', '2/s'], env)), [{ perSecond: 2, burst: 2 }, source])
  for (const name of ['--rate-limit', '--rate-limit-source'])
    assert.throws(
      () => parse([name, '0'], {}),
      (error) => error instanceof CommanderError && error.message.includes(name),
    )
  for (const name of Object.keys(env)) assert.throws(() => parse([], { [name]: 'much' }), CommanderError)
})
