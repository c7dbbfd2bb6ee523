/** Killed under load, over and over: what was acknowledged is there, and the chain is whole. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { describe, test } from 'node:test'
import { actor, engines, inventory } from '../../test/support/stores.ts'

const program = new URL('../../test/support/crash-writer.ts', import.meta.url).pathname
const kills = 50
/** Acknowledgements to wait for before the kill: from the first one to well under way. */
const patience = (round: number) => 1 + ((round * 13) % 60)

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`kill -9 under load on ${engine}`, { skip }, () => {
    test(`${kills} times: no acknowledged write is lost, the store opens, positions are dense`, async () => {
      const store = await create()
      try {
        const setUp = await store.open()
        await setUp.run('applyInventory', { inventory: inventory('a') }, actor)
        await setUp.close()
        const acknowledged = new Set<string>()
        for (let round = 0; round < kills; round++) {
          await load(store.flags, round * 1_000_000, patience(round), acknowledged)
          // Every tenth round is enough to look at everything; every round opens what the last one left.
          if (round % 10 !== 9) continue
          const storage = await store.open()
          const rules = await storage.rules('chain-a')
          assert.deepEqual(
            rules.map((rule) => rule.position),
            rules.map((_, index) => index + 1),
          )
          const there = new Set(rules.map((rule) => rule.id))
          assert.equal(there.size, rules.length, 'no rule is there twice')
          assert.deepEqual(
            [...acknowledged].filter((id) => !there.has(id)),
            [],
          )
          assert.equal(await storage.revision(), rules.length + 1, 'a revision for every rule, none without')
          await storage.close()
        }
        assert.ok(acknowledged.size >= kills, `only ${acknowledged.size} writes were acknowledged`)
      } finally {
        await store.remove()
      }
    })
  })
}

/** Starts a writer, and kills it when it has told of so many writes. */
function load(
  flags: readonly string[],
  from: number,
  acknowledgements: number,
  acknowledged: Set<string>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [...flags, String(from)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let left = acknowledgements
    let said = ''
    child.stderr?.on('data', (text) => {
      said += text
    })
    child.on('message', (id: string) => {
      acknowledged.add(id)
      if (--left === 0) child.kill('SIGKILL')
    })
    child.on('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve()
      else reject(new Error(`the writer ended with ${code}: ${said}`))
    })
  })
}
