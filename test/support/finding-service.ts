/** A service for tests that puts interfaces onto devices by their MAC, as far as an agent says whose they are. It keeps nothing. */
import type { ToAgent } from '../../src/agent/messages.ts'
import { inEnvironment } from '../../src/agent/nftables/process-options.ts'
import { within } from '../../src/agent/run.ts'
import { libvirtsOwn } from '../../src/agent/sightings.ts'
import { type AgentLife, startAgentLife } from '../../src/cli/serve/agent-life.ts'
import type { InterfaceStatus } from '../../src/core/model/desired.ts'
import type { Placement } from '../../src/core/model/desired-update.ts'
import { defaultSwitches, type Policy } from '../../src/core/model/policy.ts'
import type { Action } from '../../src/core/model/rule.ts'
import type { Sighting, SightingChange } from '../../src/core/model/sighting.ts'
import type { Mac } from '../../src/core/net/mac.ts'

export interface FindingService {
  /** Resolves when the process that enforces is no more. */
  kill(): Promise<void>
  /** Starts another. */
  start(): void
  /** What is said of devices, by name, and every message of it since the last start. */
  readonly seen: ReadonlyMap<string, Sighting>
  readonly changes: readonly SightingChange[]
  /** By id of an interface. */
  readonly statuses: ReadonlyMap<string, InterfaceStatus>
  /** Where interfaces are, by id. */
  readonly places: ReadonlyMap<string, string>
}

/** `interfaces`: what passes towards each MAC; the id of each is its MAC. Enforces in the network namespace. */
export function startFindingService(options: {
  readonly netns: string
  readonly data: string
  readonly guard: readonly string[]
  readonly interfaces: ReadonlyMap<Mac, Action>
}): FindingService {
  const { netns, data, guard, interfaces } = options
  const seen = new Map<string, Sighting>()
  const changes: SightingChange[] = []
  const statuses = new Map<string, InterfaceStatus>()
  const places = new Map<string, string>()
  let revision = 1
  let waiting: { readonly since: number | null; readonly agent: ToAgent } | undefined

  function answer(): void {
    if (!waiting || waiting.since === revision) return
    const { agent } = waiting
    waiting = undefined
    const put = [...places].map(([mac, device]) => placementOf(mac, device, interfaces.get(mac) ?? 'deny'))
    const policies = (['allow', 'deny'] as const).map(policyOf)
    void agent.update({ from: null, revision, policies, interfaces: { put, remove: [] } })
  }

  function place(): void {
    const before = JSON.stringify([...places])
    for (const [mac, device] of [...places]) {
      const sighting = seen.get(device)
      // What nobody says is no reason to take it away.
      if (!sighting || (sighting.mac !== null && sighting.mac !== mac)) places.delete(mac)
      else if (sighting.address?.startsWith('fe:') && sighting.mac === null && has(sighting) !== undefined)
        if (has(sighting) !== mac) places.delete(mac)
    }
    for (const sighting of seen.values()) {
      const mac = has(sighting)
      if (mac !== undefined && !places.has(mac)) places.set(mac, sighting.device)
    }
    if (JSON.stringify([...places]) === before) return
    revision++
    answer()
  }
  const has = ({ mac, address }: Sighting): Mac | undefined =>
    [...interfaces.keys()].find((each) => each === mac || (mac === null && libvirtsOwn(each) === address))

  function begin(): AgentLife {
    const env = { ...process.env, ...inEnvironment({ ...enforcing, notrack: 'never', data, guard }) }
    const life = startAgentLife({
      command: within(netns, [process.execPath, '--disable-warning=ExperimentalWarning', program]),
      env,
      hear: {
        hello() {},
        guarded() {},
        want({ since }) {
          waiting = { since, agent: life.agent }
          answer()
        },
        status({ whole, put, remove }) {
          if (whole) statuses.clear()
          for (const each of put) statuses.set(each.id, each)
          for (const id of remove) statuses.delete(id)
        },
        round() {},
        hits() {},
        decisions() {},
        sightings(change) {
          changes.push(change)
          if (change.whole) seen.clear()
          for (const device of change.remove) seen.delete(device)
          for (const each of change.put) seen.set(each.device, each)
          place()
        },
      },
      onStderr: (line) => process.stderr.write(`${line}\n`),
    })
    return life
  }
  let life = begin()
  return {
    ...{ seen, changes, statuses, places },
    async kill() {
      waiting = undefined
      life.kill('the test kills it')
      await life.over
    },
    start() {
      changes.length = 0
      life = begin()
    },
  }
}

const program = new URL('../../src/agent/nftables/main.ts', import.meta.url).pathname
const enforcing = {
  ...{ host: 'kvm', release: 'test', observe: false, maxConnections: 0, decisionsPerSecond: 0, verifyMs: 0 },
  sources: {},
}

const placementOf = (mac: Mac, device: string, action: Action): Placement => ({
  ...{ id: mac, device, found: true, index: 1, type: 'public', mac, addresses: [], allowedAddresses: [] },
  ...{ senderCheck: false, observe: false, vlanTrunk: false, allowedFrames: [], maxConnections: 0 },
  policies: [action],
})

const policyOf = (action: 'allow' | 'deny'): Policy => ({
  ...{ id: action, revision: 1, rules: [], enabled: true, order: 'first-match', stateful: false },
  ...{ defaultIngress: action, defaultEgress: action, filters: ['ingress', 'egress'] },
  ...{ appliesTo: ['public'], guards: defaultSwitches, builtIn: null },
})
