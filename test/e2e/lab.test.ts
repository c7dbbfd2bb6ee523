/** The lab's own commands: up, status, probe and down, and that nothing of it is left behind. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { prefixOf } from '../../src/lab/lab.ts'
import { namespaces } from '../../src/lab/network.ts'
import { type Ran, run } from '../../src/lab/run.ts'
import { noLab } from '../support/lab.ts'

const bin = new URL('../../bin/portcullis.js', import.meta.url).pathname

describe('portcullis lab', { skip: noLab }, () => {
  let directory = join(tmpdir(), 'portcullis-lab-none')
  const cli = (...args: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [bin, ...args], {
        env: { ...process.env, PORTCULLIS_LAB_DIR: directory },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (text) => {
        stdout += text
      })
      child.stderr.on('data', (text) => {
        stderr += text
      })
      child.on('close', (code) => resolve({ status: code ?? 1, stdout, stderr }))
    })
  after(() => cli('lab', 'down'))

  test('up, status, probe, trace, a crash, up again, down', async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'portcullis-lab-')), 'lab')
    const before = await machine()
    const upped = await cli('lab', 'up', '--json')
    assert.equal(upped.status, 0, upped.stderr)
    const status = JSON.parse((await cli('lab', 'status', '--json')).stdout)
    assert.deepEqual(
      status.vms.map((vm: { name: string }) => vm.name),
      ['web1', 'web2', 'db1', 'vps1', 'vps2', 'scw1', 'scw2', 'scw3', 'cube1', 'cube2'],
    )
    const told = (await cli('lab', 'status')).stdout
    assert.match(told, new RegExp(`^Router +${status.router} `, 'm'))
    assert.ok(status.namespaces.includes(status.router))
    for (const verb of ['up', 'status', 'probe', 'down']) {
      assert.match((await cli('lab', verb, '--help')).stdout, /PORTCULLIS_LAB_DIR/)
    }
    const [web1] = status.vms
    assert.deepEqual(web1.addresses, ['192.0.2.10', '2001:db8::10'])
    assert.equal((await cli('lab', 'probe', 'outside', 'web1', 'tcp/22')).status, 0)

    const posted = await fetch(`${status.url}/1.3/server/${web1.server}/firewall_rule`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${status.credentials.username}:${status.credentials.password}`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ firewall_rule: { direction: 'in', action: 'drop' } }),
    })
    assert.equal(posted.status, 201)
    const probed = await cli('lab', 'probe', 'outside', 'web1', 'tcp/22', '--json')
    assert.equal(probed.status, 1, probed.stderr)
    assert.equal(JSON.parse(probed.stdout).outcome, 'timed-out')
    const traced = await cli(
      ...['trace', '--url', status.url, '--token', status.credentials.token],
      ...[web1.server, 'ingress', 'tcp', '198.51.100.10:40000', '192.0.2.10:22'],
    )
    assert.match(traced.stdout, /^deny, decided by rule 1/, traced.stderr)

    // Gone without a word: the second up must find and remove what is left.
    process.kill(status.pid, 'SIGKILL')
    await rm(join(directory, 'state.json'))
    assert.equal((await cli('lab', 'up')).status, 0)
    assert.equal((await cli('lab', 'probe', 'outside', 'web1', 'icmp')).status, 0)
    assert.equal((await cli('lab', 'down')).status, 0)
    assert.deepEqual(await namespaces(prefixOf(directory)), [])
    assert.equal((await cli('lab', 'status')).status, 1)
    assert.deepEqual(await readdir(directory).catch(() => 'gone'), 'gone')
    assert.deepEqual(await machine(), before)
  })

  test('what cannot be tried is status 2', async () => {
    assert.equal((await cli('lab', 'probe', 'outside', 'web1', 'tcp/22')).status, 2)
    assert.equal((await cli('lab', 'probe', 'outside', 'web1')).status, 2)
    assert.equal((await cli('lab', 'probe', 'a', 'b', 'tcp/22', '--family', '5')).status, 2)
  })
})

/** The machine's own network: what the lab must not change. */
async function machine(): Promise<Record<string, string>> {
  const said = async (...[command, ...args]: [string, ...string[]]): Promise<string> =>
    (await run(command, args)).stdout
  return {
    links: (await said('ip', '-o', 'link')).replace(/ state \w+/g, ''),
    routes: await said('ip', 'route'),
    rules: await said('nft', 'list', 'ruleset'),
    forwarding: await said('cat', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'),
  }
}
