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
    assert.match(await run('unclaimed', 'kvm2'), /^1 portcullis: .*host/)
  } finally {
    await service.close()
  }
})
