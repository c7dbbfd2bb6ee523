/**
 * Devices that are attached by whoever starts their VMs, with real packets: nothing passes before and after, and between what the policy
 * says, whoever of agent and service is killed meanwhile.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { askAgent } from '../../src/cli/local.ts'
import { mustRun } from '../../src/lab/run.ts'
import type { LabNic } from '../../src/lab/topology.ts'
import { eventually } from '../support/eventually.ts'
import { closed, createHost, type Host, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'
import { launch, type Running } from '../support/program.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname
const [one, two] = defaultVms.flatMap(({ nics }) => nics.slice(0, 1)) as [LabNic, LabNic]
type Nic = Pick<LabNic, 'device' | 'mac' | 'addresses'>
const vmTwo = defaultVms[1]?.name ?? ''
/** More where figures are asked for: they are those of the decision. */
const many = process.env.PORTCULLIS_FIGURES ? 200 : 60
const nicOf = (n: number): Nic => ({
  device: `tap${1000 + n}`,
  mac: `52:54:00:01:00:${n.toString(16).padStart(2, '0')}`,
  addresses: [`203.0.113.${n}`],
})
const outOnly = { ...closed, out: 3, host: 3 }

describe('attach and detach', { skip: noLab, timeout: 240_000 }, () => {
  let host: Host
  let inventory: string
  let service: Service
  let agent: Running | undefined
  const socket = () => join(host.folder, 'agent.sock')
  const within = (): string[] => ['ip', 'netns', 'exec', host.netns]

  before(async () => {
    host = await createHost('attach')
    const nics = [one, ...Array.from({ length: many }, (_, n) => nicOf(n))]
    inventory = await host.describe([], {
      id: 'acme',
      servers: nics.map(({ mac, addresses }, n) => ({
        ...{ profile: 'native', id: `vm-${n}`, name: `vm-${n}` },
        interfaces: [{ id: `nic-${n}`, mac, addresses }],
      })),
    })
    await mustRun('ip', ['-n', host.netns, 'link', 'set', 'lo', 'up'])
    await serve(['--enforce', 'nftables', '--host', 'kvm', ...host.flags, '--socket', socket()])
  })
  after(async () => {
    agent?.child.kill('SIGKILL')
    await service?.stop('SIGKILL')
    await host?.remove()
  })

  async function serve(flags: readonly string[], wrapper: readonly string[] = []): Promise<void> {
    service = await host.serve(['--inventory', inventory, ...flags], { wrapper })
  }
  const attach = ({ device, mac, addresses }: Nic, ...more: string[]) =>
    host.portcullis([
      ...['attach', '--device', device, '--mac', mac, '--socket', socket()],
      ...addresses.flatMap((each) => ['--address', each]),
      ...more,
    ])
  const detach = ({ device }: Nic) => host.portcullis(['detach', '--device', device, '--socket', socket()])
  /** As the commands do, in less time: what it answers, or why not. */
  async function ask(verb: 'attach' | 'detach', { device, mac, addresses }: Nic): Promise<string> {
    const more = { policies: [], account: null, profile: 'native', id: null, name: null }
    const body = verb === 'attach' ? { device, mac, addresses, ...more, ms: 2000 } : { device, ms: 2000 }
    const said = await askAgent(verb, body, { socket: socket() })
    if (!said.ok) return said.error.text
    const { value } = said
    if (value.answer === 'refused') return value.devices.map(({ why }) => why).join()
    return value.answer === 'done' ? 'done' : value.why
  }
  /** Whoever asks waits until the agent is there again, and until a machine that has other things to do has come to it. */
  const attached = (nic: Nic) =>
    eventually(
      `${nic.device} is attached`,
      async () => (await ask('attach', nic)) === 'done' || undefined,
      60_000,
    )
  async function killAgent(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL')
    await eventually('it is gone', () => {
      try {
        process.kill(pid, 0)
        return undefined
      } catch {
        return true
      }
    })
  }

  test('nothing passes before; the policy is in force when attach returns; nothing passes after detach', async () => {
    assert.deepEqual(await host.arriving(), closed)
    const by = await attach(one)
    assert.deepEqual([by.status, by.stdout, by.stderr], [0, 'tap1i0 is filtered by interface nic-0\n', ''])
    assert.deepEqual(await host.arriving(), outOnly)
    assert.equal(await ask('attach', one), 'done')
    for (let n = 0; n < 2; n++) assert.equal((await detach(one)).status, 0)
    assert.deepEqual(await host.arriving(), closed)
  })

  test('what nobody knows is refused with the reason, and stays closed', async () => {
    const unknown = await attach(two, '--timeout', '500ms')
    assert.deepEqual([unknown.status, unknown.stdout], [1, ''])
    assert.match(unknown.stderr, /^portcullis: tap2i0: .*MAC/)
    const gone = await attach({ ...two, device: 'tap77' })
    assert.deepEqual([gone.status, gone.stderr], [1, 'portcullis: tap77: there is no device tap77\n'])
    const open = await attach({ ...two, device: 'lo' })
    assert.match(open.stderr, /nothing closes lo while it is nobody’s: --guard has to name it/)
    const otherwise = await attach({ ...one, addresses: ['203.0.113.250'] }, '--timeout', '500ms')
    assert.match(otherwise.stderr, /interface nic-0 has this MAC, and its addresses are 192\.0\.2\.10/)
    const lacks = await attach(one, '--policy', 'web', '--timeout', '500ms')
    assert.match(lacks.stderr, /web is not attached to it/)
    assert.deepEqual(await host.arriving(), closed)
    const absent = await host.portcullis(['detach', '--device', 'tap1', '--socket', join(host.folder, 'no')])
    assert.equal(absent.status, 2)
    assert.match(absent.stderr, /no agent runs on this host/)
  })

  test('a device whose MAC nobody has: a server is made of it, and found again', async () => {
    const headers = { authorization: 'Bearer token', 'content-type': 'application/json' }
    const call = async (path: string, body?: unknown) => {
      const asked = { headers, ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }) }
      return (await fetch(`${service.url}/v1${path}`, asked)).json()
    }
    const { id } = (await call('/policies', {
      name: 'open',
      defaults: { ingress: 'allow', egress: 'allow' },
    })) as {
      id: string
    }
    const ping = () => host.inside(vmTwo, ['sh', '-c', 'ping -q -c 1 -W 1 198.51.100.10 || true'])
    const named = ['--account', 'acme', '--name', 'builder', '--policy']
    const refused = await attach(two, ...named, 'no-such-policy')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /tap2i0: it is not adopted: .*no-such-policy/)
    assert.match(await ping(), /0 received/)
    for (let n = 0; n < 2; n++) {
      const made = await attach(two, ...named, id)
      assert.deepEqual([made.status, made.stderr], [0, ''])
      assert.match(await ping(), /1 received/)
      assert.equal(await ask('detach', two), 'done')
      assert.match(await ping(), /0 received/)
    }
    const { servers } = (await call('/servers?limit=1000')) as { servers: { name: string }[] }
    assert.equal(servers.filter(({ name }) => name === 'builder').length, 1)
    const passing = { ...two, mac: '52:54:00:01:ff:01', addresses: ['203.0.113.251'] }
    const once = await attach(passing, '--account', 'acme', '--name', 'passing', '--ephemeral')
    assert.deepEqual([once.status, once.stderr], [0, ''])
    const isThere = async () => {
      const { servers } = (await call('/servers?limit=1000')) as { servers: { name: string }[] }
      return servers.some(({ name }) => name === 'passing')
    }
    assert.equal(await isThere(), true)
    assert.equal(await ask('detach', passing), 'done')
    await eventually('its server ends', async () => !(await isThere()) || undefined)
  })

  test('the agent is killed: what was attached passes on, and another device of the name does not', async () => {
    assert.equal(await ask('attach', one), 'done')
    const stream = await host.stream('out')
    const pid = Number(
      /"pid":(\d+),"msg":"the process that enforces has started"/.exec(service.stderr())?.[1],
    )
    await killAgent(pid)
    const before = await stream.arrived()
    await attached(one)
    await eventually('more arrives', async () => ((await stream.arrived()) > before ? true : undefined))
    assert.ok((await stream.stop()) > 0)
    assert.deepEqual(await host.arriving(), outOnly)
    await host.replug(one.device)
    assert.deepEqual(await host.arriving(), closed)
    await attached(one)
    assert.deepEqual(await host.arriving(), outOnly)
    assert.equal(await ask('detach', one), 'done')
  })

  test(`${many} at once`, async () => {
    const lines = Array.from({ length: many }, (_, n) => `tuntap add dev ${nicOf(n).device} mode tap`)
    await mustRun('ip', ['-n', host.netns, '-batch', '-'], `${lines.join('\n')}\n`)
    const all = Array.from({ length: many }, (_, n) => nicOf(n))
    const begun = performance.now()
    const times: number[] = []
    await Promise.all(all.map((each) => attached(each).then(() => times.push(performance.now() - begun))))
    if (process.env.PORTCULLIS_FIGURES)
      console.log(`${many} attached at once: half after ${times[many >> 1]} ms, all after ${times.at(-1)} ms`)
    assert.deepEqual(new Set(await Promise.all(all.map((each) => ask('detach', each)))), new Set(['done']))
    await mustRun(
      'ip',
      ['-n', host.netns, '-batch', '-'],
      all.map(({ device }) => `link del ${device}\n`).join(''),
    )
  })

  test('without its service an agent keeps what was attached, refuses more, and lets go', async () => {
    await service.stop()
    await serve(['--data', join(host.folder, 'server')], within())
    const operator = (await readFile(join(host.folder, 'server', 'operator.token'), 'utf8')).trim()
    const url = `${service.url}/v1/hosts/kvm/credentials`
    const headers = ['-H', `authorization: Bearer ${operator}`, '-H', 'content-type: application/json']
    const [command = '', ...rest] = [
      ...within(),
      'curl',
      '-sS',
      '--fail-with-body',
      ...headers,
      '-d',
      '{}',
      url,
    ]
    const token = join(host.folder, 'token')
    await writeFile(token, JSON.parse(await mustRun(command, rest)).token, { mode: 0o600 })
    const start = async () => {
      const args = ['--server', service.url, '--token-file', token, '--host', 'kvm', '--guard', 'tap*']
      const state = ['--state-directory', join(host.folder, 'state'), '--socket', socket()]
      agent = launch([...within(), process.execPath, program, 'agent', ...args, ...state], { cwd: '/' })
    }
    await start()
    await attached(one)
    assert.deepEqual(await host.arriving(), outOnly)
    await service.stop('SIGKILL')
    assert.match(await ask('attach', two), /^no service has been heard for \d+ s$/)
    const killed = agent as Running
    killed.child.kill('SIGKILL')
    await once(killed.child, 'exit')
    await start()
    await attached(one)
    assert.deepEqual(await host.arriving(), outOnly)
    assert.equal(await ask('detach', one), 'done')
    assert.deepEqual(await host.arriving(), closed)
  })
})
