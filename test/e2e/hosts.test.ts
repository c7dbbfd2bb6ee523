/**
 * Two hosts, two services over one PostgreSQL, an agent on each host, all with the least rights, and everything that can happen to
 * them under traffic: nothing passes that must not, what may pass goes on, every service gives the same answer, and a change
 * reaches both hosts when the trouble is over.
 */
import assert from 'node:assert/strict'
import { chmod, chown, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { spoken } from '../../src/agent/versions.ts'
import { mustRun } from '../../src/lab/run.ts'
import { noOpenssl } from '../support/certificates.ts'
import { noLab, noLabOr } from '../support/lab.ts'
import { noCluster } from '../support/postgresql.ts'
import { remote } from '../support/remote.ts'
import type { Talks } from '../support/talker-child.ts'
import {
  createTwoHosts,
  eventually,
  type HostName,
  hosts,
  services,
  type TwoHosts,
  users,
  vms,
  worldAddress,
} from '../support/two-hosts.ts'
import type { Target } from '../support/world-child.ts'

const [vm1, vm2, vm3] = vms
const skip =
  noLab ||
  noCluster ||
  noOpenssl ||
  (await noLabOr({ setpriv: 'util-linux', gcc: 'gcc', conntrack: 'conntrack' }))

/** From the world, from the other VM, to the world: those that always may, and those that never may. */
const may = { in: 1000, between: 1010, out: 1020 } as const
const mayNot = { in: 1001, between: 1011, out: 1021 } as const
/** The only one of those from here on that comes in; it moves up with each change. */
const firstPort = 2000

interface HostSaid {
  readonly host: string
  readonly state: string
  readonly agent: { readonly connected: boolean }
}

/** For JSON: numbers that go on by themselves are left out. */
const said = (key: string, value: unknown): unknown =>
  /^(connections|denials|unanswered)$/.test(key) ? undefined : value

interface Made {
  readonly server: string
  readonly nic: string
}

describe('two hosts', { skip, timeout: 900_000 }, () => {
  let lab: TwoHosts
  let policy: string
  let port = firstPort
  const made = new Map<string, Made>()
  const secrets = new Map<HostName, { readonly id: string; readonly token: string }>()
  /** What the world sends beside. */
  let beside: readonly Target[] = []
  /** How many had come to a port, by VM, when it was closed. */
  const frozen = new Map<string, number>()

  const allow = (more: object) => ({ action: 'allow', direction: 'ingress', protocol: 'udp', ...more })
  const rules = () => [
    { action: 'deny', direction: 'egress', protocol: 'udp', destinationPorts: [String(mayNot.out)] },
    ...[may.in, may.between, port].map((each) => allow({ destinationPorts: [String(each)] })),
  ]
  async function makeServer(vm: (typeof vms)[number], of: string): Promise<Made> {
    const nic = { mac: vm.mac, addresses: [vm.address] }
    const server = await lab.must('POST', '/v1/servers', {
      profile: 'native',
      name: vm.name,
      interfaces: [nic],
    })
    const [{ id }] = server.interfaces
    await lab.must('POST', `/v1/policies/${of}/attachments`, { server: server.id, interface: id })
    made.set(vm.name, { server: server.id, nic: id })
    return { server: server.id, nic: id }
  }
  const bind = (vm: (typeof vms)[number], host: HostName) =>
    lab.must('PUT', `/v1/bindings/${made.get(vm.name)?.nic}`, { host, device: vm.device })
  async function newToken(host: HostName): Promise<void> {
    const { id, token } = await lab.must('POST', `/v1/hosts/${host}/credentials`, {})
    secrets.set(host, { id, token })
    await writeFile(lab.tokenFile(host), `${token}\n`, { mode: 0o600 })
    await chown(lab.tokenFile(host), users.agent, users.agent)
  }

  async function send(): Promise<void> {
    const to = (address: string, ...ports: number[]): Target[] =>
      ports.map((each) => ({ address, port: each }))
    const changing = [port - 1, port, port + 1].filter((each) => each >= firstPort)
    const both = [vm1, vm2].flatMap(({ address }) => to(address, may.in, mayNot.in, ...changing))
    await lab.world.aim([...both, ...beside])
    for (const [from, other] of [
      [vm1, vm2],
      [vm2, vm1],
    ] as const)
      await lab
        .inVm(from)
        .aim([...to(other.address, may.between, mayNot.between), ...to(worldAddress, may.out, mayNot.out)])
  }
  /** Lets the next port in and the one before no more; resolves when that is acknowledged. */
  async function change(): Promise<void> {
    for (const { name } of [vm1, vm2])
      assert.equal((await lab.arrived(name)).get(port + 1), undefined, `${name} is open already`)
    port++
    await lab.must('PUT', `/v1/policies/${policy}/rules`, { rules: rules() })
    await send()
  }
  /** Waits until the change is in force on both hosts; nothing may come to the port before from then on. */
  async function reached(): Promise<void> {
    for (const { name } of [vm1, vm2]) {
      const now = await eventually(
        () =>
          `the change does not reach ${name}: ${[...lab.running.values()].map((each) => each.said()).join('\n')}`,
        async () => {
          const counts = await lab.arrived(name)
          return counts.get(port) ? counts : undefined
        },
      )
      frozen.set(`${name} ${port - 1}`, now.get(port - 1) ?? 0)
    }
  }
  /** Milliseconds from now until the change is in force on both hosts, for people. */
  async function reachedIn(t: { diagnostic(text: string): void }, since: string): Promise<void> {
    const began = performance.now()
    await reached()
    t.diagnostic(`the change was in force ${Math.round(performance.now() - began)} ms after ${since}`)
  }

  /** What must not come has not, and of what may come nothing was lost, in all that was sent until now. */
  async function nothingWrong(): Promise<void> {
    await lab.world.aim([])
    for (const vm of [vm1, vm2]) await lab.inVm(vm).aim([])
    const sent = async () => ({
      world: await lab.world.sent(),
      vm1: await lab.inVm(vm1).sent(),
      vm2: await lab.inVm(vm2).sent(),
    })
    const all = await eventually(
      () => 'what was sent does not come to rest',
      async () => {
        const first = await sent()
        const second = await sent()
        return JSON.stringify(first) === JSON.stringify(second) ? second : undefined
      },
    )
    const [inVm1, inVm2, inWorld] = await Promise.all(['vm1', 'vm2', 'world'].map(lab.arrived))
    const outcome = { arrived: {} as Record<string, number>, wrong: {} as Record<string, number> }
    const expected: Record<string, number> = {}
    for (const [name, arrived, from, other] of [
      ['vm1', inVm1, all.world[`${vm1.address}:${may.in}`], all.vm2[`${vm1.address}:${may.between}`]],
      ['vm2', inVm2, all.world[`${vm2.address}:${may.in}`], all.vm1[`${vm2.address}:${may.between}`]],
    ] as const) {
      expected[`${name} in`] = from ?? 0
      expected[`${name} between`] = other ?? 0
      outcome.arrived[`${name} in`] = arrived?.get(may.in) ?? 0
      outcome.arrived[`${name} between`] = arrived?.get(may.between) ?? 0
      for (const [which, each] of Object.entries(mayNot)) {
        const count = arrived?.get(each)
        if (count) outcome.wrong[`${name} ${which}`] = count
      }
      for (let each = firstPort; each < port; each++) {
        const known = frozen.get(`${name} ${each}`)
        const more = (arrived?.get(each) ?? 0) - (known ?? 0)
        if (known !== undefined && more > 0) outcome.wrong[`${name} ${each}`] = more
      }
    }
    const out = `${worldAddress}:${may.out}`
    expected.out = (all.vm1[out] ?? 0) + (all.vm2[out] ?? 0)
    outcome.arrived.out = inWorld?.get(may.out) ?? 0
    const wrong = inWorld?.get(mayNot.out)
    if (wrong) outcome.wrong.out = wrong
    assert.deepEqual(outcome, { arrived: expected, wrong: {} })
    assert.ok(Object.values(expected).every((count) => count > 20))
    await send()
  }
  /** Every service that runs says the same of both hosts, and it is this. */
  async function oneAnswer(state = 'applied'): Promise<void> {
    const up = services.filter((n) => lab.running.has(`service ${n}`))
    const read = async (n: number) => {
      const [all, ...servers] = await Promise.all([
        lab.ask(n, 'GET', '/v1/hosts'),
        ...[vm1, vm2].map(({ name }) => lab.ask(n, 'GET', `/v1/servers/${made.get(name)?.server}`)),
      ])
      const ready = await lab.ask(n, 'GET', '/readyz')
      const metrics = await lab.ask(n, 'GET', '/metrics')
      const failing = hosts.map((host) =>
        Number(
          new RegExp(`^portcullis_failing\\{host="${host}"\\} (\\d)$`, 'm').exec(metrics.body)?.[1] ?? 'NaN',
        ),
      )
      return { all, servers, ready: ready.status, failing }
    }
    let last: Awaited<ReturnType<typeof read>>[] = []
    await eventually(
      () => `they do not agree: ${JSON.stringify(last)}`,
      async () => {
        last = await Promise.all(up.map(read))
        const [first] = last
        const answers = new Set(last.map(({ all, servers }) => JSON.stringify([all, servers], said)))
        const both = first?.all.body.hosts as HostSaid[] | undefined
        const states = both?.map((each) => [each.host, each.state, each.agent.connected])
        const wanted = hosts.map((host) => [host, state, true])
        const caughtUp = first?.servers.every(({ body }) =>
          body.interfaces.every(
            (nic: { state: string; appliedGeneration: number; desiredGeneration: number }) =>
              nic.state === 'applied' && nic.appliedGeneration >= nic.desiredGeneration,
          ),
        )
        // Each host is of one process in what is measured.
        const measured = hosts.every(
          (_, index) => last.filter(({ failing }) => failing[index] === 0).length === 1,
        )
        const good = answers.size === 1 && caughtUp && measured && last.every(({ ready }) => ready === 200)
        return good && JSON.stringify(states) === JSON.stringify(wanted) ? true : undefined
      },
    )
  }

  before(async () => {
    lab = await createTwoHosts()
    await lab.serve(1)
    await lab.serve(2)
    lab.actAs((await lab.must('POST', '/v1/accounts', { name: 'a' })).id)
    policy = (await lab.must('POST', '/v1/policies', { name: 'both', rules: rules() })).id
    for (const vm of [vm1, vm2]) await makeServer(vm, policy)
    await bind(vm1, 'kvm1')
    await bind(vm2, 'kvm2')
    for (const host of hosts) {
      await newToken(host)
      await lab.agent(host)
    }
    for (const host of hosts) await lab.running.get(`agent ${host}`)?.says(/enforcing: nftables/)
    await send()
    await reached()
  })
  after(() => lab?.remove())

  test('as different users with the least rights: what may come comes, and a change reaches both', async (t) => {
    const rightsOf = async (pid: number | undefined) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      const of = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1]
      const uid = Number(of('Uid')?.split('\t')[0])
      return [uid, ...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => BigInt(`0x${of(set)}`))]
    }
    const netAdmin = 1n << 12n
    for (const n of services)
      assert.deepEqual(await rightsOf(lab.running.get(`service ${n}`)?.child.pid), [
        users.service,
        ...new Array(5).fill(0n),
      ])
    for (const host of hosts)
      assert.deepEqual(await rightsOf(lab.running.get(`agent ${host}`)?.child.pid), [
        users.agent,
        ...new Array(5).fill(netAdmin),
      ])
    await change()
    await reachedIn(t, 'its answer')
    await oneAnswer()
    await nothingWrong()
  })

  test('an agent is killed', async (t) => {
    await lab.running.get('agent kvm1')?.kill()
    await change()
    await lab.agent('kvm1')
    await reachedIn(t, 'its start')
    await oneAnswer()
    await nothingWrong()
  })

  test('a service is killed, and the other; both', async (t) => {
    await lab.running.get('service 1')?.kill()
    await change()
    await reachedIn(t, 'the answer of the other')
    await oneAnswer()
    await lab.serve(1)
    await lab.running.get('service 2')?.kill()
    await change()
    await reachedIn(t, 'the answer of the first')
    await lab.running.get('service 1')?.kill()
    for (const host of hosts) await lab.running.get(`agent ${host}`)?.says(/no connection to the service/)
    await Promise.all(services.map(lab.serve))
    await change()
    await reachedIn(t, 'the answer of those that came back')
    await oneAnswer()
    await nothingWrong()
  })

  test('PostgreSQL ends as in a crash, and is started again', async (t) => {
    lab.database.stop()
    await eventually(
      () => 'it is ready without a store',
      async () => ((await lab.ask(1, 'GET', '/readyz')).status === 503 ? true : undefined),
    )
    lab.database.start()
    await eventually(
      () => 'it is not ready again',
      async () => {
        const ready = await Promise.all(services.map((n) => lab.ask(n, 'GET', '/readyz')))
        return ready.every(({ status }) => status === 200) ? true : undefined
      },
    )
    await change()
    await reachedIn(t, 'its answer')
    await oneAnswer()
    await nothingWrong()
  })

  test('a link is cut and comes back', async (t) => {
    const link = (state: 'up' | 'down') => lab.in('kvm1', ['ip', 'link', 'set', 'mg0', state])
    await link('down')
    await lab.running.get('agent kvm1')?.says(/said nothing for \d+ s/)
    await change()
    await link('up')
    await reachedIn(t, 'the end of the cut')
    await oneAnswer()
    await nothingWrong()
  })

  test('what both say is lost without a word, and is not any more', async (t) => {
    const lost = () =>
      hosts.map(
        (host) =>
          lab.running
            .get(`agent ${host}`)
            ?.said()
            .match(/said nothing/g)?.length ?? 0,
      )
    const before = lost()
    const drop =
      'table inet cut { chain in { type filter hook prerouting priority -500; iifname "m*" drop\n}\n}\n'
    await lab.in('world', ['nft', '-f', '-'], drop)
    for (const [index, host] of hosts.entries())
      await lab.running.get(`agent ${host}`)?.says(/said nothing/, (before[index] ?? 0) + 1)
    await change()
    await lab.in('world', ['nft', 'delete', 'table', 'inet', 'cut'])
    await reachedIn(t, 'the end of the cut')
    await oneAnswer()
    await nothingWrong()
  })

  test('clocks jump by a day, and back', async (t) => {
    for (const seconds of [86_400, -86_400, 0]) {
      await lab.jump(seconds)
      await change()
      await reachedIn(t, `a clock that goes by ${seconds} s`)
      // All of them have seen it: their logs say so.
      const days = [0, 3600].map((more) =>
        new Date(Date.now() + (seconds + more) * 1000).toISOString().slice(0, 10),
      )
      for (const name of ['service 1', 'agent kvm1', 'agent kvm2'])
        await lab.running
          .get(name)
          ?.says(new RegExp(`"time":"(${days.join('|')})T[^\n]*"(changed|enforced)"`))
      await oneAnswer()
    }
    await nothingWrong()
  })

  test('the disk of an agent is full, and has room again', async (t) => {
    const disk = lab.state('kvm2')
    const fill = () => mustRun('sh', ['-c', `cat /dev/zero >> ${disk}/full 2>&- || true`])
    const warned = async () => {
      const { body } = await lab.ask(2, 'GET', '/v1/hosts?host=kvm2')
      return (body.hosts[0].warnings as string[]).some((each) => /kept/.test(each))
    }
    // The last block of what is kept may have room for some.
    await eventually(
      () => 'nothing is said of the disk',
      async () => {
        await fill()
        await change()
        await reached()
        return (await warned()) ? true : undefined
      },
    )
    // What was removed because it is old has made room.
    await fill()
    await oneAnswer()
    await nothingWrong()
    await lab.running.get('agent kvm2')?.kill()
    await lab.agent('kvm2')
    await change()
    await reachedIn(t, 'its answer')
    await mustRun('rm', [`${disk}/full`])
    await eventually(
      () => 'it is not kept again',
      async () => (!(await warned()) && (await readdir(disk)).includes('desired') ? true : undefined),
    )
    await oneAnswer()
    await nothingWrong()
  })

  test('a host’s token is stolen: it shows that host, speaks for no other, opens nothing, and ends when it is revoked', async (t) => {
    const stolen = secrets.get('kvm1')
    assert.ok(stolen)
    const agent = lab.running.get('agent kvm1')
    const pose = async (host: HostName) => lab.world.pose(lab.url('kvm1'), host, stolen.token, lab.ca)
    assert.match(String(await pose('kvm2')), /answered 403/)
    for (const path of [
      '/v1/hosts',
      '/v1/servers',
      '/v1/policies',
      '/v1/bindings',
      '/v1/hosts/kvm1/credentials',
    ]) {
      const headers = { authorization: `Bearer ${stolen.token}` }
      const { status, text } = await lab.world.call(7001, 'GET', path, headers, undefined, lab.ca)
      assert.ok(status === 401 || status === 403, `${path}: ${status} ${text}`)
    }
    const hello = { type: 'hello', versions: spoken, release: '9', instance: 'thief', pid: 1 }
    const heard = (n: number, pattern: RegExp) =>
      eventually(
        () => `it does not hear ${pattern}`,
        async () => {
          const text = await lab.world.heard(n)
          return pattern.test(text) ? text : undefined
        },
      )
    const gone = (n: number) =>
      eventually(
        () => 'it is still there',
        async () => (await lab.world.farewell(n)) ?? undefined,
      )

    const thief = await pose('kvm1')
    assert.equal(typeof thief, 'number', String(thief))
    await lab.world.say(Number(thief), hello)
    await heard(Number(thief), /welcome/)
    await lab.world.say(Number(thief), { type: 'want', since: null })
    const [mine, other] = [made.get('vm1'), made.get('vm2')]
    const seen = await heard(Number(thief), new RegExp(mine?.nic ?? ''))
    for (const secret of [other?.nic, other?.server, vm2.mac, vm2.device])
      assert.ok(secret !== undefined && !seen.includes(secret), `it sees ${secret}`)
    // The host's own agent enforces what it has, whatever the thief says of it.
    const status = {
      ...{ target: 'nftables', observe: false, desiredRevision: 1, appliedRevision: 1, state: 'applied' },
      ...{ error: null, repairs: 0, warnings: [] },
    }
    await lab.world.say(Number(thief), {
      ...{ type: 'status', whole: true, put: [], remove: [] },
      host: { ...status, host: 'kvm2' },
    })
    const { code, reason } = await gone(Number(thief))
    assert.equal(code, 4002)
    assert.match(reason, /speaks for host "kvm2"/)

    const again = await pose('kvm1')
    assert.equal(typeof again, 'number', String(again))
    await lab.world.say(Number(again), hello)
    await heard(Number(again), /welcome/)
    await lab.must('DELETE', `/v1/credentials/${stolen.id}`)
    const revoked = performance.timeOrigin + performance.now()
    const end = await gone(Number(again))
    assert.equal(end.code, 4003)
    t.diagnostic(
      `the thief was cut off ${Math.max(0, Math.round(end.at - revoked))} ms after its credential was revoked`,
    )
    assert.match(String(await pose('kvm1')), /answered 401/)
    await newToken('kvm1')
    await agent?.kill()
    await lab.agent('kvm1')
    await change()
    await reachedIn(t, 'its answer')
    await oneAnswer()
    await nothingWrong()
  })

  test('agents start without services and without their tokens: what was kept is enforced, and goes on when both are there', async (t) => {
    await Promise.all(services.map((n) => lab.running.get(`service ${n}`)?.kill()))
    await Promise.all(hosts.map((host) => lab.running.get(`agent ${host}`)?.kill()))
    await rename(lab.tokenFile('kvm1'), `${lab.tokenFile('kvm1')}.away`)
    await chmod(lab.tokenFile('kvm2'), 0o000)
    const [first, second] = [await lab.agent('kvm1'), await lab.agent('kvm2')]
    await first.says(/--token-file .*: there is no such file/)
    await second.says(/--token-file .*: it cannot be read: EACCES/)
    for (const agent of [first, second]) {
      await agent.says(/enforcing what was kept until the service is heard/)
      await agent.says(/enforcing: nftables/)
    }
    await nothingWrong()
    await Promise.all(services.map(lab.serve))
    await change()
    await rename(`${lab.tokenFile('kvm1')}.away`, lab.tokenFile('kvm1'))
    await chmod(lab.tokenFile('kvm2'), 0o600)
    await reachedIn(t, 'the files were right')
    await oneAnswer()
    await nothingWrong()
  })

  test('a VM moves to another host and back: what it lets go on goes on, and nothing that no rule lets in comes before it speaks', async () => {
    const allow = [{ action: 'allow', direction: 'ingress', protocol: 'tcp', destinationPorts: ['22'] }]
    const { id } = await lab.must('POST', '/v1/policies', { name: 'moving', rules: allow })
    await makeServer(vm3, id)
    await bind(vm3, 'kvm1')
    const [inside, world] = [vm3.name, 'world'].map((name) =>
      remote<Talks>(lab.namespace(name), 'talker-child.ts'),
    )
    assert.ok(inside && world)
    /** Of the VM's, which it has begun; of the world's, which a rule has let in; and one of datagrams, which the VM has begun. */
    const [own, others, datagrams] = ['tcp 9100', 'tcp 22', 'udp'] as const
    const [at, from] = [5000, 6000]
    const speak = (ports: readonly number[]) =>
      lab.inVm(vm3).aim(ports.map((each) => ({ address: worldAddress, port: each, from: at })))
    const counts = async () => {
      const [talked, arrived] = await Promise.all([inside.received(), lab.arrived(vm3.name)])
      return {
        [own]: talked[own] ?? 0,
        [others]: talked[others] ?? 0,
        [datagrams]: arrived.get(at) ?? 0,
        wrong: arrived.get(mayNot.in) ?? 0,
      }
    }
    type Counts = Awaited<ReturnType<typeof counts>>
    /** Waits until the VM has heard more of these. */
    async function goesOn(...names: (keyof Counts)[]): Promise<void> {
      const before = await counts()
      let now = before
      await eventually(
        () => `${names.join(', ')}: ${JSON.stringify({ before, now })}`,
        async () => {
          now = await counts()
          return names.every((name) => (now[name] ?? 0) > (before[name] ?? 0) + 5) ? true : undefined
        },
      )
    }
    const sentToIt = async () => (await lab.world.sent())[`${vm3.address}:${at}`] ?? 0
    /** Waits until none of these comes any more, then for a hundred datagrams more, of which none must come either. */
    async function isOver(...names: (keyof Counts)[]): Promise<void> {
      const some = async (packets: number) => {
        const [first, before] = [await counts(), await sentToIt()]
        await eventually(
          () => 'the world sends nothing',
          async () => ((await sentToIt()) >= before + packets ? true : undefined),
        )
        const second = await counts()
        return names.filter((name) => first[name] !== second[name])
      }
      let going: readonly string[] = []
      await eventually(
        () => `they go on: ${going}`,
        async () => {
          going = await some(5)
          return going.length === 0 ? true : undefined
        },
      )
      assert.deepEqual(await some(100), [])
    }
    const loose = (host: HostName, value: 0 | 1) =>
      lab.in(host, ['sh', '-c', `echo ${value} > /proc/sys/net/netfilter/nf_conntrack_tcp_loose`])
    async function move(to: HostName): Promise<void> {
      const old = to === 'kvm1' ? 'kvm2' : 'kvm1'
      await bind(vm3, to)
      // It is still there, and closed.
      await isOver(own, others, datagrams)
      const known = async () => {
        const listed = ['-s', '-d'].map((which) => lab.in(old, ['conntrack', '-L', which, vm3.address]))
        return (await Promise.all(listed)).join('').trim()
      }
      await eventually(
        () => 'connections are left where it was',
        async () => ((await known()) === '' ? true : undefined),
      )
      // A host that has no device for them would send them back, and track them.
      await lab.route(vm3, null)
      await lab.unplug(vm3, old)
      await lab.plug(vm3, to)
      await lab.route(vm3, to)
    }
    try {
      for (const host of hosts) await loose(host, 1)
      await world.listen(worldAddress, 9100)
      await inside.listen(vm3.address, 22)
      beside = [
        { address: vm3.address, port: mayNot.in },
        { address: vm3.address, port: at, from },
      ]
      await send()
      await speak([from])
      await eventually(
        () => 'it reaches nobody',
        async () =>
          await inside.connect(worldAddress, 9100).then(
            () => true,
            () => undefined,
          ),
      )
      await world.connect(vm3.address, 22)
      await goesOn(own, others, datagrams)
      await speak([])
      await goesOn(datagrams)

      await move('kvm2')
      await goesOn(own, others)
      // Established where it was, and new here, for the peer: no rule lets that in.
      await isOver(datagrams)
      await speak([from])
      await goesOn(own, others, datagrams)
      assert.equal((await counts()).wrong, 0)

      await loose('kvm1', 0)
      await move('kvm1')
      await goesOn(datagrams)
      await isOver(own, others)
      await loose('kvm1', 1)
      await goesOn(own, others, datagrams)
      assert.equal((await counts()).wrong, 0)
    } finally {
      beside = []
      await speak([])
      await Promise.all([inside.end(), world.end()])
    }
    await nothingWrong()
  })
})
