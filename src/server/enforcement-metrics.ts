/** What /metrics tells of the hosts whose agents speak to this process, and of changes to what they enforce. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type InterfaceStatus, interfaceStates, type PerDirection } from '../core/model/desired.ts'
import type { HostWords } from '../core/model/status-change.ts'
import type { HostView } from '../service/host-view.ts'
import { namedInterfaces, namedNote } from './named-interfaces.ts'

export interface EnforcementMetrics {
  applied(seconds: number): void
  applyFailed(): void
  /** Policies and interfaces that an agent held otherwise than it was told. */
  differing(count: number): void
  /** `failed`: some that should have ended may go on. */
  flowsCut(flows: number, failed: boolean): void
  /** An agent has taken the place of another one of its host. */
  agentReplaced(): void
}

const hostStates = ['starting', 'applied', 'applying', 'failing'] as const satisfies HostWords['state'][]

export function createEnforcementMetrics(
  registry: Registry,
  hosts: () => readonly HostView[],
): EnforcementMetrics {
  const registers = [registry]
  const apply = new Histogram({
    name: 'portcullis_apply_duration_seconds',
    help: 'Time to bring the dataplane to what is desired, of rounds that succeeded.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  const counter = (name: string, help: string) => new Counter({ name, help, registers })
  const differences = counter(
    'portcullis_agent_differences_total',
    'Policies and interfaces that an agent was found to hold otherwise than it was told; they are repaired.',
  )
  const failures = counter(
    'portcullis_apply_failures_total',
    'Rounds in which the dataplane could not be changed; what was enforced stayed.',
  )
  const cut = counter(
    'portcullis_flows_cut_total',
    'Tracked connections that were ended because a change of rules denies them.',
  )
  const cutFailures = counter(
    'portcullis_flows_cut_failures_total',
    'Looks at tracked connections that failed: some that rules deny now may have gone on.',
  )
  const replaced = counter(
    'portcullis_agents_replaced_total',
    'Agents in whose place another one of the same host has connected: more than one runs with its token.',
  )
  const byHost = (name: string, help: string, value: (words: HostWords) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ['host'],
      registers,
      collect() {
        this.reset()
        for (const { words } of hosts()) {
          const now = value(words)
          if (now !== null) this.set({ host: words.host }, now)
        }
      },
    })
  byHost(
    'portcullis_desired_revision',
    'Newest revision that the agent of the host knows.',
    (host) => host.desiredRevision,
  )
  byHost(
    'portcullis_applied_revision',
    'Revision that is enforced on the host.',
    (host) => host.appliedRevision,
  )
  byHost('portcullis_failing', 'Whether (1) what is desired cannot be applied on the host.', (host) =>
    Number(host.state === 'failing'),
  )
  byHost('portcullis_observing', 'Whether (1) nothing is dropped on the whole host.', (host) =>
    Number(host.observe),
  )
  new Counter({
    name: 'portcullis_repairs_total',
    help: 'Changes by others to the tables of the host that were repaired, since its agent started.',
    labelNames: ['host'],
    registers,
    collect() {
      this.reset()
      for (const { words } of hosts()) this.inc({ host: words.host }, words.repairs)
    },
  })
  new Gauge({
    name: 'portcullis_hosts',
    help: 'Hosts whose agents speak to this process, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const there = hosts()
      for (const state of hostStates)
        this.set({ state }, there.filter(({ words }) => words.state === state).length)
    },
  })
  new Gauge({
    name: 'portcullis_interfaces',
    help: 'Interfaces on the host, by state.',
    labelNames: ['host', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { words, states } of hosts()) {
        for (const state of interfaceStates) this.set({ host: words.host, state }, states[state])
      }
    },
  })
  new Gauge({
    name: 'portcullis_interface_failing',
    help: `Always 1: the interface cannot be enforced as desired. ${namedNote}`,
    labelNames: ['host', 'interface', 'device'],
    registers,
    collect() {
      this.reset()
      for (const { labels } of namedInterfaces(hosts(), ({ state }) => state === 'failing')) {
        this.set(labels, 1)
      }
    },
  })
  const packets = (name: string, help: string, value: (of: InterfaceStatus) => PerDirection | undefined) =>
    new Counter({
      name,
      help: `${help} ${namedNote}`,
      labelNames: ['host', 'interface', 'device', 'direction'],
      registers,
      collect() {
        this.reset()
        for (const { labels, status } of namedInterfaces(hosts(), (each) => value(each) !== undefined)) {
          for (const [direction, now] of Object.entries(value(status) ?? {}))
            this.inc({ ...labels, direction }, now)
        }
      },
    })
  packets(
    'portcullis_would_deny_packets_total',
    'Packets of an observed interface that would have been dropped, since the agent started.',
    ({ denials }) => denials,
  )
  packets(
    'portcullis_rejections_unanswered_packets_total',
    'Rejected packets in a bridge whose sender could not be told, since the agent started.',
    ({ unanswered }) => unanswered,
  )
  return {
    applied: (seconds) => apply.observe(seconds),
    applyFailed: () => failures.inc(),
    differing: (count) => differences.inc(count),
    agentReplaced: () => replaced.inc(),
    flowsCut(flows, failed) {
      cut.inc(flows)
      if (failed) cutFailures.inc()
    },
  }
}
