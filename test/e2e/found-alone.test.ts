/**
 * Interfaces that a service has found on devices by their own addresses, and an agent that starts without it: it enforces what it kept
 * where the host still proves it, and not one packet passes on a device that has become another guest's.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { mustRun } from '../../src/lab/run.ts'
import type { LabNic, LabVm } from '../../src/lab/topology.ts'
import { eventually } from '../support/eventually.ts'
import { closed, createHost, type Host, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'
import { launch, main, type Running } from '../support/program.ts'

const [vm] = defaultVms as [LabVm]
const [one] = vm.nics as [LabNic]
/** Another guest's, which nobody lets send anything, and one that nobody knows. */
const [another, nobodys] = ['52:54:00:00:00:77', '52:54:00:00:00:99']
const asDesired = { ...closed, out: 3, host: 3 }

describe('an agent that starts alone, with interfaces that were found', {
  skip: noLab,
  timeout: 120_000,
}, () => {
  let host: Host
  let service: Service
  let agent: Running
  let start: () => void
  const within = (): string[] => ['ip', 'netns', 'exec', host.netns]
  /** As libvirt marks the device of a guest. */
  async function mark(mac: string): Promise<void> {
    await mustRun('ip', ['-n', host.netns, 'link', 'set', one.device, 'address', `fe${mac.slice(2)}`])
    // It is the gateway's address, too.
    await host.inside(vm.name, ['ip', 'neigh', 'flush', 'all'])
  }
  const arriving = (wanted: Record<string, number>) =>
    host.until((now) =>
      Object.entries(wanted).every(([way, count]) => now[way as keyof typeof now] === count),
    )
  async function kill(): Promise<void> {
    const ended = once(agent.child, 'close')
    process.kill(agent.child.pid as number, 'SIGKILL')
    await ended
  }
  const serve = async (listen: string) => {
    const flags = ['--listen', listen, '--data', join(host.folder, 'server'), '--inventory', inventory]
    service = await host.serve(flags, { wrapper: within() })
  }
  let inventory: string

  before(async () => {
    host = await createHost('alone')
    await mustRun('ip', ['-n', host.netns, 'link', 'set', 'lo', 'up'])
    inventory = await host.describe([], {
      servers: [
        {
          profile: 'native',
          id: 'vm-1',
          name: 'vm-1',
          interfaces: [{ id: 'one', mac: one.mac, addresses: one.addresses }],
        },
        {
          ...{ profile: 'upcloud', id: '00000000-0000-4000-8000-000000000009', name: 'vm-2', firewall: true },
          interfaces: [{ id: 'another', mac: another, addresses: [] }],
        },
      ],
    })
    await serve('127.0.0.1:0')
    const { port } = new URL(service.url)
    const operator = (await readFile(join(host.folder, 'server', 'operator.token'), 'utf8')).trim()
    const [command = '', ...rest] = [...within(), 'curl', '-sS', '--fail-with-body', '-d', '{}']
    const headers = ['-H', `authorization: Bearer ${operator}`, '-H', 'content-type: application/json']
    const made = await mustRun(command, [...rest, ...headers, `${service.url}/v1/hosts/kvm/credentials`])
    const token = join(host.folder, 'token')
    await writeFile(token, JSON.parse(made).token, { mode: 0o600 })
    start = () => {
      const args = [
        '--server',
        `http://127.0.0.1:${port}`,
        '--token-file',
        token,
        '--host',
        'kvm',
        '--guard',
        'tap*',
      ]
      const own = [process.execPath, main, 'agent', ...args, '--state-directory', join(host.folder, 'state')]
      agent = launch([...within(), ...own], { cwd: host.folder })
    }
    start()
  })
  after(async () => {
    agent?.child.kill('SIGKILL')
    await service?.stop('SIGKILL')
    await host?.remove()
  })

  test('it is found, and goes on where the device is the same and nowhere else', async () => {
    await arriving(closed)
    await mark(one.mac)
    await arriving(asDesired)
    await service.stop('SIGKILL')
    await kill()
    start()
    await eventually('it enforces', () => agent.stdout().includes('enforcing: nftables') || undefined)
    await arriving(asDesired)
    // Now another guest gets the name, while nobody is there to see it.
    const stream = await host.stream('out')
    await kill()
    await host.replug(one.device)
    const before = await stream.arrived()
    await mark(nobodys)
    start()
    await eventually('it is closed', () => /nothing on its host says/.test(agent.stderr()) || undefined)
    assert.equal(await stream.arrived(), before)
    await stream.stop()
    assert.deepEqual(await host.arriving(), closed)
    // Without the service, by the word of the host alone.
    await mark(one.mac)
    await arriving(asDesired)
    await mark(nobodys)
    await arriving(closed)
  })

  test('when the service is there again, it finds who is on the device now', async () => {
    await mark(another)
    await serve(`127.0.0.1:${new URL(service.url).port}`)
    await arriving({ in: 3 })
    await mark(one.mac)
    await arriving(asDesired)
  })
})
