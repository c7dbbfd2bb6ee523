/** What /metrics tells, in Prometheus' text format. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type InterfaceStatus, interfaceStates, type PerDirection } from '../core/model/desired.ts'
import type { HostWords } from '../core/model/status-change.ts'
import type { HostView } from '../service/host-view.ts'
import type { PoolUse } from '../storage/storage.ts'
import { createAddressMetrics } from './address-metrics.ts'
import { createConnectionMetrics } from './connection-metrics.ts'
import { createTrafficMetrics, type Traffic } from './traffic-metrics.ts'

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  request(labels: { dialect: string; operation: string; status: number }, seconds: number): void
  /** One more that is being sent, or one less. */
  streams(labels: { dialect: string; operation: string }, by: 1 | -1): void
  applied(seconds: number): void
  applyFailed(): void
  /** `failed`: some that should have ended may go on. */
  flowsCut(flows: number, failed: boolean): void
}

/** `hosts`, `pools` and `traffic` are asked at every scrape. */
export function createMetrics(
  hosts: () => readonly HostView[],
  pools: () => Promise<readonly PoolUse[]>,
  traffic: Traffic,
): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'portcullis_http_request_duration_seconds',
    help: 'Time to answer a request; of a stream, until it begins',
    labelNames: ['dialect', 'operation', 'status'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  })
  const streams = new Gauge({
    name: 'portcullis_http_streams',
    help: 'Answers that are being sent as a stream of events',
    labelNames: ['dialect', 'operation'],
    registers,
  })
  const apply = new Histogram({
    name: 'portcullis_apply_duration_seconds',
    help: 'Time to bring the dataplane to what is desired, successful rounds',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  const failures = new Counter({
    name: 'portcullis_apply_failures_total',
    help: 'Rounds in which the dataplane could not be changed; what was enforced stayed',
    registers,
  })
  const cut = new Counter({
    name: 'portcullis_flows_cut_total',
    help: 'Tracked connections that were ended because a change of rules denies them',
    registers,
  })
  const cutFailures = new Counter({
    name: 'portcullis_flows_cut_failures_total',
    help: 'Looks at tracked connections that failed: some that rules deny now may have gone on',
    registers,
  })
  const gauge = (name: string, help: string, value: (words: HostWords) => number | null) =>
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
  gauge('portcullis_desired_revision', 'Newest revision the agent knows', (host) => host.desiredRevision)
  gauge('portcullis_applied_revision', 'Revision that is enforced', (host) => host.appliedRevision)
  gauge('portcullis_failing', '1 while what is desired cannot be applied', (host) =>
    Number(host.state === 'failing'),
  )
  gauge('portcullis_repairs', 'Foreign changes repaired since start', (host) => host.repairs)
  gauge('portcullis_observing', '1 while nothing is dropped on the whole host', (host) =>
    Number(host.observe),
  )
  new Gauge({
    name: 'portcullis_interfaces',
    help: 'Interfaces on the host, by state',
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
    help: '1 for each interface that cannot be enforced',
    labelNames: ['host', 'interface', 'device'],
    registers,
    collect() {
      this.reset()
      for (const { words, noteworthy } of hosts()) {
        for (const { id, device, state } of noteworthy()) {
          if (state === 'failing') this.set({ host: words.host, interface: id, device }, 1)
        }
      }
    },
  })
  const packets = (name: string, help: string, value: (of: InterfaceStatus) => PerDirection | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['host', 'interface', 'device', 'direction'],
      registers,
      collect() {
        this.reset()
        for (const { words, noteworthy } of hosts()) {
          for (const each of noteworthy()) {
            for (const [direction, now] of Object.entries(value(each) ?? {})) {
              this.set({ host: words.host, interface: each.id, device: each.device, direction }, now)
            }
          }
        }
      },
    })
  packets(
    'portcullis_would_deny_packets',
    'Packets of observed interfaces that would have been dropped since the agent started',
    ({ denials }) => denials,
  )
  packets(
    'portcullis_rejections_unanswered_packets',
    'Rejected packets in a bridge whose sender could not be told, since the agent started',
    ({ unanswered }) => unanswered,
  )
  createConnectionMetrics(registry, hosts)
  createAddressMetrics(registry, pools)
  createTrafficMetrics(registry, traffic)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    request: (labels, seconds) => requests.observe(labels, seconds),
    streams: (labels, by) => streams.inc(labels, by),
    applied: (seconds) => apply.observe(seconds),
    applyFailed: () => failures.inc(),
    flowsCut(flows, failed) {
      cut.inc(flows)
      if (failed) cutFailures.inc()
    },
  }
}
