/** Closed before the first apply, when a start fails, and without the service: told with packets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { guardFile, renderGuard } from '../../src/compile/nftables/guard.ts'
import { deltaCommands } from '../../src/compile/nftables/table.ts'
import { closed, createHost, type Host, open } from '../support/host.ts'
import { kernelIn } from '../support/kernels.ts'
import { noLab } from '../support/lab.ts'

describe('the guard', { skip: noLab }, () => {
  let host: Host
  before(async () => {
    host = await createHost('grd')
  })
  after(() => host?.remove())

  const ours = ['inet portcullis', 'bridge portcullis', 'inet portcullis-guard', 'bridge portcullis-guard']
  const tables = async () =>
    (await host.inRouter(['nft', 'list', 'tables'])).stdout
      .split('\n')
      .map((line) => line.replace('table ', ''))
      .filter((name) => ours.includes(name))
      .sort()
  /** As after a boot: no table, no data. */
  beforeEach(async () => {
    for (const name of await tables()) await host.inRouter(['nft', 'delete', 'table', ...name.split(' ')])
    await rm(join(host.folder, 'data'), { recursive: true, force: true })
  })
  /** Does what nft does that never ends. */
  const hanging = join(tmpdir(), `portcullis-hanging-nft-${process.pid}`)
  before(() => writeFile(hanging, '#!/bin/sh\nsleep 60\n', { mode: 0o755 }))
  after(() => rm(hanging, { force: true }))
  const enforcing = () => [...host.flags, '--enforce', 'nftables', '--host', 'kvm']
  const guards = ['bridge portcullis-guard', 'inet portcullis-guard']

  test('nothing of ours: everything passes, so that what follows proves something', async () => {
    assert.deepEqual(await host.arriving(), open)
  })

  describe('a start that fails leaves the devices closed', () => {
    const failing: Record<
      string,
      () => Promise<{ args: readonly string[]; says: RegExp; status?: number; undo?: () => Promise<unknown> }>
    > = {
      'invalid inventory': async () => {
        const file = await host.describe([{ device: 'tap1i0', addresses: ['192.0.2.999'] }])
        return {
          args: [...enforcing(), '--inventory', file],
          says: /inventory\.yaml: .*192\.0\.2\.999|addresses/,
        }
      },
      'inventory that does not exist': async () => ({
        args: [...enforcing(), '--inventory', '/nowhere.yaml'],
        says: /nowhere\.yaml/,
      }),
      'damaged store': async () => {
        await mkdir(join(host.folder, 'data'), { recursive: true })
        await writeFile(join(host.folder, 'data', 'portcullis.db'), 'x'.repeat(8192))
        return { args: enforcing(), says: /the store in .* cannot be opened: file is not a database/ }
      },
      'unreachable database': async () => ({
        args: [...enforcing(), '--database', 'postgres://127.0.0.1:1/x'],
        says: /the database cannot be opened: nothing listens there/,
      }),
      'port in use': async () => {
        const taken = createServer().listen(0, '127.0.0.1')
        await once(taken, 'listening')
        const { port } = taken.address() as { port: number }
        return {
          args: [...enforcing(), '--listen', `127.0.0.1:${port}`],
          says: /another program listens there/,
          undo: async () => taken.close(),
        }
      },
    }
    for (const [what, prepare] of Object.entries(failing)) {
      test(what, async () => {
        const { args, says, status = 1, undo } = await prepare()
        const ran = await host.portcullis(['serve', ...args])
        await undo?.()
        assert.equal(ran.status, status, ran.stderr)
        assert.match(ran.stderr, says)
        const plain = ran.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
        assert.equal(plain.length, 1, ran.stderr)
        assert.deepEqual(await host.arriving(), closed)
      })
    }

    for (const [what, args, env, status, says] of [
      ['nft missing', ['--nft', '/nowhere/nft'], {}, 1, /the guard cannot be loaded: .*nft/],
      ['nft hangs', ['--nft', hanging], {}, 1, /the guard cannot be loaded: .* has not ended in 10 s/],
      [
        'no program found at all',
        [],
        { PATH: '/nowhere' },
        1,
        /the guard cannot be loaded: ip cannot be run/,
      ],
    ] as const) {
      test(`${what}: what stands stays`, async () => {
        assert.equal((await host.portcullis(['guard', 'up', ...host.flags])).status, 0)
        const ran = await host.portcullis(['serve', ...enforcing(), ...args], env)
        assert.deepEqual([ran.status, ran.stderr.trim().split('\n').length], [status, 1], ran.stderr)
        assert.match(ran.stderr, says)
        assert.deepEqual(await host.arriving(), closed)
      })
    }

    test('missing rights', async () => {
      assert.equal((await host.portcullis(['guard', 'up', ...host.flags])).status, 0)
      await assert.rejects(
        host.serve(enforcing(), {
          wrapper: ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-all'],
        }),
        /^Error: portcullis: --enforce nftables: it needs CAP_NET_ADMIN.*\n$/,
      )
      assert.deepEqual(await host.arriving(), closed)
    })
  })

  test('the directory that a start makes for the guard is its owner’s alone', async () => {
    assert.equal((await host.portcullis(['guard', 'up', ...host.flags])).status, 0)
    assert.equal((await stat(join(host.folder, 'data'))).mode & 0o777, 0o700)
    // Node's own way to make folders never ends there.
    const nowhere = await host.portcullis([
      'guard',
      'up',
      ...host.flags,
      '--guard',
      'x*',
      '--data',
      '/proc/x/y',
    ])
    assert.match(nowhere.stderr, /^portcullis: it is not kept for the next boot: .*\n$/)
  })

  test('a start closes before it reads anything, and opens what the rules let pass', async () => {
    const inventory = await host.describe([{ device: 'tap1i0' }])
    // A database that answers nothing keeps the start waiting.
    const held = new Set<Socket>()
    const silent = createServer((socket) => void held.add(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const waiting = host.portcullis(['serve', ...enforcing(), '--database', `postgres://127.0.0.1:${port}/x`])
    await host.until((now) => Object.values(now).every((count) => count === 0))
    silent.close()
    for (const socket of held) socket.destroy()
    await waiting
    assert.deepEqual(await host.arriving(), closed, 'closed when it has gone, too')
    const service = await host.serve([...enforcing(), '--inventory', inventory])
    // `two` is described by nobody, so that nothing comes from it.
    await host.until((now) =>
      Object.entries(now).every(([way, count]) => count === (way === 'between' ? 0 : 3)),
    )
    await service.says(
      /\nenforcing: nftables on host kvm; interfaces: 1 applied; guarded: tap\*, 1 by name\n/,
    )
    await service.says(/described by nobody, and closed: tap2i0, tap2i1/)
    await service.stop()
  })

  for (const [what, command] of [
    ['deleted', ['nft', 'delete', 'table', 'inet', 'portcullis']],
    ['flushed', ['nft', 'flush', 'table', 'inet', 'portcullis']],
  ] as const) {
    test(`the main table alone ${what}, and nobody there to repair it: closed`, async () => {
      const inventory = await host.describe([
        { device: 'tap1i0' },
        { device: 'tap2i0' },
        { device: 'tap2i1' },
      ])
      const service = await host.serve([...enforcing(), '--inventory', inventory])
      await host.until((now) => now.in === 3 && now.between === 3)
      await service.stop('SIGKILL')
      assert.deepEqual(await host.arriving(), open, 'what is enforced outlives the service')
      assert.equal((await host.inRouter(command)).status, 0)
      assert.deepEqual(await host.arriving(), closed)
    })
  }

  test('marks that somebody else sets open nothing, with the main table and without', async () => {
    const marking = (hook: string) =>
      `chain ${hook} {\ntype ${hook === 'output' ? 'route' : 'filter'} hook ${hook} priority -150\nmeta mark set 0xffffffff\n}\n`
    const script = `table inet foreign {\n${['prerouting', 'forward', 'output'].map(marking).join('')}}\n`
    const inventory = await host.describe([{ device: 'tap1i0' }])
    const service = await host.serve([...enforcing(), '--inventory', inventory])
    await host.until((now) => now.in === 3)
    await service.stop()
    try {
      assert.equal((await host.inRouter(['nft', '-f', '-'], script)).status, 0)
      // `two` is described by nobody.
      assert.deepEqual(await host.arriving(), { ...open, between: 0 })
      await host.inRouter(['nft', 'delete', 'table', 'inet', 'portcullis'])
      assert.deepEqual(await host.arriving(), closed)
    } finally {
      await host.inRouter(['nft', 'delete', 'table', 'inet', 'foreign'])
    }
  })

  test('one family of the guard is left, and no file: it closes what it closed', async () => {
    const byName = host.flags.map((each) => (each === 'tap*' ? 'none*' : each))
    const inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }, { device: 'tap2i1' }])
    const service = await host.serve([
      ...[...byName, '--enforce', 'nftables', '--host', 'kvm'],
      ...['--inventory', inventory],
    ])
    await host.until((now) => now.in === 3)
    await service.stop()
    for (const left of ['inet', 'bridge']) {
      const other = left === 'inet' ? 'bridge' : 'inet'
      await host.inRouter(['nft', 'delete', 'table', 'inet', 'portcullis'])
      await host.inRouter(['nft', 'delete', 'table', other, 'portcullis-guard'])
      for (const each of ['guard.nft', 'guard.nft.copy']) await rm(join(host.folder, 'data', each))
      assert.equal((await host.portcullis(['guard', 'up', ...byName])).status, 0)
      assert.deepEqual(await host.arriving(), closed, left)
      assert.deepEqual(await tables(), guards)
    }
  })

  test('a described device stays closed under any name, now and after a restart', async () => {
    const inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }, { device: 'tap2i1' }])
    let service = await host.serve([...enforcing(), '--inventory', inventory])
    await host.until((now) => now.in === 3)
    const rename = async (from: string, to: string) => {
      const { status, stderr } = await host.inRouter(['ip', 'link', 'set', from, 'name', to])
      assert.equal(status, 0, stderr)
    }
    await rename('tap1i0', 'other0')
    await host.until((now) => Object.values(now).every((count) => count === 0))
    await service.stop()
    service = await host.serve([...enforcing(), '--inventory', inventory])
    assert.deepEqual(await host.arriving(), closed)
    await rename('other0', 'tap1i0')
    await host.until((now) => now.in === 3)
    await service.stop()
  })

  test('the file alone, loaded by nft: closed, whatever the devices are called', async () => {
    const inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }, { device: 'tap2i1' }])
    const service = await host.serve([
      ...host.flags,
      '--guard',
      'vnet*',
      '--enforce',
      'nftables',
      '--host',
      'kvm',
      '--inventory',
      inventory,
    ])
    await host.until((now) => now.in === 3)
    await service.stop()
    for (const name of await tables()) await host.inRouter(['nft', 'delete', 'table', ...name.split(' ')])
    assert.deepEqual(await host.arriving(), open)
    const loaded = await host.inRouter(['nft', '-f', join(host.folder, 'data', 'guard.nft')])
    assert.equal(loaded.status, 0, loaded.stderr)
    assert.deepEqual(await host.arriving(), closed)
    assert.deepEqual(await tables(), guards)
  })

  test('guard up, status, down', async () => {
    const { flags } = host
    const verb = (name: string, ...more: string[]) => host.portcullis(['guard', name, ...flags, ...more])
    assert.deepEqual((await verb('status')).stdout, 'down\n')
    assert.equal((await verb('status')).status, 1)
    assert.equal((await verb('up')).stdout, 'up: tap* (from --guard)\n')
    assert.deepEqual(await host.arriving(), closed)
    assert.equal((await verb('up')).stdout, 'up: tap* (it was up)\n')
    const status = await verb('status')
    assert.deepEqual(
      [status.status, status.stdout],
      [0, 'up: tap*\njudged: none\nclosed: tap1i0, tap2i0, tap2i1\n'],
    )
    assert.deepEqual(JSON.parse((await verb('status', '--json')).stdout), {
      ...{ up: true, judging: [], patterns: ['tap*'], devices: [], open: [] },
      closed: ['tap1i0', 'tap2i0', 'tap2i1'],
    })
    const down = await verb('down')
    assert.match(down.stdout, /^down\. Open now: tap1i0, tap2i0, tap2i1\n/)
    assert.equal(down.status, 0)
    assert.deepEqual(await host.arriving(), open)
    assert.equal((await verb('down')).stdout, 'it was down\n')
    // What it is kept in is not opened by a file that nft refuses: its copy is as good, and where both are damaged what is asked for.
    const kept = join(host.folder, 'data', 'guard.nft')
    const copy = `${kept}.copy`
    const text = await readFile(kept, 'utf8')
    for (const [damaged, from] of [
      [[kept], kept],
      [[kept, copy], '--guard'],
    ] as const) {
      for (const each of damaged) await writeFile(each, 'nonsense')
      assert.equal((await verb('up')).stdout, `up: tap* (from ${from})\n`)
      for (const each of [kept, copy]) assert.equal(await readFile(each, 'utf8'), text)
      await verb('down')
    }
    await verb('up')
  })

  test('while another process owns it: it is found up, and neither changed nor removed', async () => {
    const netns = host.flags[host.flags.indexOf('--netns') + 1] ?? ''
    const verb = (name: string, patterns = 'tap*') =>
      host.inRouter([
        ...[process.execPath, new URL('../../src/cli/main.ts', import.meta.url).pathname],
        ...['guard', name, '--guard', patterns, '--data', join(host.folder, 'data')],
      ])
    const owner = kernelIn(netns, 'owned')
    try {
      const guard = {
        devices: new Set<string>(),
        indexes: new Set<number>(),
        patterns: ['tap*'],
        open: new Set<string>(),
      }
      await owner.commit(deltaCommands(new Map(), renderGuard(guard)))
      const status = await verb('status')
      assert.deepEqual(
        [status.status, status.stdout],
        [0, 'up: tap*\njudged: none\nclosed: tap1i0, tap2i0, tap2i1\n'],
        status.stderr,
      )
      const owned = (await host.inRouter(['nft', 'list', 'tables'])).stdout
      if (
        !/flags owner/.test(
          (await host.inRouter(['nft', 'list', 'table', 'inet', 'portcullis-guard'])).stdout,
        )
      )
        return
      assert.deepEqual((await verb('up')).stdout, 'up: tap* (it was up)\n')
      for (const ran of [await verb('up', 'tap*,eth9'), await verb('down')]) {
        assert.deepEqual([ran.status, /another agent enforces here/.test(ran.stderr)], [1, true], ran.stderr)
      }
      assert.equal((await host.inRouter(['nft', 'list', 'tables'])).stdout, owned)
    } finally {
      await owner.kill()
    }
    // What an owner has left, nft does not load its file over; what stands closes as before.
    const unit = join(host.folder, 'unit.nft')
    await writeFile(
      unit,
      guardFile({ devices: new Set(), indexes: new Set(), patterns: ['tap*'], open: new Set() }),
    )
    const loaded = await host.inRouter(['nft', '-f', unit])
    assert.match(loaded.stderr, /Operation not supported/)
    assert.deepEqual(await host.arriving(), closed)
    assert.match((await verb('up')).stdout, /it was up/)
    assert.deepEqual(await host.arriving(), closed)
    // Where what stands is deleted first it is loaded, in one transaction.
    const deletions = guards.map((name) => `delete table ${name}\n`).join('')
    await writeFile(unit, deletions + (await readFile(unit, 'utf8')))
    assert.equal((await host.inRouter(['nft', '-f', unit])).status, 0)
    assert.deepEqual(await tables(), guards)
    for (const name of guards) await host.inRouter(['nft', 'delete', 'table', ...name.split(' ')])
  })

  test('with CAP_NET_ADMIN alone, and no root', async () => {
    const inventory = await host.describe([{ device: 'tap1i0' }])
    const data = join(host.folder, 'data')
    await mkdir(data, { recursive: true })
    await chmod(host.folder, 0o755)
    await chmod(data, 0o777)
    const netns = host.flags[host.flags.indexOf('--netns') + 1] ?? ''
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
    const caps = ['--inh-caps', '+net_admin', '--ambient-caps', '+net_admin']
    const service = await host.serve(
      ['--data', data, '--guard', 'tap*', '--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory],
      { wrapper: ['ip', 'netns', 'exec', netns, 'setpriv', ...user, ...caps] },
    )
    await host.until((now) => now.in === 3 && now.between === 0)
    await service.stop()
  })
})
