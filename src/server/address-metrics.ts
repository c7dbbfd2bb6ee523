/** What /metrics tells of the pools of addresses. */
import { Gauge, type Registry } from 'prom-client'
import type { PoolUse } from '../storage/storage.ts'

/** `use` is asked at every scrape; when it cannot answer, the series are left out. */
export function createAddressMetrics(registry: Registry, use: () => Promise<readonly PoolUse[]>): void {
  new Gauge({
    name: 'portcullis_pool_addresses',
    help: 'Addresses or prefixes of a pool, by state: free, held, quarantined.',
    labelNames: ['kind', 'dialect', 'zone', 'state'],
    registers: [registry],
    async collect() {
      const pools = await use().catch(() => [])
      this.reset()
      for (const { kind, profile, zone, ...counts } of pools) {
        for (const state of ['free', 'held', 'quarantined'] as const) {
          this.set({ kind, dialect: profile ?? '', zone: zone ?? '', state }, counts[state])
        }
      }
    },
  })
}
