/** What cannot be enforced closes its interface and no other; devices come, go, and change; told with packets. */
import assert from 'node:assert/strict'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { closed, createHost, type Host, open, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'

describe('contained', { skip: noLab }, () => {
  let host: Host
  let service: Service | undefined
  let refusing: string
  let nft: string
  before(async () => {
    host = await createHost('cnt')
    refusing = join(host.folder, 'refusing')
    nft = join(host.folder, 'nft')
    // An nft that refuses every transaction about port 6666, as the real one refuses what it does not know.
    await writeFile(
      nft,
      `#!/bin/sh
refuse() { [ -e ${refusing} ] && case "$1" in *'dport 6666'*) echo 'Error: Could not process rule: Operation not supported' >&2;; *) false;; esac; }
if [ "$1" = -i ]; then
  while read -r line; do refuse "$line" || printf '%s\\n' "$line"; done | nft -i
  exit
fi
case "$*" in *-f*) ;; *) exec nft "$@";; esac
script=$(cat)
if refuse "$script"; then exit 1; fi
printf '%s\\n' "$script" | nft "$@"
`,
    )
    await chmod(nft, 0o755)
  })
  after(() => host?.remove())
  afterEach(async () => {
    await service?.stop()
    service = undefined
    await rm(refusing, { force: true })
    await rm(join(host.folder, 'data'), { recursive: true, force: true })
    const { stdout } = await host.inRouter(['nft', 'list', 'tables'])
    for (const [, name = ''] of stdout.matchAll(/^table (\w+ portcullis\S*)$/gm)) {
      await host.inRouter(['nft', 'delete', 'table', ...name.split(' ')])
    }
  })

  const all = [{ device: 'tap1i0' }, { device: 'tap2i0' }, { device: 'tap2i1' }]
  async function start(interfaces: Record<string, unknown>[], ...more: string[]): Promise<Service> {
    const inventory = await host.describe(interfaces)
    service = await host.serve([
      ...[...host.flags, '--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory],
      ...more,
    ])
    return service
  }
  const ask = async (path: string) => {
    const answer = await fetch(`${service?.url}${path}`, { headers: { authorization: 'Bearer token' } })
    return { status: answer.status, text: await answer.text() }
  }
  const json = async (path: string) => JSON.parse((await ask(path)).text)
  /** A tenant is not told of devices: they are named by what the inventory says of them. */
  async function placements() {
    const found: { device: string; state: string; error: string | null }[] = []
    for (const { id, interfaces } of (await json('/v1/servers')).servers) {
      // Each interface is a server's own.
      for (const { state, error } of interfaces) {
        found.push({ device: all[Number(id.at(-1)) - 1]?.device ?? '', state, error })
      }
    }
    return found
  }
  const states = async () => {
    const interfaces = await placements()
    return Object.fromEntries(interfaces.map(({ device, state }) => [device, state]))
  }
  async function become(wanted: Record<string, string>): Promise<void> {
    const deadline = Date.now() + 15_000
    for (;;) {
      const found = await states()
      if (Object.entries(wanted).every(([device, state]) => found[device] === state)) return
      assert.ok(Date.now() < deadline, JSON.stringify(found))
    }
  }
  const server = (n: number) => `00000000-0000-4000-8000-00000000000${n}`
  async function chain(n: number, ...rules: Record<string, string>[]): Promise<void> {
    const answer = await fetch(`${service?.url}/1.3/server/${server(n)}/firewall_rule`, {
      method: 'PUT',
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      body: JSON.stringify({ firewall_rules: { firewall_rule: rules } }),
    })
    assert.equal(answer.status, 204, await answer.text())
  }
  const poison = {
    ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' },
    ...{ destination_port_start: '6666', destination_port_end: '6666' },
  }
  /** Of the ways that begin or end at VM one, none; VM two is not concerned. */
  const oneClosed = (now: Record<string, number>) => Object.values(now).every((count) => count === 0)

  test('a policy that nft refuses: its interface is closed both ways, the others go on, and it recovers', async () => {
    await start(all, '--nft', nft)
    await host.until((now) => Object.values(now).every((count) => count === 3))
    await writeFile(refusing, '')
    await chain(1, poison)
    await host.until(oneClosed)
    // A change of another interface is enforced beside it.
    await chain(2, { direction: 'out', action: 'drop' })
    const rules = async () => (await host.inRouter(['nft', 'list', 'table', 'inet', 'portcullis'])).stdout
    const deadline = Date.now() + 10_000
    while (!/chain policy\.\S+\.out \{\n\t\tmeta mark set 0x[0-9a-f]{8} goto denied\.out/.test(await rules()))
      assert.ok(Date.now() < deadline, await rules())
    await become({ tap1i0: 'failing', tap2i0: 'applied', tap2i1: 'applied' })
    const failing = (await placements()).find((each) => each.device === 'tap1i0')
    assert.match(failing?.error ?? '', /^its rules cannot be put in force/)
    assert.doesNotMatch(JSON.stringify(await json('/v1/servers')), /not supported|stdin/)
    assert.deepEqual(await json('/readyz'), {
      status: 'degraded',
      reasons: ['1 of 3 interfaces cannot be enforced'],
    })
    const { text } = await ask('/metrics')
    assert.match(text, /portcullis_interfaces\{host="kvm",state="failing"\} 1/)
    assert.match(text, /portcullis_interface_failing\{[^}]*device="tap1i0"\} 1/)
    const told =
      service
        ?.stderr()
        .split('\n')
        .filter((line) => line.includes('"interface fails"')) ?? []
    assert.equal(told.length, 1, told.join('\n'))
    assert.match(told[0] ?? '', /tap1i0.*not supported/)
    await chain(1)
    await host.until((now) => now.in === 3 && now.out === 3)
    await service?.says(/interface fails no more/)
    assert.equal((await json('/readyz')).status, 'ready')
  })

  test('refused from the start: the others are enforced, and closed it stays until nft takes it', async () => {
    await start(all, '--nft', nft)
    await chain(1, poison)
    await service?.stop()
    await writeFile(refusing, '')
    await host.inRouter(['nft', 'delete', 'table', 'inet', 'portcullis'])
    await start(all, '--nft', nft)
    await host.until(oneClosed)
    await become({ tap1i0: 'failing', tap2i0: 'applied', tap2i1: 'applied' })
    assert.deepEqual(await host.arriving(), closed)
  })

  test('a host that no interface names: told at once, ready for the first one, and closed', async () => {
    await start(all, '--host', 'kvn')
    await service?.says(/interfaces: none/)
    await service?.says(/no interface is on host kvn: nothing is enforced/)
    const { status, text } = await ask('/readyz')
    assert.deepEqual(
      [status, JSON.parse(text).reasons],
      [200, ['no interface is on host kvn', 'there are warnings in the log']],
    )
    assert.deepEqual(await host.arriving(), closed)
  })

  test('a device that enters a bridge is judged there, and where packets are routed again when it leaves it', async () => {
    const router = async (...command: string[]) => {
      const { status, stderr } = await host.inRouter(['ip', ...command])
      assert.equal(status, 0, stderr)
    }
    const bridged = ['tap1i0', 'tap2i0']
    const leave = async () => {
      for (const device of bridged) await router('link', 'set', device, 'nomaster')
      // The router answered for its address on the bridge as well, with another MAC.
      for (const name of ['web1', 'web2']) await host.inside(name, ['ip', 'neigh', 'flush', 'all'])
    }
    await router('link', 'add', 'br0', 'type', 'bridge')
    await router('link', 'set', 'br0', 'up')
    for (const [name, address] of [
      ['web1', '203.0.113.1/24'],
      ['web2', '203.0.113.2/24'],
    ] as const) {
      await host.inside(name, ['ip', 'addr', 'add', address, 'dev', 'eth0'])
    }
    /** Of five echo requests over the bridge, whether any was answered. */
    const crosses = async () => {
      const command = ['ping', '-n', '-q', '-c', '5', '-i', '0.05', '-W', '0.3', '203.0.113.1']
      return host.inside('web2', command).then(
        () => true,
        () => false,
      )
    }
    const becomes = async (wanted: boolean) => {
      const deadline = Date.now() + 15_000
      while ((await crosses()) !== wanted) assert.ok(Date.now() < deadline, `crosses: ${!wanted}`)
    }
    for (const device of bridged) await router('link', 'set', device, 'master', 'br0')
    await becomes(true)
    await leave()

    await start(all.map((each) => ({ ...each, allowedAddresses: ['203.0.113.0/24'] })))
    await host.until((now) => now.in === 3 && now.between === 3)
    for (const device of bridged) await router('link', 'set', device, 'master', 'br0')
    await becomes(true)
    assert.deepEqual(Object.values(await states()), ['applied', 'applied', 'applied'])
    await chain(1, { direction: 'in', action: 'drop' })
    await becomes(false)
    await leave()
    await chain(1)
    await host.until((now) => now.in === 3)
    assert.deepEqual(Object.values(await states()), ['applied', 'applied', 'applied'])
    // And there again after a restart over what stands.
    await chain(1, { direction: 'in', action: 'drop' })
    for (const device of bridged) await router('link', 'set', device, 'master', 'br0')
    await service?.stop()
    assert.equal(await crosses(), false)
    await start(all.map((each) => ({ ...each, allowedAddresses: ['203.0.113.0/24'] })))
    await become({ tap1i0: 'applied', tap2i0: 'applied' })
    assert.equal(await crosses(), false)
    await chain(1)
    await becomes(true)
    await service?.stop()
    await leave()
    await router('link', 'del', 'br0')
    for (const [name, address] of [
      ['web1', '203.0.113.1/24'],
      ['web2', '203.0.113.2/24'],
    ] as const) {
      await host.inside(name, ['ip', 'addr', 'del', address, 'dev', 'eth0'])
    }
  })

  test('observed, the whole host: nothing is dropped, all is counted, and everything says so', async () => {
    await host.portcullis(['guard', 'up', ...host.flags])
    await start(all.slice(0, 1), '--observe')
    await host.until((now) => Object.values(now).every((count) => count === 3))
    await service?.says(
      /\nobserving, nothing is dropped: nftables on host kvm; interfaces: 1 observing; guarded: nothing\n/,
    )
    await chain(1, { direction: 'in', action: 'drop' }, { direction: 'out', action: 'drop' })
    const deadline = Date.now() + 20_000
    let denials = { ingress: 0, egress: 0 }
    while (denials.ingress < 9 || denials.egress < 6) {
      assert.deepEqual(await host.arriving(), open)
      denials = denialsIn((await ask('/metrics')).text)
      assert.ok(Date.now() < deadline, JSON.stringify(denials))
    }
    assert.deepEqual(await states(), { tap1i0: 'observing' })
    const ready = await json('/readyz')
    assert.deepEqual([ready.status, ready.reasons[0]], ['degraded', 'observing: nothing is dropped'])
    const { text } = await ask('/metrics')
    assert.match(text, /portcullis_observing\{host="kvm"\} 1/)
    assert.match(
      text,
      /portcullis_would_deny_packets_total\{[^}]*device="tap1i0",direction="ingress"\} [1-9]/,
    )
  })

  test('observed, one interface: its guard lets it pass as well, and the others are enforced', async () => {
    await start([{ device: 'tap1i0', observe: true }, { device: 'tap2i0' }, { device: 'tap2i1' }])
    await chain(1, { direction: 'in', action: 'drop' })
    await chain(2, { direction: 'out', action: 'drop' })
    await host.until((now) => now.between === 0)
    assert.deepEqual(await host.arriving(), { ...open, between: 0 })
    assert.deepEqual(await states(), { tap1i0: 'observing', tap2i0: 'applied', tap2i1: 'applied' })
    assert.match((await json('/readyz')).reasons.join(), /nothing is dropped on 1 of 3 interfaces/)
  })

  test('another device under an old name: closed until it has been read, and nothing by the rules of the first', async () => {
    await start(all)
    await host.until((now) => now.in === 3)
    const running = service
    await running?.stop('SIGKILL')
    service = undefined
    // No watcher of ours outlives it.
    const router = host.flags[host.flags.indexOf('--netns') + 1] ?? ''
    const deadline = Date.now() + 10_000
    for (;;) {
      const { stdout } = await host.inRouter(['ip', 'netns', 'pids', router])
      const { stdout: names } = await host.inRouter([
        'ps',
        '-o',
        'args=',
        '-p',
        stdout.trim().split('\n').join(',') || '1',
      ])
      if (!/monitor/.test(names)) break
      assert.ok(Date.now() < deadline, names)
    }
    await host.replug('tap1i0')
    assert.deepEqual(await host.arriving(), closed)
    await start(all)
    await host.until((now) => now.in === 3 && now.out === 3)
    // While it runs, the new one is read within a moment.
    await host.replug('tap1i0')
    await host.until((now) => now.in === 3 && now.out === 3)
  })
})

function denialsIn(metrics: string): { ingress: number; egress: number } {
  const count = (direction: string) =>
    Number(
      new RegExp(`portcullis_would_deny_packets_total\\{[^}]*direction="${direction}"\\} (\\d+)`).exec(
        metrics,
      )?.[1] ?? 0,
    )
  return { ingress: count('ingress'), egress: count('egress') }
}
