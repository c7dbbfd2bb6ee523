/** The log has a line for each write that changed something: who, what and as which revision, and no more. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import { actor, chainTarget, engines, inventory, rule } from '../../../test/support/stores.ts'
import type { Storage } from '../../storage/storage.ts'
import { logChanges } from './change-log.ts'

const system = { ...actor, account: '', actor: 'inventory', dialect: 'system', requestId: '' } as const

for (const [name, { skip, create }] of Object.entries(engines)) {
  describe(`the log of changes, on ${name}`, { skip }, () => {
    async function withLog(
      use: (storage: Storage, lines: Record<string, unknown>[], text: () => string) => Promise<void>,
    ) {
      const store = await create()
      const storage = await store.open()
      let text = ''
      const lines: Record<string, unknown>[] = []
      const logger = pino(
        { base: null, timestamp: false },
        {
          write(line: string) {
            text += line
            lines.push(JSON.parse(line))
          },
        },
      )
      const stop = logChanges(storage, logger)
      try {
        await use(storage, lines, () => text)
      } finally {
        stop()
        await storage.close()
        await store.remove()
      }
    }

    test('a line for a write, with its revision; none for what is refused, without effect, or a login', async () => {
      await withLog(async (storage, lines) => {
        await storage.run('applyInventory', { inventory: inventory('web') }, system)
        const target = chainTarget('web')
        const insert = { ...target, rule: rule('a secret'), id: 'rule-1', maxRules: 1 }
        const done = await storage.run('insertRule', insert, {
          ...{ ...actor, credential: { id: 'c1', label: 'ada\u202e' } },
        })
        assert.ok(done.ok)
        assert.ok(!(await storage.run('insertRule', { ...insert, id: 'rule-2' }, actor)).ok)
        const again = { ...target, rules: [rule('a secret')], ids: ['rule-1'], maxRules: 9 }
        assert.deepEqual(
          await storage.run('replaceRules', again, actor).then((r) => r.ok && r.value.changed),
          false,
        )
        const event = {
          operation: 'login.failed',
          resource: 'credential',
          id: 'x',
          before: null,
          after: null,
        } as const
        await storage.run('recordEvent', { event }, actor)
        assert.deepEqual(lines, [
          {
            level: 30,
            revision: 1,
            account: '',
            actor: 'inventory',
            dialect: 'system',
            operation: 'inventory.apply',
            resource: 'inventory',
            id: '',
            msg: 'changed',
          },
          {
            ...{
              level: 30,
              revision: done.value.revision,
              account: 'acme',
              actor: 'tester',
              dialect: 'upcloud',
            },
            ...{
              operation: 'rule.create',
              resource: 'rule',
              id: 'rule-1',
              server: 'web',
              policy: 'chain-web',
            },
            ...{ credential: 'c1', credentialLabel: 'ada\\u202e', reqId: 'request-1', msg: 'changed' },
          },
        ])
      })
    })

    test('many rules at once are a line, and so is an inventory that changes credentials', async () => {
      await withLog(async (storage, lines) => {
        const first = inventory('web')
        await storage.run('applyInventory', { inventory: first }, system)
        const ids = Array.from({ length: 500 }, (_, n) => `rule-${n}`)
        const rules = ids.map(rule)
        await storage.run('replaceRules', { ...chainTarget('web'), rules, ids, maxRules: 1000 }, actor)
        const [credential] = first.credentials
        assert.ok(credential)
        const more = Array.from({ length: 5 }, (_, n) => ({
          ...credential,
          id: `c${n}`,
          lookup: `l${n}`,
          label: `l${n}`,
        }))
        await storage.run(
          'applyInventory',
          { inventory: { ...first, credentials: [credential, ...more] } },
          system,
        )
        assert.deepEqual(
          lines.map(({ operation, revision, lastRevision }) => [operation, revision, lastRevision]),
          [
            ['inventory.apply', 1, undefined],
            ['rule.replace', 2, undefined],
            ['inventory.apply', 3, 8],
          ],
        )
        assert.equal(await storage.revision(), 8)
      })
    })

    test('what tenants name does nothing where the log is read, and no secret is in it', async () => {
      await withLog(async (storage, lines, text) => {
        const name = 'x\n{"level":60}\u001b[2J\u009b2J\u2028\u202egnp'
        await storage.run('applyInventory', { inventory: inventory('web') }, { ...system, actor: name })
        const [line] = lines
        assert.equal(line?.actor, 'x\n{"level":60}\u001b[2J\\u009b2J\\u2028\\u202egnp')
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        assert.doesNotMatch(text(), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/)
        assert.equal(text().split('\n').length, 2)
        const insert = { ...chainTarget('web'), rule: rule('a secret comment'), id: 'rule-1', maxRules: 9 }
        await storage.run('insertRule', insert, { ...actor, request: { body: 'a secret body' } })
        assert.doesNotMatch(text(), /secret/)
      })
    })
  })
}
