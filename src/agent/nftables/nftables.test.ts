/** The third witness: the kernel takes every ruleset, prints it back as it was written, and changes by deltas alone. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, afterEach, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import { desire } from '../../../test/support/desired.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import { unmarked } from '../../../test/support/unmarked.ts'
import { guardTables, table } from '../../compile/nftables/names.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Match, Rule } from '../../core/model/rule.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Dataplane } from '../dataplane.ts'
import type { Kernel } from './kernel.ts'
import { createNftKernel } from './nft-kernel.ts'
import { createNftables, type NftablesOptions } from './nftables.ts'

const skip = (await obstacle()) ?? false
const nics = (policies: readonly (EffectivePolicy | null)[]) =>
  policies.map((policy, i) => ({ id: `nic${i}`, device: `tap${i}`, policy }))
const desired = (policies: readonly (EffectivePolicy | null)[]): Desired => desire(nics(policies))
/** Lets in what matches, and nothing else. */
function one(match: Match): EffectivePolicy {
  const rules = [
    { id: 'r', position: 1, direction: 'ingress', action: 'allow', enabled: true, matches: [match] } as const,
  ]
  return {
    ...{ stateful: false, essentials: [], egress: { filtered: false } },
    ingress: {
      ...{ filtered: true, default: 'deny' },
      lists: [{ policy: `p${match.protocol}`, part: 0, direction: 'ingress', rules }],
    },
  }
}
/** Rules enough for a set; `n` says what it holds, and what becomes of packets that are not in it. */
function looked(n: number): EffectivePolicy {
  const rules = Array.from({ length: 80 }, (_, i): Rule => {
    const first = 1000 * n + 20 * i
    const source = { ipv4: [{ first: BigInt(i), last: BigInt(i) }], ipv6: [] }
    const destinationPorts = [{ first, last: first + (i % 2 === 0 ? 0 : 9) }]
    return {
      ...({ id: `r${i}`, position: i + 1, direction: 'ingress', action: 'deny', enabled: true } as const),
      matches: [{ protocol: 6, source, destinationPorts }],
    }
  })
  return {
    ...{ stateful: false, essentials: [], egress: { filtered: false } },
    ingress: {
      ...{ filtered: true, default: n === 1 ? 'allow' : 'reject' },
      lists: [{ policy: 'looked', part: 0, direction: 'ingress', rules }],
    },
  }
}
const sample = fc.sample(arbitraryPolicy, { numRuns: 20, seed: 7 })

// Nobody owns the tables, which others could not damage then.
for (const way of ['netlink', 'nft'] as const)
  describe(`nftables by ${way}`, { skip }, () => {
    const netns = `pcl-test-${way}-${process.pid}`
    const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' })
    const nft = (...args: string[]) => ip('netns', 'exec', netns, 'nft', ...args)
    const list = (name = 'inet portcullis') =>
      unmarked(nft('-s', '-n', 'list', 'table', ...name.split(' ')).stdout)
    /** A kernel by netlink is a process of its own here, which takes its time to start. */
    const runs = (most: number): number => (way === 'nft' ? most : Math.ceil(most / 4))
    const open: Dataplane[] = []
    const openKernel = (): Kernel => (way === 'nft' ? createNftKernel({ netns }) : kernelIn(netns, way))
    const create = (options: Partial<NftablesOptions> = {}) => {
      const kernel = options.kernel ?? (options.nft === undefined ? openKernel() : undefined)
      const dataplane = createNftables({ guard: ['tap*'], netns, ...options, ...(kernel && { kernel }) })
      open.push(dataplane)
      return dataplane
    }
    /** Somebody does this, and it is repaired; what was told before of something else repairs nothing. */
    async function repairs(dataplane: Dataplane, wanted: Desired, command: readonly string[]): Promise<void> {
      const what = command.join(' ')
      let wake = (): void => {}
      let told = false
      const stop = dataplane.onChange(() => {
        told = true
        wake()
      })
      const late = AbortSignal.timeout(30_000)
      late.addEventListener('abort', () => wake())
      try {
        assert.equal(nft(...command).status, 0, what)
        for (;;) {
          if (!told) {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
          assert.ok(!late.aborted, `${what}: not repaired in 30 s`)
          told = false
          if ((await dataplane.apply(wanted)).repaired) return
        }
      } finally {
        stop()
      }
    }
    before(() => {
      assert.equal(ip('netns', 'add', netns).status, 0)
      for (const [one, other] of [
        ['tap0', 'tap1'],
        ['tap2', 'tap3'],
      ] as const) {
        const made = ip('-n', netns, 'link', 'add', one, 'type', 'veth', 'peer', 'name', other)
        assert.equal(made.status, 0, made.stderr)
      }
    })
    // One that goes on puts back a guard that others take away.
    afterEach(async () => {
      for (const dataplane of open.splice(0)) await dataplane.close()
    })
    after(() => void ip('netns', 'del', netns))

    test('what is loaded is read back as it was written: nothing is changed twice', async () => {
      const dataplane = create()
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(arbitraryPolicy), { minLength: 1, maxLength: 4 }),
          async (policies) => {
            await dataplane.apply(desired(policies))
            // A second one has no memory: it believes what it reads.
            const other = create()
            const { changed } = await other.apply(desired(policies))
            await other.close()
            assert.equal(changed, false, list())
          },
        ),
        { numRuns: runs(30) },
      )
    })

    test('deltas lead to what a fresh start would load', async () => {
      const dataplane = create()
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(fc.option(fc.constantFrom(...sample)), { maxLength: 4 }), {
            minLength: 2,
            maxLength: 4,
          }),
          async (history) => {
            for (const policies of history) await dataplane.apply(desired(policies))
            const byDeltas = list()
            nft('delete', 'table', 'inet', 'portcullis')
            const fresh = create()
            await fresh.apply(desired(history.at(-1) ?? []))
            await fresh.close()
            assert.deepEqual(canonical(byDeltas), canonical(list()))
          },
        ),
        { numRuns: runs(12) },
      )
    })

    test('what somebody changes between our writing and our reading is not taken for how nft prints', async () => {
      const wanted = desired([one({ protocol: 6 })])
      // Once, behind the commit that leads devices to them, rules are gone.
      const flushes = ['to-vm', 'policy.p6.in'].map((chain) => `flush chain ${table} ${chain}`)
      const taking = openKernel()
      let done = false
      const dataplane = create({
        kernel: {
          ...taking,
          async commit(commands) {
            await taking.commit(commands)
            if (
              done ||
              nft('get', 'element', ...table.split(' '), 'to-vm-devices', '{ "tap0" }').status !== 0
            )
              return
            done = true
            assert.equal(nft(flushes.join('; ')).status, 0)
          },
        },
      })
      // A change may be heard of while it is applied.
      let heard = false
      let wake = (): void => {}
      dataplane.onChange(() => {
        heard = true
        wake()
      })
      await dataplane.apply(wanted)
      assert.ok(done)
      const now = () => canonical(list()).join('\n')
      const flushed = () =>
        !nft('list', 'chain', 'inet', 'portcullis', 'policy.p6.in').stdout.includes('goto')
      const signal = AbortSignal.timeout(30_000)
      while (flushed()) {
        if (!heard) {
          await new Promise<void>((resolve, reject) => {
            wake = resolve
            signal.addEventListener('abort', () => reject(new Error(now())))
          })
        }
        heard = false
        await dataplane.apply(wanted)
      }
      const repaired = now()
      nft('delete', 'table', 'inet', 'portcullis')
      const fresh = create()
      await fresh.apply(wanted)
      assert.equal(repaired, now())
    })

    test('what dies between two transactions leaves what the next start ends in the same tables', async () => {
      const [from, to] = [1, 2].map((n) => desired([looked(n), looked(n)]))
      assert.ok(from && to)
      const now = () => canonical(list())
      await create().apply(to)
      const whole = now()
      let lived = false
      let commits = 0
      for (; !lived; commits++) {
        assert.ok(commits < 20)
        await create().apply(from)
        // Takes so many transactions, and then is gone.
        let left = commits
        const taking = openKernel()
        const short = create({
          kernel: {
            ...taking,
            commit: (commands) =>
              left-- > 0 ? taking.commit(commands) : Promise.reject(new Error('it is gone')),
          },
        })
        await short.apply(from)
        lived = await short.apply(to).then(
          () => true,
          () => false,
        )
        await short.close()
        const names = new Set(list().match(/next\d*\.\S+/g))
        if (lived) assert.deepEqual(now(), whole)
        else if (commits > 0) assert.notEqual(names.size, 0)
        const next = create()
        const { changed } = await next.apply(to)
        assert.equal(changed, !lived)
        assert.deepEqual(now(), whole)
        await next.close()
      }
      // Every stage was cut short.
      assert.equal(commits - 1, 6)
    })

    test('a foreign change is seen and repaired, whatever it was', async () => {
      const dataplane = create()
      await dataplane.apply(desired(sample.slice(0, 3)))
      const all = () => canonical([...guardTables, table].map((name) => list(name)).join(''))
      const whole = all()
      for (const command of [
        ['flush', 'table', 'inet', 'portcullis'],
        ['delete', 'table', 'inet', 'portcullis'],
        ['flush', 'chain', 'inet', 'portcullis', 'tracking'],
        ['add', 'rule', 'inet', 'portcullis', 'to-vm', 'accept'],
        ['add', 'chain', 'inet', 'portcullis', 'mine'],
        ['add', 'element', 'inet', 'portcullis', 'to-vm-devices', '{', '99', ':', 'accept', '}'],
        ['delete', 'element', 'inet', 'portcullis', 'to-vm-devices', '{', '"tap0"', '}'],
        ['delete', 'table', 'inet', 'portcullis-guard'],
        ['flush', 'table', 'bridge', 'portcullis-guard'],
        ['add', 'element', 'inet', 'portcullis-guard', 'open-names', '{', '"tap0"', '}'],
        ['add', 'element', 'inet', 'portcullis-guard', 'closed-names', '{', '"eth0"', '}'],
        ['add', 'table', 'bridge', 'portcullis'],
        ['flush', 'ruleset'],
      ]) {
        await repairs(dataplane, desired(sample.slice(0, 3)), command)
        assert.deepEqual(all(), whole, command.join(' '))
        assert.equal(list('bridge portcullis'), '')
      }
      // Somebody else's own table is none of ours.
      nft('add', 'table', 'inet', 'theirs')
      const { repaired } = await dataplane.apply(desired(sample.slice(0, 3)))
      assert.equal(repaired, false)
      assert.match(nft('list', 'tables').stdout, /theirs/)
    })

    test('a foreign commit that leaves our table as it was does not have it written anew', async () => {
      const dataplane = create()
      await dataplane.apply(desired([one({ protocol: 6 }), null]))
      const handle = () =>
        /^table .* # handle (\d+)/m.exec(nft('-a', 'list', 'table', ...table.split(' ')).stdout)?.[1]
      const before = handle()
      assert.ok(before)
      const seen = new Promise<void>((resolve) => {
        const stop = dataplane.onChange(() => {
          stop()
          resolve()
        })
      })
      assert.equal(nft(`add chain ${table} mine; delete chain ${table} mine`).status, 0)
      await seen
      const { changed, repaired } = await dataplane.apply(desired([one({ protocol: 17 }), null]))
      assert.deepEqual([changed, repaired, handle()], [true, false, before])
      assert.match(list(), /policy\.p17\.in/)
    })

    test('ports of a bridge: read back as written, changed by deltas, and repaired', async () => {
      const bridge = 'bridge portcullis'
      const words = bridge.split(' ')
      const must = (...args: string[]) => assert.equal(ip('-n', netns, ...args).status, 0, args.join(' '))
      must('link', 'add', 'br9', 'type', 'bridge')
      for (const device of ['tap0', 'tap2']) must('link', 'set', device, 'master', 'br9')
      try {
        const dataplane = create()
        // Both: this kernel may be unable to track connections there.
        const policies = sample.flatMap((each) => [each, { ...each, stateful: false }])
        const mac = (n: number) => `52:54:00:00:00:0${n}`
        const ports = (chosen: readonly (EffectivePolicy | null)[]): Desired =>
          desire(nics(chosen).map((each, n) => ({ ...each, mac: mac(n) })))
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.array(fc.option(fc.constantFrom(...policies)), { maxLength: 4 }), {
              minLength: 1,
              maxLength: 3,
            }),
            async (history) => {
              for (const chosen of history) await dataplane.apply(ports(chosen))
              const last = ports(history.at(-1) ?? [])
              const byDeltas = list(bridge)
              const other = create()
              assert.equal((await other.apply(last)).changed, false, byDeltas)
              await other.close()
              nft('delete', 'table', ...words)
              const fresh = create()
              await fresh.apply(last)
              await fresh.close()
              assert.deepEqual(canonical(byDeltas), canonical(list(bridge)))
            },
          ),
          { numRuns: runs(12) },
        )
        const wanted = ports(policies.filter((each) => !each.stateful).slice(0, 3))
        await dataplane.apply(wanted)
        const whole = canonical(list(bridge))
        for (const command of [
          ['flush', 'table', ...words],
          ['delete', 'table', ...words],
          ['insert', 'rule', ...words, 'to-vm', 'accept'],
          ['delete', 'element', ...words, 'headers6', '{', '6', '.', '6', '}'],
          ['delete', 'element', ...words, 'to-vm-frames', '{', '"tap0"', '}'],
          ['flush', 'ruleset'],
        ]) {
          await repairs(dataplane, wanted, command)
          assert.deepEqual(canonical(list(bridge)), whole, command.join(' '))
        }
      } finally {
        must('link', 'del', 'br9')
      }
    })

    test('what nft refuses closes its interface; a change makes it good again', async () => {
      const dataplane = create()
      // No protocol has that number: it lowers and renders, and nft refuses it.
      const impossible = one({ protocol: 300 })
      const states = async (...policies: readonly EffectivePolicy[]) => {
        const { interfaces, retryMs } = await dataplane.apply(desired(policies))
        return [interfaces.map(({ state, error }) => error ?? state), retryMs !== null]
      }
      const refused = 'the kernel refuses its rules'
      const [good, other] = [one({ protocol: 6 }), one({ protocol: 17 })]
      assert.deepEqual(await states(good, good), [['applied', 'applied'], false])
      assert.deepEqual(await states(good, impossible, other), [['applied', refused, 'applied'], true])
      assert.match(list(), /"tap1" : drop/)
      assert.match(list(), /"tap2" : goto in\.[0-9a-f]{16}/)
      // The one that is refused is not asked about again and again.
      assert.deepEqual(await states(other, impossible, good), [['applied', refused, 'applied'], true])
      assert.deepEqual(await states(good, good, good), [['applied', 'applied', 'applied'], false])
      // All at once, on a table that does not stand yet.
      nft('delete', 'table', 'inet', 'portcullis')
      const fresh = create()
      const { interfaces } = await fresh.apply(
        desired([one({ protocol: 300 }), good, one({ protocol: 301 }), good]),
      )
      assert.deepEqual(
        interfaces.map(({ state }) => state),
        ['failing', 'applied', 'failing', 'applied'],
      )
      assert.match(interfaces[0]?.detail ?? '', /300|range/)
    })

    test('commits to tables of others are none of ours', async () => {
      const dataplane = create()
      // Both of its watchers ask for another look once they listen.
      const settled = new Promise<void>((resolve) => {
        let gaps = 0
        const stop = dataplane.onChange(() => {
          if (++gaps < 2) return
          stop()
          resolve()
        })
      })
      await dataplane.apply(desired([null]))
      // Until it listens: a change of ours is seen.
      const seen = async (command: readonly string[]) => {
        for (let tries = 0; tries < 50; tries++) {
          const heard = new Promise<boolean>((resolve) => {
            const stop = dataplane.onChange(() => resolve(true))
            setTimeout(() => {
              stop()
              resolve(false)
            }, 200)
          })
          nft(...command)
          if (await heard) return
        }
        assert.fail('nothing was seen')
      }
      await settled
      await seen(['add', 'chain', 'inet', 'portcullis', 'mine'])
      await dataplane.apply(desired([null]))
      let calls = 0
      dataplane.onChange(() => calls++)
      for (let n = 0; n < 20; n++) {
        nft('add', 'table', 'inet', 'portcullis2')
        nft('add', 'set', 'inet', 'portcullis2', 's', '{ type ipv4_addr; }')
        nft('add', 'element', 'inet', 'portcullis2', 's', '{ 192.0.2.1, 192.0.2.2 }')
        nft('delete', 'table', 'inet', 'portcullis2')
      }
      assert.equal(calls, 0)
      // The line about ours comes after those about the others.
      const last = new Promise<void>((resolve) => void dataplane.onChange(resolve))
      nft('add', 'chain', 'inet', 'portcullis', 'mine')
      await last
      assert.equal(calls, 1)
    })

    if (way === 'nft')
      test('an nft that fails changes nothing and says so; later it works', async () => {
        const dataplane = create({ nft: '/bin/false' })
        const before = list()
        await assert.rejects(dataplane.apply(desired(sample.slice(3, 5))), /ended with 1/)
        assert.equal(list(), before)
        await assert.rejects(create({ nft: '/nowhere/nft' }).apply(desired([])), /No such file|cannot be run/)
      })
  })

/** Elements of maps come in an order of the kernel's. */
function canonical(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) =>
      /(" : |elements = \{|^\t{3,})/.test(line) ? line.replace(/elements =|[{}]/g, '').split(',') : [line],
    )
    .map((line) => line.trim())
    .filter(Boolean)
    .sort()
}
