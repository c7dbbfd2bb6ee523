/** A host under `portcullis serve`: so many interfaces, each with a policy of 20 rules of its own, changed over HTTP. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSecondsOf } from './cpu.ts'
import { send, start } from './measure.ts'
import { program } from './program.ts'
import { batch, directory } from './workshop.ts'

export const rulesEach = 20
/** Milliseconds, after which something that should come has not come. */
const patience = 600_000

export interface Host {
  readonly interfaces: number
  /**
   * Adds one more rule to the policies in turn. `ofNewKind`: one of a kind that its policy did not have, where it is the
   * first of that kind there; absent means every tenth.
   */
  addRule(ofNewKind?: boolean): Promise<Added>
  /** Until all that was answered is in force. Only where it enforces. */
  caughtUp(): Promise<void>
  /** Seconds of CPU that the service has used, with all processes that it started. */
  cpuSeconds(): number
  stop(): Promise<void>
}

export interface Added {
  /** Of the interface whose policy it is. */
  readonly device: string
  readonly ofNewKind: boolean
  /** Nanoseconds of `process.hrtime`. */
  readonly sent: bigint
  readonly answered: bigint
}

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const rule = (protocol: string, first: number, last = first) => ({
  ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol },
  ...{ destination_port_start: String(first), destination_port_end: String(last) },
})
const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }

/** The namespace's devices, as many as interfaces. */
export const addDevices = (netns: string, count: number): Promise<string> =>
  batch(
    netns,
    Array.from(
      { length: Math.ceil(count / 2) },
      (_, n) => `link add tap${2 * n} type veth peer name tap${2 * n + 1}`,
    ),
  )

/** Enforces in that namespace, whose devices are there; absent: does not enforce. */
export async function createHost(interfaces: number, netns?: string): Promise<Host> {
  const data = mkdtempSync(join(directory, 'host-'))
  const servers = Array.from({ length: interfaces }, (_, n) => ({
    ...{ profile: 'upcloud', id: id(n), name: `vm${n}`, firewall: true },
    interfaces: [{ host: 'local', device: `tap${n}` }],
  }))
  const inventory = join(data, 'inventory.yaml')
  const account = { name: 'bench', credentials: [{ token: 'bench' }], servers }
  writeFileSync(inventory, JSON.stringify({ accounts: [account] }))
  const enforcing = netns === undefined ? [] : ['--enforce', 'nftables', '--netns', netns]
  const server = await start(
    [
      ...[await program(), 'serve', '--listen', '127.0.0.1:0', '--log-level', 'silent'],
      ...['--data', join(data, 'store'), '--inventory', inventory, ...enforcing],
    ],
    '/healthz',
  )
  const agent = new Agent({ keepAlive: true })
  const call = (method: string, n: number, body: object) =>
    send(server.url, agent, {
      ...{ method, path: `/1.3/server/${id(n)}/firewall_rule`, headers },
      body: JSON.stringify(body),
    })
  const first = Array.from({ length: rulesEach }, (_, i) => rule('tcp', 1000 + i))
  for (let n = 0; n < interfaces; n++) await call('PUT', n, { firewall_rules: { firewall_rule: first } })
  let count = 0
  return {
    interfaces,
    async addRule(ofNewKind = count % 10 === 9) {
      const [n, turn] = [count % interfaces, Math.floor(count / interfaces)]
      count++
      const sent = process.hrtime.bigint()
      await call('POST', n, {
        firewall_rule: ofNewKind
          ? rule('udp', 5000 + 200 * turn, 5100 + 200 * turn)
          : rule('tcp', 2000 + turn),
      })
      return { device: `tap${n}`, ofNewKind, sent, answered: process.hrtime.bigint() }
    },
    async caughtUp() {
      const deadline = performance.now() + patience
      while (performance.now() < deadline) {
        const text = await (await fetch(`${server.url}/metrics`)).text()
        const value = (name: string) =>
          Number(new RegExp(`^${name}\\{host="local"\\} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
        if (
          value('portcullis_applied_revision') === value('portcullis_desired_revision') &&
          value('portcullis_failing') === 0
        )
          return
        await delay(20)
      }
      throw new Error('the agent does not catch up')
    },
    cpuSeconds: () => cpuSecondsOf(server.child.pid as number),
    async stop() {
      agent.destroy()
      await server.stop()
    },
  }
}
