/** Logins: what they cost, what is remembered, and that nothing is learnt from a refusal. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { providers } from '../../test/support/service.ts'
import { engines, type TestStore } from '../../test/support/stores.ts'
import type { Storage } from '../storage/storage.ts'
import { type Authenticator, createAuthenticator } from './authenticate.ts'
import { loadInventory } from './inventory.ts'
import { hashPassword, verifyPassword } from './passwords.ts'

const file = (password: string) => `
accounts:
  - name: acme
    credentials:
      - { username: jane, password: "${password}" }
      - { token: hup_secret, scopes: ["read:vm"] }
      - { accessKey: SCWDEMO, secretKey: 11111111-1111-1111-1111-111111111111 }
`
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

describe('authentication', () => {
  let store: TestStore
  let storage: Storage
  let authenticator: Authenticator
  before(async () => {
    store = await engines.sqlite.create()
    storage = await store.open()
    await loadInventory(storage, file('pass:word'), 1000, providers)
    authenticator = createAuthenticator(storage)
  })
  after(async () => {
    await storage.close()
    await store.remove()
  })
  test('whoever was let in is looked up again without a hash, for as long as nothing has changed', async () => {
    const own = await engines.sqlite.create()
    const of = await own.open()
    try {
      await loadInventory(of, file('one'), 1000, providers)
      let attempts = 0
      const events = { succeeded: () => void attempts++, failed: () => void attempts++ }
      const { authenticate, renew } = createAuthenticator(of, {
        events,
      })
      const found = await authenticate(basic('jane:one'), ['basic'], '192.0.2.1')
      assert.ok(found.ok)
      const told = attempts
      await loadInventory(of, file('one'), 2000, providers)
      assert.deepEqual((await renew(found.value))?.scopes, found.value.scopes)
      await loadInventory(of, file('two'), 3000, providers)
      assert.equal(await renew(found.value), undefined)
      assert.equal(attempts, told)
    } finally {
      await of.close()
      await own.remove()
    }
  })

  const all = ['basic', 'bearer', 'x-api-key', 'x-auth-token'] as const
  const who = async (headers: Record<string, string>, schemes: readonly (typeof all)[number][] = all) => {
    const found = await authenticator.authenticate(headers, schemes, '192.0.2.1')
    return found.ok ? `${found.value.credential.kind} ${[...found.value.scopes].join()}` : undefined
  }

  test('each way to present a credential, where it is accepted', async () => {
    assert.equal(await who(basic('jane:pass:word')), 'password read,write')
    assert.equal(await who({ authorization: 'bearer hup_secret' }), 'token read')
    assert.equal(await who({ 'x-api-key': 'hup_secret' }), 'token read')
    const scaleway = { 'x-auth-token': '11111111-1111-1111-1111-111111111111' }
    assert.equal(await who(scaleway), 'secret-key read,write')
    assert.equal(await who(scaleway, ['basic', 'bearer']), undefined)
    assert.equal(await who({ authorization: 'Bearer 11111111-1111-1111-1111-111111111111' }), undefined)
  })

  test('anything else is nobody', async () => {
    for (const headers of [
      {},
      basic('jane:wrong'),
      basic('jane'),
      basic('nobody:x'),
      basic('jane\0:pass:word'),
      { authorization: 'Basic amFuZTpwYXNzOndvcmQ= x' },
      { authorization: 'Bearer ' },
      { authorization: 'Bearer hup_secret2' },
      { 'x-api-key': '' },
    ] as Record<string, string>[]) {
      assert.equal(await who(headers), undefined, JSON.stringify(headers))
    }
  })

  test('a password that was changed no longer logs in, remembered or not', async () => {
    assert.equal(await who(basic('jane:pass:word')), 'password read,write')
    await loadInventory(storage, file('another'), 1000, providers)
    assert.equal(await who(basic('jane:pass:word')), undefined)
    assert.equal(await who(basic('jane:another')), 'password read,write')
  })

  test('what is remembered ends after a minute, where no notice of a change arrives', async () => {
    let now = 0
    const deaf = createAuthenticator({ ...storage, onCommit: () => () => {} }, { now: () => now })
    const known = async () => (await deaf.authenticate(basic('jane:another'), all, '192.0.2.1')).ok
    assert.equal(await known(), true)
    await loadInventory(storage, file('third'), 1000, providers)
    now = 59_999
    assert.equal(await known(), true)
    now = 60_000
    assert.equal(await known(), false)
  })

  test('what is remembered and still holds after a minute is read again, and costs no other hash', async () => {
    let now = 0
    let reads = 0
    const counted: Storage = {
      ...storage,
      credential(...args) {
        reads++
        return storage.credential(...args)
      },
    }
    const { authenticate } = createAuthenticator(counted, {
      limits: { perSource: 0, inAll: 0 },
      now: () => now,
    })
    const right = () => authenticate(basic('jane:third'), all, '192.0.2.1')
    assert.equal((await right()).ok, true)
    now = 60_000
    // Two wrong ones keep both hashes busy: a third would wait for them.
    const wrong = ['x', 'y'].map((guess) => authenticate(basic(`jane:${guess}`), all, '192.0.2.1'))
    const first = await Promise.race([right().then(({ ok }) => ok), ...wrong])
    assert.equal(first, true)
    assert.equal(reads, 4)
    await Promise.all(wrong)
  })

  test('hashes are salted, and read back', async () => {
    const [a, b] = await Promise.all([hashPassword('x'), hashPassword('x')])
    assert.notEqual(a, b)
    assert.equal(await verifyPassword('x', a), true)
    assert.equal(await verifyPassword('y', a), false)
    assert.equal(await verifyPassword('x', 'plain'), false)
  })
})
