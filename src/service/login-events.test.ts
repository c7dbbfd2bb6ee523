/** Which logins are events, and that strangers cannot fill the history. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { providers } from '../../test/support/service.ts'
import { engines } from '../../test/support/stores.ts'
import { createAuthenticator } from './authenticate.ts'
import { loadInventory } from './inventory.ts'
import { createLoginEvents } from './login-events.ts'

const file = `
accounts:
  - { name: acme, credentials: [ { username: jane, password: right }, { token: a-token } ] }
`
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

test('failed logins, and the first from a source, once', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  try {
    await loadInventory(storage, file, 1000, providers)
    const [{ id: account } = { id: '' }] = await storage.accounts()
    let now = 1000
    const authenticator = createAuthenticator(storage, { events: createLoginEvents(storage, () => now) })
    const login = (headers: Record<string, string>, source: string) =>
      authenticator.authenticate(headers, ['basic', 'bearer'], source)
    const events = async (of: string) =>
      (await storage.audit({ account: of, limit: 100 })).items
        .filter(({ operation }) => operation.startsWith('login'))
        .map(({ operation, id, after }) => `${operation} ${id} ${(after as { source: string }).source}`)
        .reverse()
    await login({ authorization: 'Bearer a-token' }, '192.0.2.1')
    for (const text of ['jane:wrong', 'jane:right', 'jane:wrong', 'nobody:x'])
      await login(basic(text), '192.0.2.1')
    await login(basic('jane:right'), '192.0.2.2')
    // Events are not waited for; whatever is written after them is.
    await storage.check()
    // Remembered, but from elsewhere: its owner hears of it.
    const first = ['login.first jane 192.0.2.1', 'login.first jane 192.0.2.2']
    assert.deepEqual(await events(account), ['login.failed jane 192.0.2.1', ...first])
    assert.deepEqual(await events(''), ['login.failed  192.0.2.1'])
    now += 10 * 60_000
    await login(basic('jane:wrong'), '192.0.2.1')
    await storage.check()
    assert.equal((await events(account)).length, 4)

    const strangers = createLoginEvents(storage, () => now)
    for (let i = 0; i < 1000; i++) strangers.failed(`user ${i}`, '192.0.2.9', undefined)
    await storage.check()
    assert.equal((await events('')).length, 31)
  } finally {
    await storage.close()
    await store.remove()
  }
})
