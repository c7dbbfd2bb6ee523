/** What /metrics tells, in Prometheus' text format: docs/metrics.md is made from it. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { HostView } from '../service/host-view.ts'
import type { PoolUse, Storage } from '../storage/storage.ts'
import { createAddressMetrics } from './address-metrics.ts'
import { type CertificateState, createCertificateMetrics } from './certificate-metrics.ts'
import { createConnectionMetrics } from './connection-metrics.ts'
import { createEnforcementMetrics, type EnforcementMetrics } from './enforcement-metrics.ts'
import { createHttpMetrics, type HttpMetrics } from './http-metrics.ts'
import { createInventoryMetrics, type InventoryState } from './inventory-metrics.ts'
import { createSightingMetrics } from './sighting-metrics.ts'
import { createStoreMetrics } from './store-metrics.ts'
import { createTrafficMetrics, type Traffic } from './traffic-metrics.ts'

export interface Metrics extends HttpMetrics, EnforcementMetrics {
  readonly contentType: string
  text(): Promise<string>
  /** What there is, without values. */
  described(): readonly Described[]
}

export interface Described {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labels: readonly string[]
}

/** Asked at every scrape. */
export interface MetricSources {
  /** Of this package. */
  readonly version: string
  readonly hosts: () => readonly HostView[]
  readonly pools: () => Promise<readonly PoolUse[]>
  readonly traffic: Traffic
  /** Devices without an interface, by host. */
  readonly unclaimed: () => ReadonlyMap<string, number>
  /** Of the file that is followed; undefined: none is. */
  readonly inventory: () => InventoryState | undefined
  /** That this process presents; undefined: it speaks plain HTTP. */
  readonly certificate: () => CertificateState | undefined
  readonly store: Pick<Storage, 'revision' | 'activity' | 'size' | 'onTransaction'>
}

/**
 * No series bears the name of an account, and none has a label whose values a client makes up: hosts, devices, pools and
 * operations are the operator's or ours, and interfaces are named by id, a bounded number of them.
 */
export function createMetrics(sources: MetricSources): Metrics {
  const { version, hosts, pools, traffic, unclaimed, store, inventory, certificate } = sources
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'portcullis_build_info',
    help: 'Always 1; its labels tell the version of Portcullis and of Node.js.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1)
  const http = createHttpMetrics(registry)
  const enforcement = createEnforcementMetrics(registry, hosts)
  createConnectionMetrics(registry, hosts)
  createTrafficMetrics(registry, traffic)
  createSightingMetrics(registry, unclaimed)
  createStoreMetrics(registry, store)
  createInventoryMetrics(registry, inventory)
  createCertificateMetrics(registry, certificate)
  createAddressMetrics(registry, pools)
  return {
    ...http,
    ...enforcement,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    described: () =>
      registry.getMetricsAsArray().map((metric) => {
        const { labelNames = [] } = metric as unknown as { readonly labelNames?: readonly string[] }
        return { name: metric.name, type: String(metric.type), help: metric.help, labels: labelNames }
      }),
  }
}
