/**
 * Domains of a real libvirtd under policy, from the first packet on: whatever is killed, whatever their devices are called, and whoever bore
 * that name before. Packets come all the time, and what no policy lets in reaches no device.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/lab.ts'
import { type Arrived, createLibvirt, type Libvirt, noLibvirt } from '../support/libvirt.ts'
import { launch, listening, main, type Running, type Started } from '../support/program.ts'

/** Each lets in datagrams to a port of its own. */
const domains = {
  web: { macs: ['52:54:00:00:01:01'], addresses: ['192.0.2.11'], port: 5001 },
  db: {
    macs: ['52:54:00:00:02:01', '52:54:00:00:02:02'],
    addresses: ['192.0.2.21', '192.0.2.22'],
    port: 5002,
  },
  api: { macs: ['52:54:00:00:03:01'], addresses: ['192.0.2.31'], port: 5003 },
  /** Nobody says whose it is. */
  stray: { macs: ['52:54:00:00:04:01'], addresses: ['192.0.2.41'], port: 0 },
} as const
type Name = keyof typeof domains
const names = Object.keys(domains) as Name[]
/** That none lets in. */
const shut = 7
const host = 'kvm1'
/** That of `web`, which its metadata make a server of, is its own. */
const serverIds = {
  web: '00000000-0000-4000-8000-000000000001',
  db: '00000000-0000-4000-8000-000000000002',
  api: '00000000-0000-4000-8000-000000000003',
} as const

const metadata = `<p:server xmlns:p="urn:portcullis:1" account="acme" profile="upcloud">
  <p:interface mac="${domains.web.macs[0]}" address="${domains.web.addresses[0]}"/>
</p:server>`

describe('domains of libvirt', { skip: noLibvirt }, () => {
  let libvirt: Libvirt
  let service: Started
  let agent: Running
  let token = ''
  const streams: (() => Promise<number>)[] = []
  const at = (...parts: string[]) => join(libvirt.folder, ...parts)
  const portcullis = (...args: string[]) => [process.execPath, main, ...args]
  const hook = () => `#!/bin/sh
case "$2" in
  start | migrate | reconnect | stopped) exec ${portcullis('hook', 'libvirt', '--socket', at('agent.sock'), '--').join(' ')} "$@" ;;
esac
`

  async function api(
    method: string,
    path: string,
    body?: unknown,
    headers: readonly string[] = [],
  ): Promise<Answered> {
    const sent = body === undefined ? [] : ['--json', JSON.stringify(body)]
    const own = [`Authorization: Bearer ${token}`, ...headers].flatMap((each) => ['-H', each])
    const said = await libvirt.mustRun([
      'curl',
      '-sS',
      '-w',
      '\n%{http_code}',
      '-X',
      method,
      ...own,
      ...sent,
      `${service.url}${path}`,
    ])
    const [status = '', ...lines] = said.split('\n').reverse()
    const text = lines.reverse().join('\n')
    return { status: Number(status), body: text === '' ? undefined : JSON.parse(text) }
  }
  const inAcme = (method: string, path: string, body?: unknown) =>
    api(method, path, body, ['On-Behalf-Of: acme'])

  async function startService(): Promise<void> {
    const args = ['serve', '--listen', '127.0.0.1:0', '--inventory', 'none', '--data', at('data')]
    service = await listening(launch([...libvirt.enter, ...portcullis(...args)], { cwd: libvirt.folder }))
  }
  async function startAgent(): Promise<void> {
    const flags = [
      '--server',
      service.url,
      '--token-file',
      at('host.token'),
      '--host',
      host,
      '--guard',
      'vnet*',
    ]
    const own = ['--libvirt', '--adopt', at('adopt.yaml'), '--socket', at('agent.sock')]
    agent = launch(
      [...libvirt.enter, ...portcullis('agent', ...flags, '--state-directory', at('state'), ...own)],
      {
        cwd: libvirt.folder,
      },
    )
    await eventually(`the agent enforces: ${agent.stderr()}`, () => /^enforcing/m.exec(agent.stdout())?.[0])
  }
  async function kill({ child }: Running): Promise<void> {
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** Lets in the port of a domain's. */
  async function letIn(name: keyof typeof serverIds): Promise<void> {
    const rules = [
      {
        direction: 'in',
        action: 'accept',
        family: 'IPv4',
        protocol: 'udp',
        destination_port_start: String(domains[name].port),
        destination_port_end: String(domains[name].port),
      },
      { direction: 'in', action: 'drop' },
    ]
    const made = await inAcme('PUT', `/1.3/server/${serverIds[name]}/firewall_rule`, {
      firewall_rules: { firewall_rule: rules },
    })
    assert.ok(made.status < 300, JSON.stringify(made))
    const on = await inAcme('PUT', `/1.3/server/${serverIds[name]}`, { server: { firewall: 'on' } })
    assert.ok(on.status < 300, JSON.stringify(on))
  }

  /** What came to each domain's devices since the last reset is what it lets in, and nothing came to any other device. */
  async function check(running: Partial<Record<Name, readonly string[]>>): Promise<readonly Arrived[]> {
    const arrived = await libvirt.arrived()
    const owners = new Map(
      Object.entries(running).flatMap(([name, devices]) => devices.map((device) => [device, name as Name])),
    )
    const wrong = arrived.filter(({ device, port }) => {
      const owner = owners.get(device)
      return owner === undefined || port !== domains[owner].port
    })
    assert.deepEqual(wrong, [], JSON.stringify(running))
    return arrived
  }
  /** Waits until what a domain lets in reaches each of its devices. */
  async function comes(name: Name, devices: readonly string[]): Promise<void> {
    for (const [n, device] of devices.entries()) {
      const mac = domains[name].macs[n]
      await eventually(`datagrams at ${device} of ${name}`, async () =>
        (await libvirt.arrived()).find(
          (each) => each.device === device && each.mac === mac && each.port === domains[name].port,
        ),
      )
    }
  }
  const start = (name: Name) => libvirt.virsh('start', name)
  const stop = (name: Name) => libvirt.virsh('destroy', name)
  async function refusedStart(name: Name): Promise<string> {
    const { status, stderr } = await libvirt.run(['virsh', 'start', name])
    assert.notEqual(status, 0, `${name} has started`)
    assert.match(await libvirt.virsh('domstate', name), /^shut off/)
    return stderr
  }

  before(async () => {
    libvirt = await createLibvirt('lv')
    await libvirt.hook(hook())
    await writeFile(at('adopt.yaml'), 'metadata: true\n')
    await libvirt.startDaemon()
    for (const name of names) {
      await libvirt.define({
        name,
        macs: domains[name].macs,
        ...(name === 'web' && { uuid: serverIds.web, metadata }),
      })
    }
    await startService()
    token = (await readFile(at('data', 'operator.token'), 'utf8')).trim()
    assert.equal((await api('POST', '/v1/accounts', { id: 'acme', name: 'acme' })).status, 201)
    const made = await api('POST', `/v1/hosts/${host}/credentials`, { adopts: ['acme'] })
    assert.equal(made.status, 201, JSON.stringify(made))
    await writeFile(at('host.token'), made.body.token, { mode: 0o600 })
    for (const name of ['db', 'api'] as const) {
      const { macs, addresses } = domains[name]
      const known = await inAcme('POST', '/v1/servers', {
        ...{ id: serverIds[name], profile: 'upcloud', name },
        interfaces: macs.map((mac, at) => ({ mac, addresses: [addresses[at]] })),
      })
      assert.equal(known.status, 201, JSON.stringify(known))
      await letIn(name)
    }
    await startAgent()
    for (const name of names) {
      for (const [n, mac] of domains[name].macs.entries()) {
        for (const port of [domains[name].port, shut].filter((each) => each !== 0))
          streams.push(await libvirt.stream({ mac, address: domains[name].addresses[n] as string, port }))
      }
    }
  })
  after(async () => {
    for (const each of streams) await each()
    await libvirt?.remove()
  })

  test('domains start under their policies, one that its metadata make a server of as well', async () => {
    // Its server is made while it starts; where that takes longer than a start waits, it is there for the next.
    await eventually('web is adopted, and starts', async () =>
      (await libvirt.run(['virsh', 'start', 'web'])).status === 0 ? true : undefined,
    )
    await letIn('web')
    await stop('web')
    await libvirt.reset()
    await start('web')
    const web = await libvirt.devicesOf('web')
    await comes('web', web)
    await check({ web })
    await start('api')
    const known = await libvirt.devicesOf('api')
    await comes('api', known)
    await check({ web, api: known })
  })

  test('one that ends and starts again has another device, and the same policy', async () => {
    const before = await libvirt.devicesOf('web')
    await stop('web')
    await start('web')
    const web = await libvirt.devicesOf('web')
    assert.notDeepEqual(web, before)
    await comes('web', web)
    await stop('web')
    await stop('api')
  })

  test('two interfaces; then another domain bears the name of a device that another had', async () => {
    // libvirt gives names anew from the first one that is free.
    await libvirt.killDaemon()
    await libvirt.startDaemon()
    await libvirt.reset()
    await start('db')
    const db = await libvirt.devicesOf('db')
    assert.deepEqual(db, ['vnet0', 'vnet1'])
    await comes('db', db)
    await check({ db })
    await stop('db')
    await libvirt.killDaemon()
    await libvirt.startDaemon()
    await libvirt.reset()
    await start('web')
    await start('api')
    const [web, api] = [await libvirt.devicesOf('web'), await libvirt.devicesOf('api')]
    assert.deepEqual([...web, ...api], ['vnet0', 'vnet1'])
    await comes('web', web)
    await comes('api', api)
    await check({ web, api })
  })

  test('libvirtd is killed: domains stay under their policies, and those that ended meanwhile are seen to have', async () => {
    const [web, api] = [await libvirt.devicesOf('web'), await libvirt.devicesOf('api')]
    await libvirt.killDaemon()
    await eventually(
      'the agent says so',
      () => /libvirt at qemu:\/\/\/system: .*is kept/.exec(agent.stderr())?.[0],
    )
    await libvirt.reset()
    await comes('web', web)
    await comes('api', api)
    await libvirt.mustRun(['sh', '-c', 'kill -9 $(cat /run/libvirt/qemu/api.pid)'])
    await libvirt.startDaemon()
    assert.match(await libvirt.virsh('domstate', 'web'), /^running/)
    await libvirt.reset()
    await comes('web', web)
    await check({ web })
    await start('api')
    await comes('api', await libvirt.devicesOf('api'))
  })

  test('the agent is killed: what runs stays under its policy, no domain starts, and another one under a name that was one’s is closed', async () => {
    const web = await libvirt.devicesOf('web')
    await stop('api')
    await kill(agent)
    await libvirt.reset()
    await comes('web', web)
    await check({ web })
    assert.match(await refusedStart('db'), /no agent runs on this host/)
    await stop('web')
    // Whoever has no hook starts all the same.
    await libvirt.hook('#!/bin/sh\n')
    await libvirt.killDaemon()
    await libvirt.startDaemon()
    await libvirt.reset()
    await start('db')
    const db = await libvirt.devicesOf('db')
    assert.deepEqual(db.slice(0, 1), web.slice(0, 1), 'the same name')
    await libvirt.sent(200)
    assert.deepEqual(await check({}), [])
    await libvirt.hook(hook())
    await startAgent()
    await comes('db', db)
    await check({ db })
    await start('web')
    await comes('web', await libvirt.devicesOf('web'))
    await stop('db')
  })

  test('a start is refused where no policy can be in force, and says why; one that comes from another host starts closed', async () => {
    const web = await libvirt.devicesOf('web')
    assert.match(await refusedStart('stray'), /52:54:00:00:04:01/)
    await libvirt.reset()
    // The other host has it still.
    const [nic] = (await inAcme('GET', `/v1/servers/${serverIds.api}`)).body.interfaces
    const bound = await api('PUT', `/v1/bindings/${nic.id}`, { host: 'kvm2', device: 'tap0' })
    assert.ok(bound.status < 300, JSON.stringify(bound))
    assert.match(await refusedStart('api'), /was put elsewhere by hand/)
    const asked = portcullis(
      'hook',
      'libvirt',
      '--socket',
      at('agent.sock'),
      '--',
      'api',
      'migrate',
      'begin',
      '-',
    )
    assert.equal(await libvirt.mustRun(asked, await libvirt.virsh('dumpxml', 'api')), '')
    await start('api')
    const moved = await libvirt.devicesOf('api')
    await libvirt.sent(100)
    await check({ web })
    assert.ok((await api('DELETE', `/v1/bindings/${nic.id}`)).status < 300)
    await comes('api', moved)
    await check({ web, api: moved })
    await stop('api')
    // Nobody is there who could say whose its new device is.
    await kill(service)
    assert.match(await refusedStart('api'), /no service has been heard/)
    await libvirt.reset()
    await comes('web', web)
    await check({ web })
  })
})
