/**
 * The process that enforces is killed, hangs, cannot start, and loses its service, as real processes with real packets: what is
 * in force stays so, the API answers, and there are never two.
 */
import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'esbuild'
import { bundling, entryPoints } from '../../build.ts'
import { mustRun } from '../../src/lab/run.ts'
import { outside } from '../../src/lab/topology.ts'
import { createHost, type Host, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const server = '00000000-0000-4000-8000-000000000001'
const address = defaultVms[0]?.nics[0]?.addresses[0] ?? ''

/** Resolves with what `look` finds, when it finds something. */
async function eventually<T>(what: string, look: () => Promise<T | undefined>, ms = 20_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    assert.ok(Date.now() < deadline, what)
    await delay(10)
  }
}

const isAgent = (commandLine: string) => /nftables\/main\.ts|nftables-agent\.js/.test(commandLine)

/** Ids of the processes that enforce for a service, which begin as children of its own. */
async function agentsOf({ child: { pid } }: Service): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const found = await Promise.all(
    children
      .trim()
      .split(' ')
      .map(async (each) => {
        const commandLine = await readFile(`/proc/${each}/cmdline`, 'utf8').catch(() => '')
        return isAgent(commandLine) ? [Number(each)] : []
      }),
  )
  return found.flat()
}

/** The one that enforces, another than those before. */
const agentOf = (service: Service, ...before: number[]): Promise<number> =>
  eventually('no process enforces', async () => {
    const agents = await agentsOf(service)
    assert.ok(agents.length <= 1, `${agents.length} at once`)
    return agents.find((pid) => !before.includes(pid))
  })

const isAlive = async (pid: number): Promise<boolean> =>
  /^State:\s+[^ZX]/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))
const ended = (pid: number, ms: number) =>
  eventually(`process ${pid} lives`, async () => ((await isAlive(pid)) ? undefined : true), ms)

describe('the process that enforces', { skip: noLab }, () => {
  let host: Host
  let inventory: string
  before(async () => {
    host = await createHost('prc')
    inventory = await host.describe([{ device: 'tap1i0' }])
  })
  after(() => host?.remove())
  beforeEach(async () => {
    for (const family of ['inet', 'bridge']) {
      for (const name of ['portcullis', 'portcullis-guard'])
        await host.inRouter(['nft', 'delete', 'table', family, name])
    }
    await rm(join(host.folder, 'data'), { recursive: true, force: true })
  })

  const serve = (...more: string[]) =>
    host.serve([...host.flags, '--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory, ...more])
  const call = (service: Service, method: string, path: string, body?: unknown) =>
    fetch(service.url + path, {
      method,
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  const rules = `/1.3/server/${server}/firewall_rule`
  const rule = (more: object) => ({
    firewall_rule: { direction: 'in', action: 'drop', family: 'IPv4', ...more },
  })
  async function addRule(service: Service, more: object): Promise<void> {
    const answer = await call(service, 'POST', rules, rule(more))
    assert.equal(answer.status, 201, await answer.text())
  }
  /** Echo requests to VM one pass no more; what it sends, and the answers to that, do. */
  async function denyEchoes(service: Service): Promise<void> {
    await addRule(service, { protocol: 'icmp', icmp_type: '8' })
    await host.until((now) => now.in === 0 && now.out === 3)
  }
  const metric = async (service: Service, name: string): Promise<number> => {
    const text = await (await fetch(`${service.url}/metrics`)).text()
    return Number(new RegExp(`^${name}\\{host="kvm"\\} (\\d+)$`, 'm').exec(text)?.[1])
  }
  const reasons = async (service: Service): Promise<[number, string]> => {
    const answer = await fetch(`${service.url}/readyz`)
    return [answer.status, await answer.text()]
  }
  /** Share of echo requests that are answered, of one each 5 ms until `work` is done. */
  async function answeredDuring(
    from: string,
    to: string,
    work: Promise<unknown>,
  ): Promise<{ sent: number; answered: number }> {
    let [sent, answered] = [0, 0]
    let over = false
    void work
      .finally(() => {
        over = true
      })
      .catch(() => {})
    while (!over) {
      const text = await host.inside(from, ['sh', '-c', `ping -n -q -i 0.005 -c 40 -W 1 ${to} || true`])
      const [, out, back] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? []
      sent += Number(out)
      answered += Number(back)
    }
    return { sent, answered }
  }

  test('killed again and again under changes: what is in force stays, the next one goes on, the API answers', async () => {
    const service = await serve()
    await denyEchoes(service)
    let over = false
    const killing = (async () => {
      let last = 0
      for (let n = 0; n < 5; n++) {
        last = await agentOf(service, last)
        await delay(n * 150)
        process.kill(last, 'SIGKILL')
      }
      over = true
    })()
    const changing = (async () => {
      let changes = 0
      for (; !over; changes++) {
        await addRule(service, { protocol: 'tcp', destination_port_start: '7', destination_port_end: '7' })
        const answer = await call(service, 'DELETE', `${rules}/2`)
        assert.equal(answer.status, 204)
        assert.equal((await fetch(`${service.url}/healthz`)).status, 200)
      }
      return changes
    })()
    const [denied, allowed, changes] = await Promise.all([
      answeredDuring(outside.name, address, killing),
      answeredDuring(defaultVms[0]?.name ?? '', outside.ipv4, killing),
      changing,
      killing,
    ])
    assert.ok(
      changes > 3 && denied.sent > 100 && allowed.sent > 100,
      JSON.stringify({ changes, denied, allowed }),
    )
    assert.deepEqual([denied.answered, allowed.answered], [0, allowed.sent])
    await service.says(
      /has ended, and is started again at once.*it was ended by SIGKILL|it was ended by SIGKILL.*is started again at once/,
    )
    // It has resumed whole: the newest change is enforced, and so is the next.
    await eventually('it fails', async () =>
      (await metric(service, 'portcullis_failing')) === 0 ? true : undefined,
    )
    const answer = await call(service, 'DELETE', `${rules}/1`)
    assert.equal(answer.status, 204)
    await host.until((now) => now.in === 3)
    assert.equal((await reasons(service))[0], 200)
    await service.stop()
    assert.equal(service.child.exitCode, 0)
  })

  test('when the service is killed it ends, and leaves the rules in place', async () => {
    const service = await serve()
    await denyEchoes(service)
    const agent = await agentOf(service)
    await service.stop('SIGKILL')
    await ended(agent, 2000)
    const now = await host.arriving()
    assert.deepEqual([now.in, now.out], [0, 3])
    const again = await serve()
    await again.says(/\nenforcing: nftables on host kvm; interfaces: 1 applied/)
    assert.equal((await host.arriving()).in, 0)
    await again.stop()
  })

  test('one that hangs is killed and started again, while the API answers', async () => {
    const service = await serve('--agent-patience-ms', '5000')
    await denyEchoes(service)
    const agent = await agentOf(service)
    process.kill(agent, 'SIGSTOP')
    await addRule(service, { protocol: 'icmp', icmp_type: '13' })
    assert.ok(await isAlive(agent))
    await service.says(/it said nothing for 5 s/)
    await ended(agent, 2000)
    await agentOf(service, agent)
    await eventually('it fails', async () =>
      (await metric(service, 'portcullis_failing')) === 0 ? true : undefined,
    )
    assert.equal((await call(service, 'DELETE', `${rules}/1`)).status, 204)
    await host.until((now) => now.in === 3)
    await service.stop()
  })

  test('while none can be started its host fails with the reason, and what was in force stays', async () => {
    const folder = await mkdtemp(join(host.folder, 'nft-'))
    const nft = join(folder, 'nft')
    await symlink((await mustRun('sh', ['-c', 'command -v nft'])).trim(), nft)
    const service = await serve('--nft', nft)
    await denyEchoes(service)
    await rename(nft, `${nft}.away`)
    process.kill(await agentOf(service), 'SIGKILL')
    await service.says(new RegExp(`${nft} cannot be run: it is not installed`))
    assert.equal(await metric(service, 'portcullis_failing'), 1)
    const [status, text] = await reasons(service)
    assert.equal(status, 200)
    assert.match(text, /the last change could not be applied; what was enforced stays in force/)
    assert.doesNotMatch(text, /nft/)
    assert.deepEqual([(await host.arriving()).in, (await host.arriving()).out], [0, 3])
    assert.equal((await call(service, 'DELETE', `${rules}/1`)).status, 204)
    await rename(`${nft}.away`, nft)
    await host.until((now) => now.in === 3)
    await eventually('it fails', async () =>
      (await metric(service, 'portcullis_failing')) === 0 ? true : undefined,
    )
    await service.stop()
  })

  test('what is asked of all processes of a service it leaves to the service', async () => {
    const service = await serve()
    const agent = await agentOf(service)
    await service.says(/\nenforcing: /)
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(agent, signal)
    await addRule(service, { protocol: 'icmp', icmp_type: '8' })
    await host.until((now) => now.in === 0)
    assert.deepEqual(await agentsOf(service), [agent])
    await service.stop('SIGINT')
    assert.equal(service.child.exitCode, 0)
    await ended(agent, 100)
    assert.equal((await host.arriving()).in, 0)
  })

  test('it is told nothing that is secret, and shows nothing to who lists processes', async () => {
    const service = await serve()
    const agent = await agentOf(service)
    const commandLine = (await readFile(`/proc/${agent}/cmdline`, 'utf8')).split('\0')
    assert.ok(!commandLine.some((each) => /tap|data/.test(each)), commandLine.join(' '))
    const names = (await readFile(`/proc/${agent}/environ`, 'utf8'))
      .split('\0')
      .map((each) => each.split('=')[0])
    assert.deepEqual(
      names.filter((name) => name?.startsWith('PORTCULLIS_')),
      ['PORTCULLIS_AGENT'],
    )
    assert.equal(await readlink(`/proc/${agent}/exe`), await readlink(`/proc/${service.child.pid}/exe`))
    await service.stop()
  })

  test('what is shipped starts its own', async () => {
    const folder = await mkdtemp(join(host.folder, 'dist-'))
    await build({ ...bundling, entryPoints, outdir: folder, splitting: true, chunkNames: 'chunk-[hash]' })
    await copyFile(new URL('../../package.json', import.meta.url), join(host.folder, 'package.json'))
    const service = await host.serve(
      [...host.flags, '--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory],
      { program: join(folder, 'portcullis.js') },
    )
    await denyEchoes(service)
    const agent = await agentOf(service)
    assert.match(await readFile(`/proc/${agent}/cmdline`, 'utf8'), /nftables-agent\.js/)
    await service.stop()
    assert.equal(service.child.exitCode, 0)
  })
})
