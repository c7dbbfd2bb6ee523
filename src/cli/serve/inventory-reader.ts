/** Reads a large inventory, or beside a large store, in a thread of its own, so that nobody waits for it. */
import { Worker } from 'node:worker_threads'
import { providersOf } from '../../dialects/catalogue.ts'
import type { Dialects } from '../../dialects/dialect.ts'
import { createPasswordMemory } from '../../service/inventory/password-memory.ts'
import { createInventoryReader, type InventoryReader } from '../../service/inventory.ts'
import type { Done, Order } from './inventory-worker.ts'
import type { OpenedStore } from './store.ts'

const program = new URL(
  import.meta.url.endsWith('.ts') ? 'inventory-worker.ts' : 'inventory-worker.js',
  import.meta.url,
)

/** MiB of the thread's own heap: 100,000 servers need some 600. */
const maxHeap = 4096

/** What is less takes some milliseconds, and a thread takes longer to start. */
const small = { textLength: 100_000, servers: 1000 }

export function createThreadedReader(
  { storage, where }: OpenedStore,
  dialects: Dialects,
  catalogue: string | undefined,
): InventoryReader {
  const passwords = createPasswordMemory()
  const here = createInventoryReader(storage, providersOf(dialects), passwords)
  const isSmall = async (text = '') =>
    text.length < small.textLength && (await storage.serverCount()) < small.servers
  async function ask<T>(what: Order['ask']): Promise<T> {
    const order: Order = { where, passwords, ask: what, ...(catalogue !== undefined && { catalogue }) }
    const { answer, known } = await run(order)
    for (const [hash, digest] of known) passwords.known.set(hash, digest)
    return answer as T
  }
  return {
    prepare: async (request) =>
      (await isSmall(request.text)) ? here.prepare(request) : ask({ prepare: request }),
    encode: async (request) =>
      (await isSmall(request.text)) ? here.encode(request) : ask({ encode: request }),
    export: async (owned) => ((await isSmall()) ? here.export(owned) : ask({ export: owned })),
  }
}

function run(order: Order): Promise<Done> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, {
      workerData: order,
      resourceLimits: { maxOldGenerationSizeMb: maxHeap },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread that reads an inventory has ended')))
  })
}
