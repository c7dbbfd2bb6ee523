/** Enforcement never opens: not while rules are replaced, not when nft fails, the table is flushed or the process dies. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { canOwn } from '../support/kernels.ts'
import { judging, type Meter, meter, noLab, openLab, type TestLab, type WireRule } from '../support/lab.ts'

const port = (action: 'accept' | 'drop', number: number): WireRule => ({
  direction: 'in',
  action,
  family: 'IPv4',
  protocol: 'udp',
  destination_port_start: String(number),
  destination_port_end: String(number),
})
const dropAll: WireRule = { direction: 'in', action: 'drop' }

const patience = 30_000

/** 10000 to 11999. */
const ports = Array.from({ length: 2000 }, (_, index) => 10_000 + index)
/** 999 rules each; they share every sixth port, and a third of all ports is in neither. */
const chains = {
  old: [...ports.filter((p) => p % 2 === 0).slice(0, 999)],
  new: [
    ...ports.filter((p) => p % 3 === 0),
    ...Array.from({ length: 999 }, (_, index) => 20_000 + index),
  ].slice(0, 999),
}

for (const way of ['netlink', 'nft'] as const)
  describe(`enforcement by ${way} never opens`, { skip: noLab }, () => {
    let lab: TestLab
    let counted: Meter
    let folder: string
    let broken: string

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'portcullis-nft-'))
      broken = join(folder, 'broken')
      // An nft that fails for as long as a file is there, also in the middle of its work.
      const nft = join(folder, 'nft')
      await writeFile(
        nft,
        `#!/bin/sh
if [ -e ${broken} ]; then echo 'Error: no such luck' >&2; exit 1; fi
[ "$1" = -i ] || exec nft "$@"
while read -r line; do [ ! -e ${broken} ] || exit 1; printf '%s\\n' "$line"; done | nft -i
`,
      )
      await chmod(nft, 0o755)
      // What is repaired here was noticed, and not found by a look that was due.
      lab = await openLab(['--verify-ms', '0', ...(way === 'nft' ? ['--nft', nft] : [])])
      counted = await meter(lab, 'web1')
    })
    after(async () => {
      await lab?.close()
      if (folder) await rm(folder, { recursive: true, force: true })
    })

    /** Sends to all the ports, over and over, while `during` runs; answers how often each was reached. */
    async function underTraffic(during: () => Promise<void>): Promise<ReadonlyMap<number, number>> {
      const outside = await lab.prober.endpoint('outside')
      await outside.ask({
        op: 'stream',
        source: '198.51.100.10',
        sourcePort: 0,
        destination: '192.0.2.10',
        ports,
        burst: 50,
      })
      try {
        await counted.reset()
        await during()
        // One more round of every port after it.
        await outside.ask({ op: 'more', datagrams: ports.length })
      } finally {
        await outside.ask({ op: 'stop' })
      }
      return counted.read()
    }

    test('replacing 1,000 rules under traffic passes nothing that neither the old nor the new chain allows', async () => {
      const wire = (allowed: readonly number[]): WireRule[] => [
        ...allowed.map((p) => port('accept', p)),
        dropAll,
      ]
      await lab.chain('web1', wire(chains.old))
      const seen = await underTraffic(async () => {
        for (let round = 0; round < 5; round++) {
          await lab.chain('web1', wire(chains.new))
          await lab.chain('web1', wire(chains.old))
        }
      })
      const either = new Set([...chains.old, ...chains.new])
      assert.deepEqual(
        [...seen.keys()].filter((p) => !either.has(p)),
        [],
        'ports that no chain allows',
      )
      const both = chains.old.filter((p) => chains.new.includes(p))
      assert.deepEqual(
        both.filter((p) => !seen.has(p)),
        [],
        'ports that both chains allow and that saw nothing',
      )
      assert.ok(ports.filter((p) => !either.has(p)).length > 300)
    })

    const byNft = way === 'nft' ? test : undefined
    byNft?.(
      'nft fails: what was enforced stays, the status says so, and it is repaired when nft works again',
      async () => {
        await lab.chain('web1', [port('accept', 10_001), dropAll])
        await writeFile(broken, '')
        const path = `/1.3/server/${lab.vm('web1').server}/firewall_rule`
        const { status } = await lab.api('PUT', path, {
          firewall_rules: { firewall_rule: [port('accept', 10_002), dropAll] },
        })
        assert.equal(status, 204)
        const seen = await underTraffic(() => delay(300))
        assert.deepEqual([...seen.keys()], [10_001], 'the old chain is in force')
        assert.equal(await lab.behind(), true)
        await rm(broken)
        await lab.enforced()
        assert.deepEqual([...(await underTraffic(() => delay(100))).keys()], [10_002])
      },
    )

    test('killed under traffic and started again: nothing passes that the chain does not allow, at any time', async () => {
      await lab.chain('web1', [port('accept', 10_003), dropAll])
      const seen = await underTraffic(async () => {
        for (let round = 0; round < 3; round++) {
          await lab.kill()
          await delay(50)
          await lab.restart()
        }
      })
      assert.deepEqual([...seen.keys()], [10_003])
      // And it is the service's own rules that are in force, not remains.
      await lab.chain('web1', [port('accept', 10_004), dropAll])
      assert.deepEqual([...(await underTraffic(() => delay(100))).keys()], [10_004])
    })

    for (const [what, command] of [
      ['flushed', ['nft', 'flush', 'table', ...judging]],
      ['deleted', ['nft', 'delete', 'table', ...judging]],
      ['flushed with all others', ['nft', 'flush', 'ruleset']],
    ] as const) {
      test(`table ${what} by somebody else under traffic: it is as if nobody had, or noticed and repaired`, async () => {
        await lab.chain('web1', [port('accept', 10_005), dropAll])
        const owned = way === 'netlink' && canOwn
        const deadline = Date.now() + patience
        const seen = await underTraffic(async () => {
          const ran = await lab.inRouter(command)
          assert.equal(ran.status, owned && command[2] === 'table' ? 1 : 0, ran.stderr)
          if (owned && command[2] === 'table') assert.match(ran.stderr, /Operation not permitted/)
          // Until a reader finds our table whole again.
          while (!(await lab.inRouter(['nft', 'list', 'table', ...judging])).stdout.includes('10005'))
            assert.ok(Date.now() < deadline, 'nobody has repaired it')
          if (owned) return
          // Whatever passed while there was no table, passes no more.
          await delay(50)
          await counted.reset()
        })
        assert.deepEqual([...seen.keys()], [10_005])
        assert.equal((await lab.probe('outside', 'web1', 'udp/10006')).outcome, 'timed-out')
      })
    }
  })
