/** What a host sees, from the command line: what is nobody's, and how it is made somebody's. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { makeOperator, operator } from '../../test/support/operator.ts'
import { startService } from '../../test/support/service.ts'
import { seenOn, sighting } from '../../test/support/sightings.ts'

const program = new URL('./main.ts', import.meta.url).pathname

test('devices without an interface, why, and the command that adopts each', async () => {
  const service = await startService()
  try {
    await makeOperator(service.storage)
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, [program, 'host', ...args, '--url', service.url], {
        env: { ...bare, PORTCULLIS_TOKEN: operator.authorization.slice('Bearer '.length) },
        timeout: 60_000,
      }).then(
        ({ stdout }) => stdout,
        ({ code, stderr }) => `${code} ${stderr}`,
      )
    const guest = { id: '1', name: 'web\n  rm -rf /\u202e' }
    await seenOn(service.storage, 'kvm1', [
      sighting('vnet3', '52:54:00:aa:bb:01', { guest }),
      sighting('vnet4', null, { source: 'links', guarded: false }),
      sighting('tap100i0', '52:54:00:aa:bb:02', { source: 'proxmox', present: false }),
    ])
    assert.equal(
      await run('unclaimed', 'kvm1'),
      `DEVICE               MAC                GUEST            SOURCE   GUARDED  WHY
tap100i0 (expected)  52:54:00:aa:bb:02  -                proxmox  yes      no interface has the MAC address 52:54:00:aa:bb:02
vnet3                52:54:00:aa:bb:01  web?  rm -rf /?  libvirt  yes      no interface has the MAC address 52:54:00:aa:bb:01
vnet4                -                  -                links    NO       nobody on the host says which MAC address its guest has

Packets pass where GUARDED says NO.

Each is adopted by:
  portcullis host adopt kvm1 tap100i0 --account ACCOUNT --profile PROFILE
  portcullis host adopt kvm1 vnet3 --account ACCOUNT --profile PROFILE
`,
    )
    const { devices } = JSON.parse(await run('unclaimed', 'kvm1', '--json'))
    assert.deepEqual(devices[1].guest, guest)
    const { body } = await service.call('GET', '/v1/account')
    const account = ['--account', body.account, '--profile', 'native']
    const made = await run('adopt', 'kvm1', 'vnet3', ...account, '--address', '192.0.2.201', '--json')
    const { id, server, addresses, mac, binding } = JSON.parse(made)
    assert.deepEqual([addresses, mac], [['192.0.2.201'], '52:54:00:aa:bb:01'])
    assert.deepEqual(binding, { host: 'kvm1', device: 'vnet3' })
    const again = await run('adopt', 'kvm1', 'vnet3', ...account)
    assert.equal(again, `interface ${id} of server ${server} is on vnet3\n`)
    const of = await service.call('GET', `/v1/servers/${server}`)
    assert.equal(of.body.name, 'web?  rm -rf /\u202e')
    assert.match(await run('adopt', 'kvm1', 'vnet4', ...account), /^1 .*mac: is needed/)
    const named = ['--mac', '52:54:00:aa:bb:09', '--name', 'tap']
    assert.match(await run('adopt', 'kvm1', 'vnet4', ...account, ...named), / is on vnet4\n$/)
    assert.match(await run('adopt', 'kvm1', 'vnet9', ...account), /^1 .*the host sees no such device/)
    assert.match(await run('adopt', 'kvm1', 'vnet3', '--profile', 'native'), /--account/)
    assert.doesNotMatch(await run('unclaimed', 'kvm1'), /vnet3|vnet4/)
    assert.match(await run('unclaimed', 'kvm2'), /^1 portcullis: .*host/)
  } finally {
    await service.close()
  }
})
