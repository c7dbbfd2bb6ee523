import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { secretKeys, startService } from '../../test/support/service.ts'
import { packetOf } from './trace.ts'

test('packets as they are written on the command line', () => {
  assert.deepEqual(packetOf('tcp', '1.2.3.4:555', '192.0.2.10:22'), {
    ok: true,
    value: {
      protocol: 'tcp',
      source: '1.2.3.4',
      destination: '192.0.2.10',
      sourcePort: 555,
      destinationPort: 22,
    },
  })
  assert.deepEqual(packetOf('UDP', '[2001:db8::1]:53', '2001:db8::2'), {
    ok: true,
    value: { protocol: 'udp', source: '2001:db8::1', destination: '2001:db8::2', sourcePort: 53 },
  })
  assert.deepEqual(packetOf('icmp/8', '1.2.3.4', '192.0.2.10'), {
    ok: true,
    value: { protocol: 'icmp', source: '1.2.3.4', destination: '192.0.2.10', icmpType: 8 },
  })
  for (const [protocol, source, destination] of [
    ['tcp', 'somewhere', '1.2.3.4'],
    ['tcp', '1.2.3.4', '1.2.3.4:'],
    ['icmp/x', '1.2.3.4', '1.2.3.4'],
    ['icmp/1/2/3', '1.2.3.4', '1.2.3.4'],
  ] as const) {
    assert.equal(packetOf(protocol, source, destination).ok, false, `${protocol} ${source} ${destination}`)
  }
})

const program = new URL('./main.ts', import.meta.url).pathname

test('any credential may ask, and the server is called by its name', async () => {
  const service = await startService()
  /** Status and what was said. */
  const trace = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    promisify(execFile)(
      process.execPath,
      [
        program,
        'trace',
        'web',
        'ingress',
        'tcp',
        '198.51.100.1',
        '10.0.0.10:22',
        '--url',
        service.url,
        ...args,
      ],
      { env: { ...bare, ...env } },
    ).then(
      ({ stdout }) => `0 ${stdout}`,
      ({ code, stderr }) => `${code} ${stderr}`,
    )
  const allowed = /^0 allow, decided by nothing: this direction is not filtered\n$/
  const key = secretKeys.right['x-auth-token']
  try {
    assert.match(await trace(['--token', 'acme-token']), allowed)
    assert.match(await trace(['--username', 'acme', '--password', 'acme:password']), allowed)
    assert.match(await trace(['--secret-key', key]), allowed)
    assert.match(
      await trace([], { PORTCULLIS_USERNAME: 'acme', PORTCULLIS_PASSWORD: 'acme:password' }),
      allowed,
    )
    // What is on the command line comes first.
    assert.match(await trace(['--secret-key', key], { PORTCULLIS_TOKEN: 'nobody' }), allowed)
    assert.match(
      await trace(['--secret-key', key, '--token', 'x']),
      /^2 portcullis: one credential is needed/,
    )
    assert.match(await trace(['--username', 'acme']), /^2 portcullis: --username and --password/)
    assert.match(await trace([]), /^2 portcullis: a credential is needed/)
    assert.match(await trace(['--token', 'nobody']), /^2 portcullis: A valid credential is needed/)
  } finally {
    await service.close()
  }
})
