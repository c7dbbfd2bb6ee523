/** What one process does to a credential holds in another on the same store, also where it is remembered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engines } from '../../test/support/stores.ts'
import { createAuthenticator } from './authenticate.ts'
import { createOperatorService } from './operators.ts'

test('rotated, revoked and over in one process: refused by another, on postgresql', {
  skip: engines.postgresql.skip,
}, async () => {
  const store = await engines.postgresql.create()
  const [here, there] = await Promise.all([store.open(), store.open()])
  try {
    let offset = 0
    const clock = () => Date.now() + offset
    const operators = createOperatorService(here, 'test')
    const authenticator = createAuthenticator(there, { clock })
    const lets = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` }
      return (await authenticator.authenticate(headers, ['bearer'], '192.0.2.1')).ok
    }
    /** Does it, and waits until the other process has been told. */
    async function told<T>(work: () => Promise<T>): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const stop = authenticator.onChange(resolve)
      const late = setTimeout(() => reject(new Error('the other process was not told')), 30_000)
      try {
        const done = await work()
        await promise
        return done
      } finally {
        clearTimeout(late)
        stop()
      }
    }
    const make = async (name: string, expiresAt: number | null) => {
      const made = await told(() => operators.create({ name, expiresAt }, clock()))
      assert.ok(made.ok)
      return String(made.value.secret.token)
    }
    const first = await make('ada', null)
    assert.equal(await lets(first), true)
    const rotated = await told(() => operators.rotate('ada', 0, clock()))
    assert.ok(rotated.ok)
    const second = String(rotated.value.secret.token)
    assert.deepEqual([await lets(first), await lets(second)], [false, true])
    assert.ok((await told(() => operators.revoke('ada', clock()))).ok)
    assert.equal(await lets(second), false)
    const ending = await make('eve', clock() + 3600_000)
    assert.equal(await lets(ending), true)
    offset = 3600_001
    assert.equal(await lets(ending), false)
  } finally {
    await Promise.all([here.close(), there.close()])
    await store.remove()
  }
})
