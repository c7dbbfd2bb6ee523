/** From real packets to what owners see of them: counters of a policy that two VMs share, and decisions, as they come. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { eventsOf } from '../../src/cli/event-stream.ts'
import { outside } from '../../src/lab/topology.ts'
import { noLab, openLab, type TestLab } from '../support/lab.ts'
import { credentials } from '../support/lab-topology.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname
/** Bytes of each datagram that is sent. */
const size = 20 + 8 + 1
const zone = '/instance/v1/zones/fr-par-1'
const stranger = 'a-stranger'

describe('what owners see of their packets', { skip: noLab, timeout: 180_000 }, () => {
  let lab: TestLab
  before(async () => {
    lab = await openLab([], false)
    // Another tenant, and a VM that is only observed.
    const path = join(lab.lab().directory, 'inventory.yaml')
    const inventory = JSON.parse(await readFile(path, 'utf8'))
    for (const server of inventory.accounts[0].servers)
      if (server.name === 'vps2') for (const nic of server.interfaces) nic.observe = true
    inventory.accounts.push({ name: 'other', credentials: [{ token: stranger }] })
    await writeFile(path, JSON.stringify(inventory))
    await lab.restart()
  })
  after(() => lab?.close())

  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await lab.api(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const get = (path: string, token: string = credentials.token, accept = 'application/json', more = {}) =>
    fetch(`${lab.lab().service.url}${path}`, {
      headers: { authorization: `Bearer ${token}`, accept },
      ...more,
    })
  const addressOf = (name: string) => lab.vm(name).nics[0]?.addresses[0] ?? ''
  /** So many datagrams from the world, each of a connection of its own. */
  const send = (name: string, port: number, count = 1) =>
    lab.inside(outside.name, [
      'bash',
      '-c',
      `for n in $(seq ${count}); do echo > /dev/udp/${addressOf(name)}/${port}; done 2> /dev/null || true`,
    ])
  interface Step {
    readonly text: string
    readonly rule: string | null
    readonly decidedBy: { readonly kind: string }
    readonly packets: number
    readonly bytes: number
    readonly lastHit: string | null
    readonly total: { readonly packets: number; readonly bytes: number } | null
  }
  const stepsOf = async (name: string): Promise<readonly Step[]> =>
    (await call('GET', `/v1/servers/${lab.vm(name).server}/rules`)).interfaces[0].ingress
  /** Packets of a VM's own and of all that share the policy: of the rule for each port, and what no rule meets. */
  async function countsOf(name: string): Promise<Record<string, readonly [number, number | undefined]>> {
    const steps = await stepsOf(name)
    const some = steps.flatMap((step) => {
      const [, port] = /port (\d+)/.exec(step.text) ?? []
      const what = step.decidedBy.kind === 'default' ? 'default' : port
      if (what === undefined) return []
      assert.equal(step.bytes, step.packets * size, step.text)
      assert.equal(step.lastHit !== null, step.packets > 0, step.text)
      return [[what, [step.packets, step.total?.packets] as const] as const]
    })
    return Object.fromEntries(some)
  }
  async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
    const deadline = Date.now() + 30_000
    for (;;) {
      const answer = await ask()
      if (done(answer)) return answer
      assert.ok(Date.now() < deadline, JSON.stringify(answer))
      await delay(20)
    }
  }
  const awaitCounts = async (name: string, wanted: Awaited<ReturnType<typeof countsOf>>): Promise<void> => {
    await until(
      () => countsOf(name),
      (now) => Object.entries(wanted).every(([what, [own]]) => (now[what]?.[0] ?? 0) >= own),
    )
    assert.deepEqual(await countsOf(name), wanted)
  }
  const portcullis = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [program, ...args], { env: environment() })).stdout
  const environment = () => ({
    ...{ PATH: process.env.PATH },
    ...{ PORTCULLIS_URL: lab.lab().service.url, PORTCULLIS_TOKEN: credentials.token },
  })
  interface Decision {
    readonly serverName: string
    readonly outcome: string
    readonly observed: boolean
    readonly level: string
    readonly decidedBy: { readonly kind: string; readonly rule?: string }
    readonly position: number | null
    readonly packet: {
      readonly source: string
      readonly sourcePort: number
      readonly destinationPort: number
    }
  }
  const decisionsOf = async (name: string): Promise<readonly Decision[]> =>
    (await call('GET', `/v1/decisions?server=${lab.vm(name).server}`)).decisions
  /** Sends one datagram after the other until one is told of: a log is not read from the beginning on. */
  async function tell(name: string, port: number): Promise<number> {
    let sent = 0
    await until(
      async () => {
        await send(name, port)
        sent++
        await delay(50)
        return decisionsOf(name)
      },
      (told) => told.some(({ packet }) => packet.destinationPort === port),
    )
    return sent
  }

  test('counters of two VMs in one group; decisions, from the packet to the screen; nothing for others', async (t) => {
    const { id } = (
      await call('POST', `${zone}/security_groups`, {
        ...{ name: 'shared', stateful: true, inbound_default_policy: 'drop' },
      })
    ).security_group
    const rule = (action: string, port: number) => ({
      ...{ protocol: 'UDP', direction: 'inbound', action, ip_range: '0.0.0.0/0', dest_port_from: port },
    })
    for (const name of ['scw1', 'scw2'])
      await call('PATCH', `${zone}/servers/${lab.vm(name).server}`, { security_group: { id } })
    await call('PUT', `${zone}/security_groups/${id}/rules`, {
      rules: [rule('accept', 5000), rule('drop', 23), rule('accept', 6000)],
    })
    await lab.enforced()
    await send('scw1', 5000, 3)
    await send('scw2', 5000, 4)
    await send('scw1', 9999, 2)
    let dropped = await tell('scw1', 23)
    const unhit = { 6000: [0, 0] } as const
    const wanted = () => ({
      scw1: { 5000: [3, 7], 23: [dropped, dropped], ...unhit, default: [2, undefined] } as const,
      scw2: { 5000: [4, 7], 23: [0, dropped], ...unhit, default: [0, undefined] } as const,
    })
    await awaitCounts('scw1', wanted().scw1)
    await awaitCounts('scw2', wanted().scw2)

    // As events, by the command, and as JSON.
    const open = new AbortController()
    const { signal } = open
    let child: ChildProcess | undefined
    try {
      const follow = async (token: string) =>
        eventsOf(await get('/v1/decisions', token, 'text/event-stream', { signal }))
      const [own, foreign] = [await follow(credentials.token), await follow(stranger)]
      const nothing = foreign.next()
      child = spawn(process.execPath, [program, 'decisions', '--follow', '--server', 'scw1'], {
        ...{ env: environment(), stdio: ['ignore', 'pipe', 'inherit'] },
      })
      assert.ok(child.stdout)
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      // Until it follows.
      let first: IteratorResult<string> | undefined
      const heard = lines.next().then((line) => {
        first = line
      })
      for (const deadline = Date.now() + 30_000; first === undefined; ) {
        assert.ok(Date.now() < deadline, 'nothing is followed')
        await send('scw1', 23)
        dropped++
        await Promise.race([heard, delay(300)])
      }
      const rules = await stepsOf('scw1')
      const dropping = rules.find(({ text }) => text.includes('port 23'))?.rule ?? ''
      assert.notEqual(dropping, '')
      assert.match(
        first.value ?? '',
        new RegExp(
          `scw1/\\S+ ingress denied udp ${outside.ipv4}:\\d+ > .*:23, 29 bytes.*\\(rule ${dropping}\\)$`,
        ),
      )
      const latencies: number[] = []
      for (let n = 0; n < 5; n++) {
        const before = performance.now()
        await send('scw1', 23)
        dropped++
        const line = await Promise.race([lines.next(), delay(10_000, undefined, { signal, ref: false })])
        assert.ok(line, 'it was not told in 10 s')
        latencies.push(Math.round(performance.now() - before))
      }
      t.diagnostic(`from before a packet is sent to its line, ms: ${latencies.join(' ')}`)
      const { value } = await own.next()
      assert.ok(value)
      const event = JSON.parse(value.data) as Decision
      assert.deepEqual(
        [event.serverName, event.outcome, event.decidedBy.rule, event.position],
        ['scw1', 'denied', dropping, 2],
      )
      const [newest] = await decisionsOf('scw1')
      assert.ok(newest)
      assert.deepEqual([newest.decidedBy, newest.packet.destinationPort], [event.decidedBy, 23])
      const { source, sourcePort } = newest.packet
      const traced = JSON.parse(
        await portcullis(
          ...[
            'trace',
            'scw1',
            'ingress',
            'udp',
            `${source}:${sourcePort}`,
            `${addressOf('scw1')}:23`,
            '--json',
          ],
        ),
      )
      assert.deepEqual([traced.action, traced.decidedBy.rule], ['deny', newest.decidedBy.rule])

      // A stranger sees nothing, and is not told that there is anything.
      assert.equal((await get(`/v1/servers/${lab.vm('scw1').server}/rules`, stranger)).status, 404)
      assert.equal((await get(`/v1/decisions?server=${lab.vm('scw1').server}`, stranger)).status, 404)
      assert.deepEqual(await (await get('/v1/decisions', stranger)).json(), { decisions: [] })
      assert.equal(await Promise.race([nothing, 'nothing']), 'nothing')
      nothing.catch(() => {})
    } finally {
      open.abort()
      child?.kill('SIGKILL')
    }
    await awaitCounts('scw1', wanted().scw1)
    const listed = await portcullis('rules', 'scw1', '--direction', 'ingress')
    assert.match(listed, / 3 +87 +\S+Z +.*port 5000.*; 7 packets where its policy is shared/)
    assert.match(listed, / 0 +0 +never +.*port 6000/)
    const unused = await portcullis('rules', 'scw1', '--direction', 'ingress', '--unused', '1')
    // It is not a day old.
    assert.doesNotMatch(unused, /port (?:5000|23|6000)/)

    // Whoever dies, nothing is lost, and nothing is counted twice.
    const { pid } = lab.lab().service
    const agents = async () => (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim()
    const agent = await agents()
    process.kill(Number(agent), 'SIGKILL')
    await send('scw1', 23, 2)
    dropped += 2
    await until(agents, (now) => now !== '' && now !== agent)
    await awaitCounts('scw1', wanted().scw1)
    await lab.kill()
    await send('scw1', 23, 3)
    dropped += 3
    await lab.restart()
    await awaitCounts('scw1', wanted().scw1)
    await awaitCounts('scw2', wanted().scw2)
  })

  const hostup = async (vmid: number, rules: readonly object[]) => {
    const path = `/api/vm/${vmid}/firewall`
    for (const each of rules.toReversed())
      await call('POST', path, {
        ...{ type: 'in', proto: 'udp', source: '', comment: '', enable: 1 },
        ...each,
      })
    await call('PUT', `${path}/options`, { enable: 1, policy_in: 'DROP' })
    await lab.enforced()
  }

  test('HostUp: what a rule with a level lets pass is told, and without one it is not', async () => {
    await hostup(10000, [
      { action: 'ACCEPT', dport: '5353', log: 'info' },
      { action: 'ACCEPT', dport: '5354', log: 'nolog' },
      { action: 'ACCEPT', dport: '5355', log: 'warning' },
    ])
    await tell('vps1', 5353)
    await send('vps1', 5354, 3)
    await tell('vps1', 5355)
    const told = await decisionsOf('vps1')
    const levels = new Set(
      told.map(({ outcome, level, packet }) => `${outcome} ${packet.destinationPort} ${level}`),
    )
    assert.deepEqual([...levels].sort(), ['allowed 5353 info', 'allowed 5355 warning'])
    const counts = await countsOf('vps1')
    assert.equal(counts[5354]?.[0], 3)
  })

  test('an observed interface counts and tells what would have been dropped, and lets it pass', async () => {
    await hostup(10001, [{ action: 'DROP', dport: '23' }])
    const { arrived } = await lab.send('outside', 'vps2', 'udp/23')
    assert.ok(arrived)
    const sent = await tell('vps2', 23)
    const told = (await decisionsOf('vps2')).filter(({ packet }) => packet.destinationPort === 23)
    assert.deepEqual(
      new Set(told.map(({ outcome, observed, decidedBy }) => `${outcome} ${observed} ${decidedBy.kind}`)),
      new Set(['denied true rule']),
    )
    const now = await until(
      () => stepsOf('vps2'),
      (steps) => steps.some(({ text, packets }) => text.includes('port 23') && packets >= sent + 1),
    )
    assert.equal(now.find(({ text }) => text.includes('port 23'))?.packets, sent + 1)
    assert.match(await portcullis('decisions', '--server', 'vps2'), / passed, would be denied udp /)
  })
})
