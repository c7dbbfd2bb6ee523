/**
 * The package in a Debian of its own, booted by systemd: installed, configured, upgraded under traffic, rebooted, removed and
 * purged, while packets are sent that no rule lets pass.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { buildPackage, packageVersion, releasedAt } from '../../packaging/build.ts'
import { debianVersion } from '../../packaging/tree.ts'
import type { Finding } from '../../src/agent/doctor/finding.ts'
import { createDebian, type Debian } from '../support/debian.ts'
import { assertPrinted, blocksOf, script } from '../support/followed.ts'
import { closed, createHost, type Host, type Stream } from '../support/host.ts'
import { noLabOr } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const skip = await noLabOr({ debootstrap: 'debootstrap', 'dpkg-deb': 'dpkg' })
const units = 'portcullis-guard portcullis-agent portcullis'
const newer = '99.0.0'
const page = await readFile(new URL('../../docs/installing.md', import.meta.url), 'utf8')
const operator = '/var/lib/portcullis/service/operator.token'
const [nic = assert.fail()] = defaultVms[0]?.nics ?? []
/** What the page calls otherwise than it is called here. */
const ofHost = [
  ['./portcullis_VERSION_amd64.deb', '/var/tmp/first.deb'],
  ['tap12i0', 'tap1i0'],
  ['52:54:00:00:00:0c', nic.mac],
  ['192.0.2.10', nic.addresses[0] ?? ''],
] as const
const options = '/etc/portcullis/agent.yaml'

/** Tests go on where the one before ended: they are what happens to one host, in that order. */
describe('the package on a host', { skip, timeout: 600_000 }, () => {
  let folder: string
  let host: Host
  let debian: Debian
  /** What counts on the host, which is flushed with all other tables. */
  let counters: string
  /** By where they are sent: `in` is let pass once there are rules, the others never. */
  const streams = new Map<'in' | 'local' | 'between', Stream>()

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-install-'))
    host = await createHost('deb')
    counters = (await host.inRouter(['nft', 'list', 'table', 'inet', 'seen'])).stdout
    debian = await createDebian(host.netns)
    await debian.boot()
    const at = await releasedAt()
    for (const [name, version] of [
      ['first', await packageVersion()],
      ['second', newer],
    ] as const) {
      const file = await buildPackage({ architecture: 'amd64', version, at }, folder, { fast: true })
      await debian.write(`/var/tmp/${name}.deb`, await readFile(file))
      await rm(file)
    }
  })
  after(async () => {
    await debian?.remove()
    await host?.remove()
    await rm(folder, { recursive: true, force: true })
  })

  const denied = ['local', 'between'] as const
  /** Runs what the page says below a heading, of this host; it answers as it says. Answers all that was printed. */
  async function follow(heading: string): Promise<string> {
    const here = (text: string) =>
      ofHost.reduce((changed, [name, own]) => changed.replaceAll(name, own), text)
    const [, part = assert.fail(heading)] = page.split(`${heading}\n`)
    const blocks = blocksOf(part.split('\n## ')[0] ?? '', '')
    await debian.write('/var/tmp/page', here(script(blocks)))
    const said = await debian.must(`PORTCULLIS_TOKEN=$(cat ${operator} 2>/dev/null) bash /var/tmp/page 2>&1`)
    assertPrinted(blocks, said, here)
    return said
  }
  const is = async (state: string) =>
    (await debian.run(`systemctl ${state} ${units}`)).stdout.trim().split('\n')
  const send = async () => {
    for (const way of ['in', ...denied] as const) streams.set(way, await host.stream(way))
  }
  const arrived = async (way: 'in' | 'local' | 'between') => (await streams.get(way)?.arrived()) ?? 0
  /** Since they began. */
  async function nothingPassed(step: string): Promise<void> {
    const counts = await Promise.all(denied.map(async (way) => [way, await arrived(way)]))
    assert.deepEqual(
      counts,
      denied.map((way) => [way, 0]),
      `packets passed that no rule lets pass: ${step}`,
    )
  }
  async function stopAll(): Promise<void> {
    for (const [way, each] of streams) assert.ok((await each.stop()) > 100, `${way} was sent`)
    streams.clear()
  }
  /** More of what is let pass comes. */
  async function passes(step: string): Promise<void> {
    const [since, deadline] = [await arrived('in'), Date.now() + 30_000]
    while ((await arrived('in')) <= since) {
      assert.ok(Date.now() < deadline, `nothing comes any more: ${step}`)
      await delay(20)
    }
  }
  /** Which tables of ours stand, each by the number that the kernel gave it. */
  const tables = () => debian.must("nft -a list tables | grep ' portcullis' || true")
  const guardTables = async () => (await tables()).split('\n').filter((line) => line.includes('guard'))

  test('is installed into a root that runs no systemd, and leaves the kernel alone', async () => {
    const before = await debian.must('nft -s list ruleset')
    // As an image is made: on the same kernel, where there is no systemd to be seen.
    await debian.must(
      "unshare --mount sh -c 'mount -t tmpfs tmpfs /run && dpkg --install /var/tmp/first.deb && dpkg --purge portcullis' 2>&1",
    )
    assert.equal(await debian.must('nft -s list ruleset'), before)
  })

  test('closes when it is installed, and starts what is configured alone', async () => {
    await send()
    await passes('before it is installed, everything does')
    const said = await follow('## The package')
    assert.match(said, /devices tap\* and vnet\* are closed from now on/)
    assert.deepEqual(await is('is-active'), ['active', 'inactive', 'inactive'])
    assert.deepEqual(await is('is-enabled'), ['enabled', 'enabled', 'enabled'])
    // What was on its way when the guard came has arrived.
    const closedSince = await Promise.all((['in', ...denied] as const).map(arrived))
    await delay(500)
    assert.deepEqual(await Promise.all((['in', ...denied] as const).map(arrived)), closedSince)
    const names = units.split(' ').map((name) => `${name}.service`)
    assert.equal(await debian.must(`systemd-analyze verify ${names.join(' ')} 2>&1`), '')
    await stopAll()
  })

  test('three lines put the host under policy', async () => {
    await follow('## The service')
    await send()
    await follow('## Each hypervisor')
    await follow('## A bridge or a router of your own')
    // It has told that it is ready: rules are in force.
    assert.match(await debian.must('systemctl status portcullis-agent'), /Status: "enforcing on host kvm1"/)
    await passes('under its policy')
    await nothingPassed('three lines')
    const pid = await debian.must('systemctl show --property MainPID --value portcullis-agent')
    assert.match(await debian.must(`grep ^CapEff /proc/${pid.trim()}/status`), /^CapEff:\t0000000000001000$/m)
    const service = await debian.must('systemctl show --property MainPID --value portcullis')
    assert.match(
      await debian.must(`grep ^CapEff /proc/${service.trim()}/status`),
      /^CapEff:\t0000000000000000$/m,
    )
    await debian.must('systemctl reload portcullis-agent portcullis')
    assert.deepEqual(await is('is-active'), ['active', 'active', 'active'])
  })

  test('libvirt and Proxmox VE are one line more each, and the doctor knows what is wrong', async () => {
    const { mac } = nic
    await debian.must(`mkdir -p /etc/pve/qemu-server /etc/pve/lxc /run/systemd/system
      printf 'name: one\nnet0: virtio=${mac},bridge=vmbr0\n' >/etc/pve/qemu-server/1.conf
      chown -R root:www-data /etc/pve; chmod -R o= /etc/pve`)
    const program = (text: string) => `#!/bin/sh\n${text}\n`
    await debian.write('/run/systemd/system/libvirtd.service', '[Service]\nExecStart=/bin/sleep infinity\n')
    await debian.must('systemctl daemon-reload')
    // Those of the hypervisors, as far as the page and the agent call them.
    await debian.write('/usr/bin/virsh', program('case "$*" in *event*) exec sleep infinity ;; esac'), 0o755)
    const set = 'echo "hookscript: $4" >>/etc/pve/qemu-server/$2.conf'
    await debian.write('/usr/sbin/qm', program(`[ "$1" = list ] && printf 'VMID\\n1\\n' || ${set}`), 0o755)
    await debian.write('/usr/sbin/pct', program('echo VMID'), 0o755)
    await follow('## libvirt')
    await follow('## Proxmox VE')
    await passes('with what hypervisors know')

    const hook = '/etc/libvirt/hooks/qemu.d/50-portcullis'
    const dropIn = '/etc/systemd/system/libvirtd.service.d/portcullis.conf'
    const damages: [what: string, remedied: string][] = [
      ['systemctl disable portcullis-guard', 'units'],
      ['systemctl disable portcullis-agent', 'units'],
      [`mkdir -p ${dropIn.slice(0, -16)}; ln -s /dev/null ${dropIn}; systemctl daemon-reload`, 'units'],
      [`chmod 644 ${hook}`, 'libvirt'],
      ['gpasswd -d portcullis-agent www-data', 'proxmox'],
      ['chown root /etc/portcullis/host.token', 'token'],
      ['systemctl stop portcullis-agent', 'agent'],
    ]
    const failures = async () => {
      const { findings } = JSON.parse((await debian.run('portcullis doctor --json')).stdout)
      return (findings as Finding[]).filter(({ state }) => state === 'failure')
    }
    assert.deepEqual(await failures(), [])
    for (const [damage] of damages) await debian.must(`{ ${damage}; } 2>&1`)
    const found = await failures()
    assert.deepEqual(found.map(({ about }) => about).sort(), damages.map(([, about]) => about).sort())
    // Each is a command that works.
    for (const { remedy = assert.fail() } of found.toReversed()) await debian.must(`{ ${remedy}; } 2>&1`)
    assert.deepEqual(await failures(), [])
    await passes('all is remedied')
    await nothingPassed('damaged and remedied')
    await debian.must(`systemctl stop libvirtd; rm -r /run/systemd/system/libvirtd.service /etc/libvirt /etc/pve
      sed -i '/^\\(libvirt\\|proxmox\\|guard\\):/d' /etc/portcullis/agent.yaml
      systemctl daemon-reload; systemctl restart portcullis-agent`)
  })

  test('is upgraded over standing tables, under traffic', async () => {
    const guard = await guardTables()
    assert.equal(guard.length, 2)
    // Its configuration is broken while it is killed: what was begun is ended, says what does not run, and opens nothing.
    await debian.must(`cp -p ${options} /var/tmp/options && echo 'nonsense: 1' >>${options}`)
    const ended = await debian.must(`dpkg --unpack /var/tmp/second.deb && {
      dpkg --configure portcullis & sleep 0.2; kill -KILL $! $(cat /proc/$!/task/$!/children) || true; wait $! || true
      dpkg --configure -a 2>&1; }`)
    assert.match(ended, /not all of it could be started; what stands in the kernel stays/)
    await nothingPassed('an upgrade that was killed')
    await passes('an upgrade that was killed')
    // One that the agent may not read is no empty one.
    await debian.must(`cp /var/tmp/options ${options} && chmod 600 ${options}`)
    assert.equal((await debian.run('systemctl restart portcullis-agent')).status, 1)
    await debian.must(`chmod 644 ${options} && systemctl restart portcullis-agent`)
    await nothingPassed('upgrade')
    await passes('upgrade')
    assert.deepEqual(await guardTables(), guard, 'the tables that stood stand')
    assert.deepEqual(await is('is-active'), ['active', 'active', 'active'])
    assert.match(await debian.must('dpkg --list portcullis'), new RegExp(debianVersion(newer)))
    assert.match(await debian.must('portcullis --version'), new RegExp(newer))
    assert.match(await debian.must('cat /etc/portcullis/agent.yaml'), /^host: kvm1$/m)
    await debian.must(
      'journalctl --unit portcullis-agent --output cat | grep -q \'"release":"99.0.0","msg":"started"\'',
    )
  })

  test('nftables.service flushes beside it, and stopped units open nothing', async () => {
    for (const verb of ['start', 'reload', 'restart', 'stop']) {
      await debian.must(`systemctl ${verb} nftables`)
      await nothingPassed(`nftables.service: ${verb}`)
    }
    await passes('beside nftables.service')
    await debian.must('systemctl stop portcullis-agent portcullis portcullis-guard')
    await nothingPassed('all is stopped')
    await passes('all is stopped')
    for (const verb of ['start', 'reload', 'stop']) {
      await debian.must(`systemctl ${verb} nftables`)
      await nothingPassed(`nftables.service while nothing of ours runs: ${verb}`)
    }
    await debian.must('systemctl start portcullis-guard portcullis portcullis-agent')
    await passes('all is started')
    await nothingPassed('all is started')
    await stopAll()
  })

  test('the guard closes at boot, whatever its text has become', async () => {
    await debian.must('systemctl stop portcullis-agent portcullis')
    const kept = '/var/lib/portcullis/agent/guard.nft'
    await debian.must(`cp -a ${kept} /var/tmp/kept.nft`)
    const closes = async (how: string) => {
      await debian.must(
        `systemctl stop portcullis-guard; nft flush ruleset; ${how}; systemctl start portcullis-guard`,
      )
      await host.inRouter(['nft', '-f', '-'], counters)
      assert.deepEqual(await host.arriving(), closed, how)
    }
    // In one family, and to VMs: all four chains are made of the same.
    const patterns = async () => {
      const rules = await debian.must('nft list chain bridge portcullis-guard unjudged.to-vm')
      return [...rules.matchAll(/oifname "(\S+)" drop/g)].map(([, pattern]) => pattern)
    }
    await debian.must(`echo 'guard: "tap*, x-vm*",$(reboot),y" accept # ours' >>${options}`)
    const damages = [
      'true',
      `: >${kept}`,
      `head -c 700 /var/tmp/kept.nft >${kept}`,
      `head -n -1 /var/tmp/kept.nft >${kept}`,
      `{ echo 'table inet portcullis-guard {'; echo nonsense; tail -n +6 /var/tmp/kept.nft; } >${kept}`,
      `sed 's/ drop$/ accept/' /var/tmp/kept.nft >${kept}`,
      `rm ${kept}; mkfifo ${kept}`,
      `rm -f ${kept}; ln -s /etc/shadow ${kept}`,
      `rm -rf ${kept}`,
    ]
    for (const how of damages) {
      await closes(`${how}; cp -a ${kept} ${kept}.copy || true`)
      assert.deepEqual(await patterns(), ['tap*', 'vnet*', 'x-vm*'], how)
      await debian.must(`rm -rf ${kept} ${kept}.copy; cp -a /var/tmp/kept.nft ${kept}`)
    }
    // What was kept, once more.
    await closes(`mv ${kept} ${kept}.copy; : >${kept}; sed -i s/vnet/other/g ${kept}.copy`)
    assert.deepEqual(await patterns(), ['tap*', 'other*', 'x-vm*'])
    await debian.must(`cp -a /var/tmp/kept.nft ${kept}; rm ${kept}.copy; sed -i /^guard:/d ${options}`)
  })

  test('libvirt’s hook refuses where libvirt is the agent’s business and the agent is dead, and nowhere else', async () => {
    const hook = async () =>
      (
        await debian.run(
          'echo "<domain/>" | sh /usr/share/doc/portcullis/examples/libvirt-hook web start begin -',
        )
      ).status
    assert.equal(await hook(), 0)
    await debian.must(`echo 'libvirt: true' >>${options}`)
    assert.equal(await hook(), 2)
    await debian.must(`sed -i /^libvirt:/d ${options}`)
  })

  test('what starts VMs is not started while the guard cannot be loaded', async () => {
    const unit = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n'
    await debian.write('/run/systemd/system/libvirtd.service', unit)
    await debian.must('systemctl daemon-reload; nft flush ruleset; mount --bind /bin/false /usr/sbin/nft')
    const started = await debian.run('systemctl start libvirtd')
    await debian.must('umount /usr/sbin/nft')
    assert.equal(started.status, 1, 'it started beside devices that are open')
    await debian.must('systemctl start libvirtd')
    assert.equal((await guardTables()).length, 2)
    // Nothing that ends our units ends it.
    await debian.must(
      'systemctl stop portcullis-guard; systemctl is-active libvirtd; systemctl start portcullis-guard',
    )
  })

  test('boots after a power failure with everything in force', async () => {
    await debian.must('sync')
    await debian.cut()
    // The namespace is the machine's: a boot begins without rules.
    await host.inRouter(['nft', 'flush', 'ruleset'])
    await debian.boot()
    await send()
    await debian.must(
      `for each in 1 2 3 4 5 6 7 8 9 10; do systemctl is-active ${units} >/dev/null && exit 0; sleep 1; done; exit 1`,
    )
    await passes('boot')
    await nothingPassed('boot')
    const times = await debian.must(
      'for each in portcullis-guard.service network-pre.target portcullis-agent.service; do systemctl show --property ActiveEnterTimestampMonotonic --value $each; done',
    )
    const [guard = 0, network = 0, agent = 0] = times.trim().split('\n').map(Number)
    assert.ok(guard > 0 && guard <= network && guard < agent, times)
    assert.equal(await debian.must('systemctl list-units --failed --no-legend'), '')
  })

  test('opens nothing when it is removed and purged, and says how to', async () => {
    const removed = await debian.must('apt-get remove -y portcullis 2>&1')
    await nothingPassed('remove')
    await passes('remove')
    assert.match(removed, /NOTHING CLOSES VMs FROM THE NEXT BOOT ON/)
    const standing = await tables()
    assert.match(standing, /portcullis-guard/)
    await debian.must('test -e /etc/portcullis/agent.yaml && test -e /var/lib/portcullis/agent/guard.nft')
    const purged = await debian.must('apt-get purge -y portcullis 2>&1')
    await nothingPassed('purge')
    await passes('purge')
    assert.equal(await tables(), standing)
    await debian.must(
      'test ! -e /etc/portcullis && test ! -e /var/lib/portcullis && test ! -e /usr/lib/portcullis',
    )
    assert.equal(await debian.must('find /etc/systemd /var/lib/systemd -name "*portcullis*"'), '')
    // What it prints is what opens.
    const commands = [...purged.matchAll(/^ {2}(nft delete table \S+ \S+)$/gm)].map(([, command]) => command)
    assert.equal(commands.length, standing.trim().split('\n').length)
    await debian.must(commands.join(' && '))
    assert.equal(await tables(), '')
    await stopAll()
  })
})
