/** What /metrics tells of guests' devices that hosts see. */
import { Gauge, type Registry } from 'prom-client'

/** `counts` is asked at every scrape: devices without an interface, by host. */
export function createSightingMetrics(registry: Registry, counts: () => ReadonlyMap<string, number>): void {
  new Gauge({
    name: 'portcullis_devices_unclaimed',
    help: 'Devices of guests that a host sees and no interface is on, where its agent says what it sees.',
    labelNames: ['host'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [host, count] of counts()) this.set({ host }, count)
    },
  })
}
