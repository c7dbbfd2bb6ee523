/** Killed while it counts, over and over: with what the agent says again nothing is lost, and nothing is counted twice. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { test } from 'node:test'
import { counted, countedRules } from '../../test/support/agent-counts.ts'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import { createHitMemory } from './hit-memory.ts'

const program = new URL('../../test/support/hits-writer.ts', import.meta.url).pathname
const kills = 8

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`counts outlive ${kills} times kill -9 on ${engine}`, { skip, timeout: 120_000 }, async () => {
    const store = await create()
    try {
      const setUp = await store.open()
      await setUp.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
      await setUp.close()
      let said = 0
      for (let round = 0; round < kills; round++) {
        said = await countUntilKilled(store, said, 1 + ((round * 7) % 12))
        const storage = await store.open()
        try {
          const kept = (await storage.hits(['nic-a', 'nic-b'])).flatMap(({ hits }) => hits)
          assert.ok(kept.every(({ packets, bytes }) => packets <= said && bytes === packets * 100))
          for (const { decider, packets } of await storage.hitSums('acme', ['g'])) {
            const rows = kept.filter((each) => each.decider === decider)
            assert.equal(
              packets,
              rows.reduce((sum, each) => sum + each.packets, 0),
              'sums are of what is kept',
            )
          }
          const memory = createHitMemory(storage, () => {})
          memory.hear(counted(said))
          await memory.settled()
          for (const nic of ['nic-a', 'nic-b']) {
            const totals = [...(memory.of(nic)?.counted ?? [])].map(({ total }) => total.packets)
            assert.deepEqual(
              totals,
              countedRules.map(() => said),
            )
          }
        } finally {
          await storage.close()
        }
      }
    } finally {
      await store.remove()
    }
  })
}

/** Kills it when it has told so often; answers how far the agent's counters are. */
function countUntilKilled(store: TestStore, from: number, times: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [...store.flags, String(from)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let [last, words] = [from, '']
    child.stderr?.on('data', (text) => {
      words += text
    })
    child.on('message', (packets: number) => {
      last = packets
      if (packets === from + times) child.kill('SIGKILL')
    })
    child.on('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve(last)
      else reject(new Error(`it ended with ${code}: ${words}`))
    })
  })
}
