/** Who asks what has been counted is answered by a reading that began after the question, or is not kept waiting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { HitsReport } from '../../core/model/hits.ts'
import { createQuestions } from './questions.ts'

const report = (asked: boolean): HitsReport => ({ host: 'kvm', at: 1, asked, interfaces: [] })

function start() {
  let sent = 0
  const questions = createQuestions(() => void sent++)
  const answered: string[] = []
  return {
    questions,
    answered,
    sent: () => sent,
    ask: (name: string) => questions.ask().then(() => void answered.push(name)),
  }
}

test('a question is answered by what answers one, and by nothing else', async () => {
  const { questions, answered, sent, ask } = start()
  const first = ask('a')
  questions.heard(report(false))
  await turn()
  assert.deepEqual([answered, sent()], [[], 1])
  questions.heard(report(true))
  await first
  assert.deepEqual(answered, ['a'])
})

test('who asks while an answer is on its way waits for the next, together with others', async () => {
  const { questions, answered, sent, ask } = start()
  const all = [ask('a'), ask('b'), ask('c')]
  assert.equal(sent(), 1)
  questions.heard(report(true))
  await turn()
  assert.deepEqual([answered, sent()], [['a'], 2])
  questions.heard(report(true))
  await Promise.all(all)
  assert.deepEqual([answered, sent()], [['a', 'b', 'c'], 2])
})

test('where nobody answers nobody waits for more than a second', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { questions, answered, sent, ask } = start()
  const all = [ask('a')]
  context.mock.timers.tick(600)
  all.push(ask('b'))
  context.mock.timers.tick(400)
  await all[0]
  assert.deepEqual([answered, sent()], [['a'], 2])
  context.mock.timers.tick(600)
  await all[1]
  // The question that is on its way is nobody's any more.
  const late = ask('c')
  questions.heard(report(true))
  questions.heard(report(true))
  await late
  assert.deepEqual(answered, ['a', 'b', 'c'])
})
