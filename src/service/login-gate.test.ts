/** Logins that fail in large numbers: what they may take, and what is left for good ones. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Attempted, createLoginGate } from './login-gate.ts'

/** A gate with a clock of its own, and hashes that end when they are told to. */
function setUp(limits = { perSource: 3, inAll: 100 }) {
  let clock = 0
  const gate = createLoginGate(limits, () => clock)
  const running: { readonly name: string; end(right: boolean): void }[] = []
  const attempt = (source: string, name = source, user = name): Promise<Attempted> =>
    gate.attempt(source, user, () => new Promise((end) => running.push({ name, end })))
  /** Ends the oldest hash, and lets what follows from it happen. */
  async function end(right: boolean) {
    running.shift()?.end(right)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
  /** Fails so often that the source is beyond its bound; what is held back is let go. */
  async function exhaust(source: string) {
    for (let count = 0; count <= limits.perSource; count++) {
      const failed = attempt(source)
      await end(false)
      gate.close()
      await failed
    }
  }
  const pass = (milliseconds: number) => {
    clock += milliseconds
  }
  return { gate, running, attempt, end, exhaust, pass }
}

describe('the way to the password hash', () => {
  test('two hashes at a time; who has not failed goes before who has, of those who waits longest', async () => {
    const { running, attempt, end } = setUp()
    const names = () => running.map(({ name }) => name)
    const all = ['a1', 'a2', 'a3', 'a4'].map((name) => attempt('a', name))
    assert.deepEqual(names(), ['a1', 'a2'])
    await end(false)
    assert.deepEqual(names(), ['a2', 'a3'])
    const late = attempt('b', 'b1')
    await end(false)
    assert.deepEqual(names(), ['a3', 'b1'])
    await end(true)
    await end(true)
    assert.equal(await late, 'right')
    await end(true)
    assert.deepEqual(await Promise.all(all), ['wrong', 'wrong', 'right', 'right'])
  })

  test('beyond the bound of a source: told to come back, after a time that grows with what it has under way', async () => {
    const { gate, attempt, end, exhaust, pass } = setUp()
    assert.equal(await Promise.all([attempt('a'), end(false)]).then(([said]) => said), 'wrong')
    await exhaust('a')
    const failed = attempt('a')
    await end(false)
    gate.close()
    assert.deepEqual(await failed, { retryAfter: 60 })
    // Another is not concerned, and the right password is right all the same.
    const [other, right] = [attempt('b'), attempt('a')]
    await end(false)
    await end(true)
    assert.deepEqual([await other, await right], ['wrong', 'right'])
    // A minute later all is forgotten.
    pass(120_000)
    const later = attempt('a')
    await end(false)
    assert.equal(await later, 'wrong')
  })

  test('an answer to a failure beyond the bound is held back, and let go when the service ends', async () => {
    const { gate, attempt, end } = setUp({ perSource: 1, inAll: 100 })
    const first = attempt('a')
    await end(false)
    assert.equal(await first, 'wrong')
    let said: Attempted | undefined
    const second = attempt('a').then((told) => {
      said = told
    })
    await end(false)
    assert.equal(said, undefined)
    gate.close()
    await second
    assert.deepEqual(said, { retryAfter: 60 })
  })

  test('a source beyond its bound has one hash at a time: another is left for the rest', async () => {
    const { running, attempt, end, exhaust } = setUp()
    await exhaust('a')
    const all = [attempt('a', 'a1'), attempt('a', 'a2'), attempt('b', 'b1')]
    assert.deepEqual(
      running.map(({ name }) => name),
      ['a1', 'b1'],
    )
    await end(true)
    assert.deepEqual(
      running.map(({ name }) => name),
      ['b1', 'a2'],
    )
    await end(true)
    await end(true)
    assert.deepEqual(await Promise.all(all), ['right', 'right', 'right'])
  })

  test('a user whose password was guessed at waits for the others of the same source', async () => {
    const { running, attempt, end } = setUp({ perSource: 100, inAll: 1000 })
    for (let count = 0; count < 10; count++) {
      const failed = attempt('a', 'guessed')
      await end(false)
      await failed
    }
    const all = ['guessed', 'guessed', 'guessed', 'other'].map((name) => attempt('a', name))
    await end(true)
    assert.deepEqual(
      running.map(({ name }) => name),
      ['guessed', 'other'],
    )
    for (let count = 0; count < 3; count++) await end(true)
    assert.deepEqual(await Promise.all(all), ['right', 'right', 'right', 'right'])
  })

  test('a failing source whose turn does not come is told so, and does not wait', async () => {
    const { attempt, end, exhaust } = setUp()
    await exhaust('a')
    const [first, second] = [attempt('a'), attempt('a')]
    assert.deepEqual(await second, { retryAfter: 1 })
    await end(true)
    assert.equal(await first, 'right')
  })

  test('all sources together are bounded', async () => {
    const { gate, attempt, end } = setUp({ perSource: 3, inAll: 5 })
    const said: Attempted[] = []
    for (let source = 0; source < 7; source++) {
      const failed = attempt(`192.0.2.${source}`)
      await end(false)
      gate.close()
      said.push(await failed)
    }
    const later = { retryAfter: 1 }
    assert.deepEqual(said, [...new Array(5).fill('wrong'), later, later])
  })

  test('a hash that cannot be made is an error of that attempt alone', async () => {
    const { gate, attempt, end } = setUp()
    await assert.rejects(gate.attempt('a', 'x', () => Promise.reject(new Error('out of memory'))))
    const next = attempt('a')
    await end(true)
    assert.equal(await next, 'right')
  })
})
