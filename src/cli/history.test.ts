/** `portcullis history` and `portcullis revert`, against the service. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { makeOperator, operator } from '../../test/support/operator.ts'
import { servers, startService } from '../../test/support/service.ts'

const program = new URL('./main.ts', import.meta.url).pathname

test('a change is listed, shown and undone', async () => {
  const service = await startService()
  /** Status and what was said. */
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [program, ...args, '--url', service.url, '--token', 'acme-token'], {
      env: bare,
    }).then(
      ({ stdout }) => `0 ${stdout}`,
      ({ code, stderr }) => `${code} ${stderr}`,
    )
  try {
    const before = await service.storage.revision()
    const rule = { direction: 'in', action: 'drop' }
    const path = `/1.3/server/${servers.web}/firewall_rule`
    assert.equal((await service.call('POST', path, { firewall_rule: rule })).status, 201)
    const policy = (await service.storage.chain(servers.web))?.id ?? ''
    const listed = JSON.parse((await run('history', '--policy', policy, '--json')).slice(2))
    assert.deepEqual(
      listed.revisions.map(({ operation }: { operation: string }) => operation),
      ['rule.create'],
    )
    const { revision } = listed.revisions[0]
    assert.match(await run('history', 'show', String(revision)), /^0 revision (.|\n)*\+ #1 ingress: deny any/)
    const dry = await run('revert', policy, '--to', String(before), '--dry-run')
    assert.match(dry, /^0 would change:\n {2}- #1 ingress: deny any/)
    assert.equal((await service.storage.rules(policy)).length, 1)
    assert.match(await run('revert', policy, '--to', String(before)), /^0 changed, revision/)
    assert.equal((await service.storage.rules(policy)).length, 0)
    assert.match(await run('revert', policy, '--to', '999999'), /^1 portcullis: There is no revision/)
    assert.match(await run('revert', policy), /^2 /)
  } finally {
    await service.close()
  }
})

test('an operator is told which operator made a change, and asks for those of one', async () => {
  const service = await startService()
  try {
    await makeOperator(service.storage)
    const headers = { ...operator, 'on-behalf-of': 'acme' }
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    const path = `/1.3/server/${servers.web}/firewall_rule`
    assert.equal((await service.call('POST', path, rule, headers)).status, 201)
    const run = async (...args: readonly string[]) => {
      const all = [program, 'history', ...args, '--url', service.url, '--on-behalf-of', 'acme']
      const env = { ...bare, PORTCULLIS_TOKEN: operator.authorization.slice('Bearer '.length) }
      return (await promisify(execFile)(process.execPath, all, { env })).stdout
    }
    const [{ revision, credential }] = JSON.parse(await run('--json', '--limit', '1')).revisions
    assert.equal(credential.label, 'ada')
    const { revisions } = JSON.parse(await run('--json', '--credential', credential.id))
    assert.deepEqual(
      revisions.map((each: { revision: number }) => each.revision),
      [revision],
    )
    assert.match(await run('--limit', '1'), /operator \(ada\)/)
    assert.match(await run('show', String(revision)), /by operator \(ada\) through upcloud/)
  } finally {
    await service.close()
  }
})
