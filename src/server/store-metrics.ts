/** What /metrics tells of the store, as this process uses it. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { WriteEnd } from '../storage/storage.ts'
import type { MetricSources } from './metrics.ts'

/** What cannot be read is left out. */
export function createStoreMetrics(registry: Registry, store: MetricSources['store']): void {
  const registers = [registry]
  const durations = new Histogram({
    name: 'portcullis_store_transaction_duration_seconds',
    help: 'Time from the beginning of a transaction of this process until it was durable, or lost; small writes share one.',
    labelNames: ['outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  for (const outcome of ['committed', 'failed']) durations.zero({ outcome })
  store.onTransaction(({ seconds, committed }) =>
    durations.observe({ outcome: committed ? 'committed' : 'failed' }, seconds),
  )
  new Gauge({
    name: 'portcullis_store_waiting_writes',
    help: 'Writes of this process that are queued or under way.',
    registers,
    collect() {
      this.set(store.activity().waiting)
    },
  })
  new Counter({
    name: 'portcullis_store_writes_total',
    help: 'Writes of this process, by what became of them: committed, unchanged (everything was as wanted), refused, failed (trouble of the store).',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(store.activity().ended) as [WriteEnd, number][])
        this.inc({ outcome }, count)
    },
  })
  const read = (name: string, help: string, value: () => Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const now = await value().catch(() => undefined)
        if (now === undefined) this.remove()
        else this.set(now)
      },
    })
  read('portcullis_store_revision', 'Revision of the newest change that is committed, by any process.', () =>
    store.revision(),
  )
  read(
    'portcullis_store_size_bytes',
    'Size of the database on disk; of the embedded store with its journal.',
    () => store.size(),
  )
}
