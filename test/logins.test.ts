/** Two hundred clients with wrong passwords, and somebody who has the right one. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { credentials, startService } from './support/service.ts'

interface Said {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly body: string
}

function ask(url: string, localAddress: string, headers: Record<string, string>): Promise<Said> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, localAddress, agent: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      const retryAfter = answer.headers['retry-after']
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, retryAfter, body }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

const guess = (user: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`,
})

test('failing logins of one source do not keep good ones waiting, and are told to come back', async () => {
  const service = await startService()
  try {
    const url = `${service.url}/1.3/account`
    let going = true
    let refused = 0
    let checked = 0
    const clients = Array.from({ length: 200 }, async (_, client) => {
      for (let count = 0; going; count++) {
        const said = await ask(url, '127.0.0.2', guess('acme', `wrong ${client} ${count}`))
        assert.ok(said.status === 401 || said.status === 429, said.body)
        if (said.status === 401) checked++
        if (said.status !== 429) continue
        refused++
        assert.match(said.retryAfter ?? '', /^[1-9]\d*$/)
        assert.equal(JSON.parse(said.body).error.error_code, 'TOO_MANY_REQUESTS')
      }
    })
    // They are under way when some were refused.
    const deadline = Date.now() + 20_000
    while (refused < 20 && Date.now() < deadline) await new Promise((next) => setTimeout(next, 20))
    assert.ok(refused >= 20, 'some are told to come back')
    const first = await ask(url, '127.0.0.1', credentials.password)
    // Whom it waits for is in the tests of the gate: how long that takes is the machine's.
    assert.equal(first.status, 200, first.body)
    // Remembered, it costs no hash, whoever's source it comes from.
    for (let count = 0; count < 5; count++) {
      assert.equal((await ask(url, '127.0.0.2', credentials.password)).status, 200)
    }
    assert.equal((await ask(url, '127.0.0.2', credentials.right)).status, 200, 'a token')
    going = false
    assert.ok(checked <= 200, `${checked} guesses were looked at before any was refused`)
    await Promise.all([service.close(), ...clients.map((client) => client.catch(() => undefined))])
  } finally {
    await service.close().catch(() => undefined)
  }
})
