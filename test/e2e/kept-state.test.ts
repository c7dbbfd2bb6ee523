/**
 * An agent with the least rights, while it and its service are killed, its host boots, and devices get other owners: what is
 * kept is enforced on devices that are proven, and not one packet passes by rules that are another's.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { mustRun } from '../../src/lab/run.ts'
import { closed, createHost, type Host, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname
const server = '00000000-0000-4000-8000-000000000001'
const [one, two] = defaultVms.map(({ name, nics }) => ({ name, ...nics[0] })) as [Vm, Vm]
interface Vm {
  readonly name: string
  readonly mac: string
  readonly addresses: readonly string[]
}
/** No account of the machine. */
const uid = 61_234
/** What the agent may: one capability, and to be nobody. */
const least = [
  ...['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs'],
  ...['--inh-caps=-all,+net_admin', '--ambient-caps=-all,+net_admin', '--bounding-set=-all,+net_admin'],
]

describe('an agent that starts without its service', { skip: noLab }, () => {
  let host: Host
  let router: string
  let state: string
  let inventory: string
  let token: string
  let operator: string
  let service: Service | undefined
  let url: string
  const agents = new Set<ChildProcess>()

  const within = (): string[] => ['ip', 'netns', 'exec', router]
  async function serve(port = '0'): Promise<void> {
    const data = join(host.folder, 'server')
    service = await host.serve(['--listen', `127.0.0.1:${port}`, '--data', data, '--inventory', inventory], {
      wrapper: within(),
    })
    url = service.url
  }
  /** In the namespace that the service listens in. */
  async function call(method: string, path: string, body: unknown, who: string): Promise<string> {
    const headers = ['-H', `authorization: Bearer ${who}`, '-H', 'content-type: application/json']
    const command = ['curl', '-sS', '--fail-with-body', '-X', method, ...headers, '-d', JSON.stringify(body)]
    return mustRun('ip', [...within().slice(1), ...command, url + path])
  }

  interface Running {
    says(pattern: RegExp, times?: number): Promise<void>
    kill(): Promise<void>
  }
  /** `boot`: as another run of the kernel, by the id that it says. */
  function agent(boot?: string): Running {
    const args = ['--server', url, '--token-file', join(state, 'token'), '--host', 'kvm', '--guard', 'tap*']
    const own = [process.execPath, program, 'agent', ...args, '--state-directory', state]
    const asBooted = [
      ...['unshare', '-m', 'sh', '-c'],
      `mount --bind ${join(host.folder, boot ?? '')} /proc/sys/kernel/random/boot_id && exec "$@"`,
      'sh',
    ]
    const [command = '', ...rest] = [...within(), ...(boot === undefined ? [] : asBooted), ...least, ...own]
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([key]) => !key.startsWith('PORTCULLIS_')),
    )
    const child = spawn(command, rest, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'] })
    agents.add(child)
    let said = ''
    const ended = once(child, 'close')
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        said += text
        child.emit('said')
      })
    return {
      async says(pattern, times = 1) {
        const signal = AbortSignal.timeout(30_000)
        const all = new RegExp(pattern, 'g')
        while ((said.match(all) ?? []).length < times) {
          assert.ok(!signal.aborted && child.exitCode === null, `no ${pattern}: ${said}`)
          await Promise.race([once(child, 'said', { signal }).catch(() => {}), ended])
        }
      },
      async kill() {
        child.kill('SIGKILL')
        await ended
        agents.delete(child)
      },
    }
  }
  async function killService(): Promise<void> {
    await service?.stop('SIGKILL')
    service = undefined
  }
  const link = (...words: string[]) => mustRun('ip', ['-n', router, 'link', ...words])
  /** As after a boot, until the agent starts: nothing of ours stands but what the boot unit loads. */
  async function boot(): Promise<void> {
    for (const name of ['portcullis', 'portcullis-guard']) {
      for (const family of ['inet', 'bridge']) await host.inRouter(['nft', 'delete', 'table', family, name])
    }
    await mustRun('ip', [...within().slice(1), 'nft', '-f', join(state, 'guard.nft')])
    assert.doesNotMatch((await host.inRouter(['nft', 'list', 'tables'])).stdout, /portcullis$/m)
  }
  /** Of the router's end of its cable. */
  async function setAddress(vm: Vm, device: string, address: string): Promise<void> {
    await link('set', 'dev', device, 'address', address)
    await host.inside(vm.name, ['ip', 'neigh', 'flush', 'all'])
  }
  /** Whether VM two is answered by the world. */
  async function twoIsOpen(): Promise<boolean> {
    const text = await host.inside(two.name, [
      'sh',
      '-c',
      'ping -n -q -i 0.05 -c 3 -W 1 198.51.100.10 || true',
    ])
    return / [1-9]\d* received/.test(text)
  }
  async function until(what: string, look: () => Promise<boolean>): Promise<void> {
    for (let n = 0; !(await look()); n++) assert.ok(n < 100, what)
  }
  const asDesired = (now: Record<string, number>) => now.in === 0 && now.out === 3

  before(async () => {
    host = await createHost('kep')
    router = (await mustRun('ip', ['netns', 'list']))
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .find((name) => name.startsWith(`pcl-kep${process.pid % 10_000}-`) && name.endsWith('router')) as string
    await link('set', 'lo', 'up')
    await mustRun('chmod', ['755', host.folder])
    state = join(host.folder, 'state')
    await mkdir(state, { mode: 0o700 })
    await chown(state, uid, uid)
    inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }])
    const data = join(host.folder, 'server')
    await serve()
    const made = await host.portcullis(['operator', 'create', 'ada', '--data', data, '--json'])
    assert.equal(made.status, 0, made.stderr)
    operator = (JSON.parse(made.stdout) as { token: string }).token
    token = (JSON.parse(await call('POST', '/v1/hosts/kvm/credentials', {}, operator)) as { token: string })
      .token
    await writeFile(join(state, 'token'), `${token}\n`, { mode: 0o600 })
    await chown(join(state, 'token'), uid, uid)
    const rule = { direction: 'in', action: 'drop', family: 'IPv4', protocol: 'icmp', icmp_type: '8' }
    await call('POST', `/1.3/server/${server}/firewall_rule`, { firewall_rule: rule }, 'token')
    await writeFile(join(host.folder, 'second-boot'), '11111111-2222-4333-8444-555555555555\n')
    await writeFile(join(host.folder, 'third-boot'), '11111111-2222-4333-8444-666666666666\n')
  })
  afterEach(async () => {
    for (const child of agents) {
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    }
    agents.clear()
    await killService()
  })
  after(() => host?.remove())

  test('both killed, and the agent begun anew alone: the same verdicts, with not a packet in between', async () => {
    const first = agent()
    await first.says(/enforcing: nftables/)
    await host.until(asDesired)
    // Everything that needs rights is had: packet logs, tracked connections, devices, the guard's file.
    const answer = await call('GET', '/v1/hosts?host=kvm', {}, operator)
    const { hosts } = JSON.parse(answer) as { hosts: { warnings: string[] }[] }
    const lacking = hosts[0]?.warnings.filter((each) => !each.startsWith('described by nobody')) ?? []
    // Only root's group may read which tables of the old iptables there are.
    assert.deepEqual(
      lacking.map((each) => /ip6?_tables_names: (Permission denied)/.exec(each)?.[1]),
      ['Permission denied', 'Permission denied', 'Permission denied'],
    )
    const [denied, allowed] = [await host.stream('in'), await host.stream('out')]
    await killService()
    await first.kill()
    const alone = agent()
    await alone.says(/enforcing what was kept until the service is heard/)
    await alone.says(/enforcing: nftables/)
    const before = await allowed.arrived()
    await until('what is allowed comes', async () => (await allowed.arrived()) > before + 100)
    assert.equal(await denied.arrived(), 0)
    await Promise.all([denied.stop(), allowed.stop()])
    assert.ok(await twoIsOpen())
    await alone.kill()
  })

  test('a device that was made again while both were down is closed, though its name is right', async () => {
    const streams = [await host.stream('in'), await host.stream('out')]
    // Another VM's, for all that anybody knows.
    await host.replug('tap1i0')
    const before = await Promise.all(streams.map((each) => each.arrived()))
    const alone = agent()
    await alone.says(/nothing proves that tap1i0 is its device/)
    await until('the other goes on', twoIsOpen)
    assert.deepEqual(await Promise.all(streams.map((each) => each.arrived())), before)
    await Promise.all(streams.map((each) => each.stop()))
    assert.deepEqual(await host.arriving(), closed)

    // libvirt's form of its MAC is the host's own word.
    await setAddress(one, 'tap1i0', `fe${one.mac.slice(2)}`)
    await host.until(asDesired)
    // Another's MAC is none.
    await setAddress(one, 'tap1i0', `fe${two.mac.slice(2)}`)
    await host.until((now) => Object.values(now).every((count) => count === 0))
    // What the service says by name counts, over the connection that stands.
    await serve(new URL(url).port)
    await host.until(asDesired)
    await killService()
    assert.ok(asDesired(await host.arriving()), 'a service that goes changes nothing')
    await host.replug('tap1i0')
    await host.until((now) => Object.values(now).every((count) => count === 0))
    await alone.kill()
  })

  test('after a boot the same numbers and addresses prove nothing', async () => {
    await serve(new URL(url).port)
    const live = agent()
    await host.until(asDesired)
    await killService()
    await live.kill()
    await boot()
    await setAddress(two, 'tap2i0', `fe${two.mac.slice(2)}`)
    const alone = agent('second-boot')
    await alone.says(/nothing proves that tap1i0 is its device/)
    await until('what is proven is enforced', twoIsOpen)
    assert.deepEqual(await host.arriving(), closed)
    await serve(new URL(url).port)
    await host.until(asDesired)
    await killService()
    await alone.kill()
    // What the service said in that boot is good for all of it.
    const again = agent('second-boot')
    await again.says(/enforcing: nftables/)
    await host.until(asDesired)
    await again.kill()
  })

  test('what was kept and is damaged is not used: what stands goes on, and after a boot all is closed', async () => {
    const path = join(state, 'desired')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('"deny"', '"allow"'))
    const alone = agent('second-boot')
    await alone.says(/is not used: line \d+ is damaged/)
    await host.until(asDesired)
    await alone.kill()
    await boot()
    const booted = agent('third-boot')
    await booted.says(/is not used: line \d+ is damaged/)
    assert.deepEqual(await host.arriving(), closed)
    assert.equal(await twoIsOpen(), false)
    await serve(new URL(url).port)
    await host.until(asDesired)
    await booted.kill()
    await killService()
    await rm(path)
  })
})
