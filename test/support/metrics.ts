/** Metrics of a service that has nothing, but for what a test gives it. */
import { createMetrics, type MetricSources, type Metrics } from '../../src/server/metrics.ts'
import { noTraffic } from './traffic.ts'

export const metricsOf = (sources: Partial<MetricSources> = {}): Metrics =>
  createMetrics({
    version: '0',
    hosts: () => [],
    pools: async () => [],
    unclaimed: () => new Map(),
    traffic: noTraffic,
    inventory: () => undefined,
    certificate: () => undefined,
    store: {
      revision: async () => 0,
      size: async () => 0,
      activity: () => ({ waiting: 0, ended: { committed: 0, unchanged: 0, refused: 0, failed: 0 } }),
      onTransaction: () => () => {},
    },
    ...sources,
  })
