/** How fast agents of one host may speak, and how much of it is logged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Log } from '../../agent/journal.ts'
import { createModestLog, modesty } from './modest-log.ts'
import { createPace, paces } from './pace.ts'

test('what comes at once is read at once; more waits as long as it takes', () => {
  let now = 0
  const pace = createPace(() => now)
  assert.equal(pace(paces.burst), 0)
  assert.equal(pace(paces.perSecond), 1000)
  now += 1000
  assert.equal(
    pace(1),
    Math.ceil((paces.line / paces.perSecond) * 1000),
    'a short line counts more than its bytes',
  )
  now += 1e9
  assert.equal(pace(paces.burst), 0, 'what was not said is not saved up beyond the burst')
  assert.ok(pace(paces.line) > 0)
})

test('the log has what an agent says, cut; what is too much is counted', () => {
  let now = 0
  const lines: [level: string, fields: object, text: string][] = []
  const writing = (level: string) => (fields: object, text: string) => void lines.push([level, fields, text])
  const log: Log = { info: writing('info'), warn: writing('warn'), error: writing('error') }
  const modest = createModestLog(log, () => now)
  const long = 'x'.repeat(1e6)
  modest.error({ err: { message: long }, list: [long], n: 1 }, long)
  const cut = 'x'.repeat(modesty.text)
  assert.deepEqual(lines, [['error', { err: { message: cut }, list: [cut], n: 1 }, cut]])
  for (let n = 0; n < modesty.burst + 9; n++) modest.info({ n }, 'round')
  assert.equal(lines.length, modesty.burst)
  now += 1000
  modest.info({}, 'later')
  assert.deepEqual(lines.slice(-2), [
    ['warn', { omitted: 10 }, 'its agent had more to say than is logged'],
    ['info', {}, 'later'],
  ])
})
