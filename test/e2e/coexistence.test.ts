/**
 * Other firewalls on the host, each by its own programs and with its own rules: while they start, reload and stop, before
 * us, after us and while nobody of ours is there, no packet passes that must not; their rules stay as they are; and who
 * drops what policies let pass is named.
 */
import assert from 'node:assert/strict'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { shippedGuard } from '../../packaging/guard.ts'
import { createHost, type Host, open, type Service, type Stream } from '../support/host.ts'
import { canOwn } from '../support/kernels.ts'
import { noLab } from '../support/lab.ts'
import { firewalls, noFirewalls, openShell, type Shell } from '../support/other-firewalls.ts'

const skip = noLab || (await noFirewalls())
const unowned = !canOwn && 'tables that outlive their owner need Linux 6.9'
const patience = 30_000
const packaged = new URL('../../packaging/root/usr/lib/', import.meta.url).pathname
const dropInFile = await readFile(join(packaged, 'systemd/system/nftables.service.d/portcullis.conf'), 'utf8')

for (const bridged of [false, true])
  describe(`other firewalls on a host whose VMs are ${bridged ? 'bridged' : 'routed'}`, { skip }, () => {
    let host: Host
    let shell: Shell
    const streams: Stream[] = []
    let service: Service | undefined
    /** What counts in the router, which is flushed with all other tables. */
    let counters: string
    before(async () => {
      host = await createHost(bridged ? 'cxb' : 'cxr', { bridged })
      counters = (await host.inRouter(['nft', 'list', 'table', 'inet', 'seen'])).stdout
    })
    after(() => host?.remove())
    beforeEach(async () => {
      shell = await openShell(host.netns)
    })
    afterEach(async () => {
      try {
        for (const each of streams.splice(0)) await each.stop()
        await service?.stop()
        await unownedNow()
      } finally {
        await shell.end()
        await host.inRouter(['nft', '-f', '-'], `flush ruleset\n${counters}`)
        await rm(join(host.folder, 'data'), { recursive: true, force: true })
      }
    })

    /** The process that enforces ends a little after its service, and owns the tables until then. */
    const unownedNow = () =>
      shell.run(
        'n=0; while nft list ruleset | grep -q "flags owner"; do n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done',
      )
    async function start(...flags: string[]): Promise<void> {
      const inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }])
      const enforcing = ['--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory]
      service = await host.serve([...host.flags, ...enforcing, ...flags])
      await service.says(/"msg":"enforced"/)
    }
    /** Pings are denied both ways, and sent without end. */
    async function deny(): Promise<void> {
      const rules = ['in', 'out'].map((direction) => ({
        ...{ direction, action: 'drop', family: 'IPv4', protocol: 'icmp' },
      }))
      const answer = await fetch(
        `${service?.url}/1.3/server/00000000-0000-4000-8000-000000000001/firewall_rule`,
        {
          method: 'PUT',
          headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
          body: JSON.stringify({ firewall_rules: { firewall_rule: rules } }),
        },
      )
      assert.equal(answer.status, 204, await answer.text())
      await host.until((now) => Object.values(now).every((count) => count === 0))
      for (const way of ['in', 'out', 'local', 'between'] as const) streams.push(await host.stream(way))
    }
    const arrived = async () =>
      (await Promise.all(streams.map((each) => each.arrived()))).reduce((sum, each) => sum + each, 0)
    async function nothingArrived(after: string): Promise<void> {
      assert.equal(await arrived(), 0, `packets came that no rule lets pass: ${after}`)
    }
    /** What others have written, without what packets have counted. */
    const theirs = () =>
      shell.run(
        'nft list tables | grep -v portcullis | while read -r _ table; do nft -s list table $table; done; iptables-legacy-save; ip6tables-legacy-save',
      )
    const repairs = async () =>
      Number(
        /^portcullis_repairs_total\{.*\} (\d+)$/m.exec(
          await (await fetch(`${service?.url}/metrics`)).text(),
        )?.[1],
      )
    /** What the host says of itself, as an operator reads it. */
    async function warnings(): Promise<string> {
      const token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()
      const answer = await fetch(`${service?.url}/v1/hosts`, {
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(answer.status, 200)
      return (
        ((await answer.json()) as { hosts: { warnings: string[] }[] }).hosts[0]?.warnings.join('\n') ?? ''
      )
    }
    async function warns(pattern: RegExp, wanted = true): Promise<void> {
      const deadline = Date.now() + patience
      for (;;) {
        const now = await warnings()
        if (pattern.test(now) === wanted) return
        assert.ok(Date.now() < deadline, `${wanted ? '' : 'still '}${pattern}: ${now}`)
        await delay(20)
      }
    }
    /** Does what the package's drop-in for `nftables.service` says, with the guard of this host. */
    async function dropIn(verb: 'Start' | 'Reload' | 'Stop'): Promise<{ status: number; stderr: string }> {
      const called = new RegExp(`^Exec${verb}=/usr/lib/portcullis/(\\S+) '(.+)'$`, 'm').exec(dropInFile)
      const [, program = '', command = ''] = called ?? assert.fail(verb)
      const installed = join(host.folder, 'installed')
      await cp(join(packaged, 'portcullis'), installed, { recursive: true })
      await writeFile(join(installed, 'guard.nft'), shippedGuard)
      const kept = `PORTCULLIS_GUARD_FILE=${join(host.folder, 'data', 'guard.nft')}`
      return await host.inRouter(['env', kept, join(installed, program), command])
    }
    async function mustDropIn(verb: 'Start' | 'Reload' | 'Stop'): Promise<void> {
      const { status, stderr } = await dropIn(verb)
      assert.equal(status, 0, stderr)
    }
    const sysctl = (on: number) =>
      shell.run(
        `for each in iptables ip6tables; do echo ${on} >/proc/sys/net/bridge/bridge-nf-call-$each; done`,
      )

    test('before us, beside us and while we are dead nothing passes, and their rules stay theirs', {
      skip: unowned,
    }, async () => {
      if (bridged) await sysctl(0)
      await start()
      await deny()
      const others = Object.entries(firewalls)
      for (const [name, { start: begin, reload, stop }] of others) {
        for (const command of [begin, reload, stop]) {
          await shell.run(command)
          await nothingArrived(`${name}: ${command}`)
        }
      }
      await mustDropIn('Start')
      assert.equal(await repairs(), 0)
      // From here on bridged packets meet the rules of the router, ours among them.
      if (bridged) await sysctl(1)
      await nothingArrived('bridge-nf-call-iptables')
      await service?.stop('SIGKILL')
      // Nobody owns our tables now. With a flush they go, and the guard comes back in the same transaction.
      await unownedNow()
      await mustDropIn('Reload')
      await nothingArrived('nftables.service reloads while we are dead')
      // Beside each other; firewalld takes away what others have loaded by iptables.
      const lasting = ['ufw', 'docker', 'libvirt'] as const
      for (const name of lasting) {
        await shell.run(firewalls[name].start)
        await nothingArrived(`${name} starts while we are dead`)
      }
      const before = await theirs()
      for (const word of ['ufw-', 'DOCKER', 'LIBVIRT']) assert.ok(before.includes(word), word)
      await start()
      assert.equal(await theirs(), before)
      await nothingArrived('we start while they run')
      for (const name of lasting) await shell.run(firewalls[name].stop)
      await shell.run(firewalls.firewalld.start)
      const zones = await theirs()
      assert.match(zones, /table inet firewalld/)
      await service?.stop()
      assert.equal(await theirs(), zones)
      await unownedNow()
      await shell.run(firewalls.firewalld.reload)
      await shell.run(firewalls.firewalld.stop)
      await nothingArrived('firewalld reloads and stops while we are away')
      const sent = await Promise.all(streams.splice(0).map((each) => each.stop()))
      for (const count of sent) assert.ok(count > 100, `${count} packets were sent`)
    })

    test('nftables.service, where nobody owns our tables', async (context) => {
      await start('--nft', 'nft')
      await deny()
      const ours = () =>
        shell.run('{ nft list tables | grep portcullis; nft list ruleset | grep "goto denied"; } | sort')
      const before = await ours()
      /** Whatever round repairs it, it is told, and our tables and what policies deny are as before. */
      const isRepaired = async (told: number) => {
        const deadline = Date.now() + patience
        while ((await repairs()) <= told || (await ours()) !== before)
          assert.ok(Date.now() < deadline, `not repaired: ${service?.stderr()}`)
      }
      for (const verb of ['Start', 'Reload', 'Stop'] as const) {
        const told = await repairs()
        await mustDropIn(verb)
        await isRepaired(told)
        await nothingArrived(`${verb} by the drop-in`)
      }
      const told = await repairs()
      await shell.run(firewalls['nftables.service'].stop)
      await isRepaired(told)
      const passed = await arrived()
      context.diagnostic(`${passed} packets of ${streams.length} streams passed until a flush was repaired`)
      await service?.stop()
      // Without its file nothing is done while tables of ours stand.
      const guard = join(host.folder, 'data', 'guard.nft')
      const [kept, standing] = [await readFile(guard), await shell.run('nft list tables')]
      for (const broken of ['table inet portcullis-guard { nonsense', kept.subarray(0, -1), '', undefined]) {
        for (const each of [guard, `${guard}.copy`])
          if (broken === undefined) await rm(each)
          else await writeFile(each, broken)
        const refused = await dropIn('Reload')
        assert.equal(refused.status, 1)
        assert.match(refused.stderr, /nothing has been changed/)
      }
      assert.equal(await shell.run('nft list tables'), standing)
      assert.equal(await arrived(), passed)
      await writeFile(guard, kept)
      await mustDropIn('Stop')
      assert.equal((await shell.run('nft list tables')).includes('inet portcullis\n'), false)
      await shell.run('sleep 0.2')
      assert.equal(await arrived(), passed)
      // Where nothing of ours stands and nothing is kept, what the package closes is closed.
      await rm(guard)
      const beforeFlush = await arrived()
      await shell.run('nft flush ruleset; sleep 0.1')
      const { status, stderr } = await dropIn('Start')
      assert.equal(status, 0, stderr)
      const tables = await shell.run('nft list tables')
      for (const table of ['inet filter', 'inet portcullis-guard', 'bridge portcullis-guard'])
        assert.ok(tables.includes(table), tables)
      const since = await arrived()
      await shell.run('sleep 0.2')
      assert.deepEqual([since > beforeFlush, await arrived()], [true, since])
    })

    test('who drops what policies let pass is named, as long as it does', async () => {
      await start()
      const isOpen = () => host.until((now) => JSON.stringify(now) === JSON.stringify(open))
      // Nobody listens there: who lets it pass has it refused. Some let pings pass and nothing else.
      const passes = async (wanted: boolean) => {
        const deadline = Date.now() + patience
        const connect = 'ncat -v -w 1 192.0.2.10 9 </dev/null 2>&1; true'
        for (;;) {
          const said = await host.inside('outside', ['sh', '-c', connect])
          if (said.includes('refused') === wanted) return
          assert.ok(Date.now() < deadline, said)
        }
      }
      await isOpen()
      for (const [name, said] of [
        ['ufw', /ufw drops by default, whatever policies allow: the chain ip filter FORWARD/],
        [
          'firewalld',
          /firewalld rejects what its zones do not forward: the chain inet firewalld filter_FORWARD/,
        ],
        ['docker', /docker drops by default, whatever policies allow: the chain ip filter FORWARD/],
      ] as const) {
        if (bridged) await sysctl(0)
        await shell.run(firewalls[name].start)
        await warns(said)
        if (bridged) {
          // Frames that are not forwarded by the router meet none of its chains.
          await passes(true)
          await sysctl(1)
          // The kernel tells nobody; the next change of a chain does.
          await shell.run(
            'nft add table inet beside; nft add chain inet beside c "{ type filter hook forward priority 9; }"',
          )
          await warns(new RegExp(`${said.source}.*bridged packets pass too`))
        }
        await passes(false)
        await shell.run(firewalls[name].stop)
        // docker leaves its rules where they are.
        await shell.run(
          'nft list tables | grep -v "portcullis\\|seen" | while read -r _ table; do nft delete table $table; done',
        )
        await warns(said, false)
        await passes(true)
      }
    })
  })
