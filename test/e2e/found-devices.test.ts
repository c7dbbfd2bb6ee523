/**
 * Interfaces that are found on taps by their MAC, under traffic: taps come, go, come again under the same name as another guest's, get
 * another address, another name, a double, and the agent is killed meanwhile. Not one packet passes by rules of another guest.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { mustRun } from '../../src/lab/run.ts'
import { eventually } from '../support/eventually.ts'
import { type FindingService, startFindingService } from '../support/finding-service.ts'
import { noLab } from '../support/lab.ts'

const [open, shut] = ['52:54:00:00:00:0a', '52:54:00:00:00:0b'] as const
const tapOf = (mac: string) => `fe${mac.slice(2)}`
const guest = '192.0.2.10'
const host = `pcl-found-${process.pid}`
const world = `${host}-w`

describe('interfaces that are found by their MAC', { skip: noLab }, () => {
  let folder: string
  let service: FindingService
  let stream: ChildProcess
  const onHost = (script: string) => mustRun('ip', ['netns', 'exec', host, 'sh', '-euc', script])
  /** A tap as libvirt makes it, and all that is for the guest goes there. */
  const adding = (name: string, mac: string) =>
    `ip tuntap add ${name} mode tap; ip link set ${name} address ${tapOf(mac)} up; ip route replace ${guest} dev ${name}`
  /** One device goes, and in its place another comes at once; of what passed before nothing is counted. */
  const swap = (name: string, mac: string) =>
    onHost(`ip link delete ${name}; nft reset counters table inet seen >/dev/null; ${adding(name, mac)}`)
  async function count(name: 'sent' | 'passed'): Promise<number> {
    return Number(/packets (\d+)/.exec(await onHost(`nft list counter inet seen ${name}`))?.[1])
  }
  /** Answers how many pass of some hundred that are sent from now on. */
  async function passing(): Promise<number> {
    const [sent, passed] = [await count('sent'), await count('passed')]
    await eventually('packets are sent', async () => (await count('sent')) > sent + 100 || undefined)
    return (await count('passed')) - passed
  }
  const opens = () => eventually('packets pass', async () => (await passing()) > 50 || undefined)
  const is = (id: string, state: string, device: string) =>
    eventually(`${id} is ${state} on ${device}`, () => {
      const status = service.statuses.get(id)
      return (status?.state === state && status.device === device) || undefined
    })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-found-'))
    for (const each of [host, world]) await mustRun('ip', ['netns', 'add', each])
    await onHost(`
      sysctl -qw net.ipv4.ip_forward=1
      ip link add uplink type veth peer name eth0 netns ${world}
      ip address add 198.51.100.1/24 dev uplink
      ip link set uplink up
      nft -f - <<'RULES'
      table inet seen {
        counter sent { }
        counter passed { }
        chain before { type filter hook prerouting priority -400; ip daddr ${guest} counter name sent; }
        chain behind { type filter hook forward priority 400; ip daddr ${guest} counter name passed; }
      }
RULES`)
    const inWorld = (...args: readonly string[]) => mustRun('ip', ['-n', world, ...args])
    await inWorld('address', 'add', '198.51.100.10/24', 'dev', 'eth0')
    await inWorld('link', 'set', 'eth0', 'up')
    await inWorld('route', 'add', 'default', 'via', '198.51.100.1')
    service = startFindingService({
      ...{ netns: host, data: folder, guard: ['vnet*'] },
      interfaces: new Map([
        [open, 'allow'],
        [shut, 'deny'],
      ] as const),
    })
    stream = spawn('ip', ['netns', 'exec', world, 'ping', '-n', '-q', '-i', '0.002', guest], {
      stdio: 'ignore',
    })
  })
  after(async () => {
    if (stream) {
      stream.kill('SIGKILL')
      await once(stream, 'close')
    }
    await service?.kill()
    for (const each of [host, world]) await mustRun('ip', ['netns', 'delete', each]).catch(() => {})
    await rm(folder, { recursive: true, force: true })
  })

  test('a tap is closed until its interface is found on it, and its name says nothing of the next one', async () => {
    await eventually('all there is, is said', () => service.changes[0]?.whole)
    await onHost(adding('vnet0', open))
    await opens()
    assert.partialDeepStrictEqual(service.seen.get('vnet0'), {
      ...{ present: true, mac: null, address: tapOf(open), source: 'links', guarded: true },
    })
    await swap('vnet0', shut)
    await is(shut, 'applied', 'vnet0')
    await eventually('the other is nowhere', () => !service.statuses.has(open) || undefined)
    assert.equal(await passing(), 0)
    assert.equal(await count('passed'), 0)
    await swap('vnet0', open)
    await opens()
  })

  test('a tap that gets another address is closed while it has it, whatever the service says', async () => {
    await onHost('ip link set vnet0 address fe:54:00:00:00:99')
    await is(open, 'closed', 'vnet0')
    assert.match(
      service.statuses.get(open)?.error ?? '',
      /nothing on its host says that its MAC is behind vnet0/,
    )
    assert.equal(service.places.get(open), 'vnet0')
    assert.equal(await passing(), 0)
    await onHost(`ip link set vnet0 address ${tapOf(open)}`)
    await opens()
  })

  test('of two taps with one address neither is its interface’s', async () => {
    await onHost(`ip tuntap add vnet1 mode tap; ip link set vnet1 address ${tapOf(open)} up`)
    await is(open, 'closed', 'vnet0')
    assert.equal(await passing(), 0)
    await onHost('ip link delete vnet1')
    await opens()
  })

  test('a tap that gets another name is found there, and one that takes its name is not it', async () => {
    await onHost(
      `ip link set vnet0 down; ip link set vnet0 name vnet7; ip link set vnet7 up; ip route replace ${guest} dev vnet7`,
    )
    await is(open, 'applied', 'vnet7')
    await opens()
    await onHost(`nft reset counters table inet seen >/dev/null; ${adding('vnet0', shut)}`)
    await is(shut, 'applied', 'vnet0')
    assert.equal(await passing(), 0)
    await onHost('ip link delete vnet7')
    await swap('vnet0', open)
    await opens()
  })

  test('an agent that is killed in between lets nothing pass by what it had found, and leaves what stays', async () => {
    await service.kill()
    assert.ok((await passing()) > 50)
    await swap('vnet0', shut)
    assert.equal(await passing(), 0)
    service.start()
    await is(shut, 'applied', 'vnet0')
    assert.equal(await passing(), 0)
    assert.equal(await count('passed'), 0)
    await swap('vnet0', open)
    await opens()
    await service.kill()
    await onHost('nft reset counters table inet seen >/dev/null')
    service.start()
    await eventually('it has read what there is', () => service.changes[0]?.whole)
    await is(open, 'applied', 'vnet0')
    await passing()
    const [sent = 0, passed = 0] = [
      ...(await onHost('nft list counters table inet seen')).matchAll(/packets (\d+)/g),
    ].map(([, packets]) => Number(packets))
    // One may be between the two.
    assert.ok(sent - passed < 3, `${passed} of ${sent} passed`)
  })

  test('very many that come at once are all said', async () => {
    const many = Array.from({ length: 100 }, (_, n) => `vnet${1000 + n}`)
    await onHost(many.map((name) => `ip tuntap add ${name} mode tap`).join('\n'))
    await eventually('all are said', () => many.every((name) => service.seen.get(name)?.present) || undefined)
    assert.equal((await passing()) > 50, true)
    await onHost(many.map((name) => `ip link delete ${name}`).join('\n'))
    await eventually('none is left', () => !many.some((name) => service.seen.has(name)) || undefined)
  })
})
