/**
 * The process that enforces is killed amid hand-overs of a device to another account, and real packets: none that one holder had
 * counted is told as the other's by the process that comes next, and no connection of the one goes on that the other does not let begin.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { outside } from '../../src/lab/topology.ts'
import { createHost, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const device = 'tap1i0'
const address = defaultVms[0]?.nics[0]?.addresses[0]
const rounds = 6

interface Nic {
  readonly server: string
  readonly id: string
  readonly account: string
}
interface Counted {
  readonly countedAt: string | null
  readonly ingress: readonly Step[]
  readonly egress: readonly Step[]
}
interface Step {
  readonly decidedBy: { readonly kind: string }
  readonly packets: number
}

for (const way of ['netlink', 'nft'] as const)
  describe(`killed amid hand-overs, by ${way}`, { skip: noLab, timeout: 500_000 }, () => {
    test('what one has counted is never the other’s, and no connection passes', async (t) => {
      const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? Date.now() % 2 ** 31)
      t.diagnostic(`PORTCULLIS_TEST_SEED=${seed}`)
      let state = seed
      const random = (most: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
        return (state >>> 8) % most
      }
      const host = await createHost(`hold${way}`)
      let service: Service | undefined
      try {
        const nft = way === 'nft' ? ['--nft', 'nft'] : []
        service = await host.serve(['--enforce', 'nftables', '--host', 'kvm', ...nft, ...host.flags])
        const { url, child } = service
        const token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()

        const call = async (method: string, path: string, body?: unknown, of?: string) => {
          const answer = await fetch(`${url}/v1${path}`, {
            method,
            headers: {
              authorization: `Bearer ${token}`,
              ...(body !== undefined && { 'content-type': 'application/json' }),
              ...(of !== undefined && { 'on-behalf-of': of }),
            },
            ...(body !== undefined && { body: JSON.stringify(body) }),
          })
          const text = await answer.text()
          assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
          return text === '' ? undefined : JSON.parse(text)
        }
        const until = async <T>(what: string, ask: () => Promise<T>, done: (answer: T) => boolean) => {
          const deadline = Date.now() + 120_000
          for (;;) {
            const answer = await ask()
            if (done(answer)) return answer
            assert.ok(Date.now() < deadline, `${what}: still ${JSON.stringify(answer)}`)
            await delay(20)
          }
        }
        const agents = async (): Promise<readonly number[]> => {
          const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
          return children.split(' ').filter(Boolean).map(Number)
        }
        const make = async (name: string, sources: readonly string[]): Promise<Nic> => {
          const account = (await call('POST', '/accounts', { name })).id
          const rule = { action: 'allow', direction: 'ingress', protocol: 'icmp', icmpType: 8, sources }
          const rules = sources.length > 0 ? [rule] : []
          const { id: policy } = await call('POST', '/policies', { name, rules, cutFlows: 'never' }, account)
          const interfaces = [{ addresses: [address], senderCheck: false }]
          const made = await call('POST', '/servers', { profile: 'native', name, interfaces }, account)
          const { id } = made.interfaces[0]
          await call('POST', `/policies/${policy}/attachments`, { server: made.id, interface: id }, account)
          return { server: made.id, id, account }
        }
        const claim = (nic: Nic, from?: Nic) =>
          call('PUT', `/bindings/${nic.id}`, { host: 'kvm', device, ...(from && { from: from.id }) })
        const inForce = (nic: Nic) =>
          until(
            'in force',
            () => call('GET', `/interfaces/${nic.id}`, undefined, nic.account),
            ({ state, appliedGeneration: applied, desiredGeneration: wanted }) =>
              state === 'applied' && applied >= wanted,
          )
        const counted = async ({ server, account }: Nic): Promise<Counted> =>
          (await call('GET', `/servers/${server}/rules`, undefined, account)).interfaces[0]
        /** Packets from and to it that no rule has decided about. */
        const defaults = ({ ingress, egress }: Counted): number =>
          [...ingress, ...egress].reduce(
            (sum, each) => sum + (each.decidedBy.kind === 'default' ? each.packets : 0),
            0,
          )
        /** Once it was counted by an agent that began after this. */
        const countedSince = (nic: Nic, since: number) =>
          until(
            'counted',
            () => counted(nic),
            ({ countedAt }) => countedAt !== null && Date.parse(countedAt) > since,
          )
        /** While it happens, or right before or after, the process that enforces is killed; resolves when another one has begun. */
        const killedAmid = async (work: () => Promise<unknown>): Promise<number> => {
          const before = await agents()
          const [agent] = before
          assert.ok(agent !== undefined)
          const after = random(90) - 15
          if (after < 0) process.kill(agent, 'SIGKILL')
          const done = work()
          if (after >= 0) {
            await delay(after)
            process.kill(agent, 'SIGKILL')
          }
          const at = Date.now()
          await done
          await until('started again', agents, (now) => now.some((pid) => !before.includes(pid)))
          return at
        }

        const [a, b] = [await make('a', [outside.ipv4]), await make('b', [])]
        let of = 0
        /** What was told of the one until it gave the device up last. */
        let before = 0
        for (let round = 0; round < rounds; round++) {
          await claim(a)
          await inForce(a)
          if (round % 2 === 0) {
            // What both decide by the same: of what the VM sends, and of what is sent to it by the router.
            const streams = [await host.stream('local', 'anew'), await host.stream('out', 'anew')]
            await delay(300 + random(200))
            let sent = 0
            for (const each of streams) sent += await each.stop()
            assert.ok(sent > 10)
            of += sent
            const killed = await killedAmid(() => claim(b, a))
            await inForce(b)
            assert.equal(
              defaults(await countedSince(b, killed)) - before,
              0,
              `round ${round}: of ${sent} of the other one`,
            )
            // It counts for itself from here on.
            const own = await host.stream('out', 'anew')
            try {
              // Until it is known in the kernel whose counts are there, they are nobody's.
              await until(
                'its own',
                () => counted(b),
                (now) => defaults(now) > before,
              )
            } finally {
              await own.stop()
            }
          } else {
            const flow = await host.stream('in')
            try {
              await until('arrives', flow.arrived, (count) => count > 20)
              await killedAmid(() => claim(b, a))
              await inForce(b)
              const silent = async () => {
                const from = await flow.arrived()
                await delay(250)
                return (await flow.arrived()) - from
              }
              await until(
                `round ${round}: the other one’s connection goes on`,
                silent,
                (count) => count === 0,
              )
            } finally {
              await flow.stop()
            }
          }
          before = defaults(await countedSince(b, Date.now()))
          await call('DELETE', `/bindings/${b.id}`)
        }
        t.diagnostic(`${of} packets were sent that both decide alike`)
        assert.ok(defaults(await counted(a)) <= of)
      } catch (error) {
        t.diagnostic(service?.stderr().slice(-2000) ?? '')
        throw error
      } finally {
        await service?.stop()
        await host.remove()
      }
    })
  })
