/** However many are not let in, the log has one line a minute of it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createRefusalLog } from './refusal-log.ts'

function begin({ mock: { timers } }: TestContext) {
  timers.enable({ apis: ['setTimeout'] })
  const lines: object[] = []
  const log = createRefusalLog({ warn: (fields, text) => void lines.push({ ...fields, text }) })
  return { lines, log, pass: (ms: number) => timers.tick(ms) }
}

test('refusals are told once a minute, with how many and from where', (t) => {
  const { lines, log, pass } = begin(t)
  for (let n = 0; n < 5000; n++) log.answered(401, '203.0.113.7')
  for (let n = 0; n < 10; n++) log.answered(429, '203.0.113.8')
  log.answered(200, '203.0.113.9')
  log.answered(403, '203.0.113.9')
  pass(59_999)
  assert.deepEqual(lines, [])
  pass(1)
  const text = 'requests were not let in'
  const most = { '203.0.113.7': 5000, '203.0.113.8': 10 }
  assert.deepEqual(lines, [{ unauthenticated: 5000, throttled: 10, sources: 2, most, text }])
  pass(600_000)
  assert.equal(lines.length, 1, 'nothing more was to be told')
  log.answered(401, 'a')
  log.close()
  assert.deepEqual(lines[1], { unauthenticated: 1, throttled: 0, sources: 1, most: { a: 1 }, text })
  log.close()
  assert.equal(lines.length, 2)
})

test('sources are counted up to a bound, and three are named', (t) => {
  const { lines, log, pass } = begin(t)
  for (let n = 0; n < 5000; n++) log.answered(401, String(n))
  pass(60_000)
  const [line] = lines as { sources: unknown; most: object; unauthenticated: number }[]
  assert.deepEqual(
    [line?.sources, Object.keys(line?.most ?? {}).length, line?.unauthenticated],
    ['1000 or more', 3, 5000],
  )
})
