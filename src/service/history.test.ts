/** Events that are no write. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startService } from '../../test/support/service.ts'

test('a setting of the installation is an event when it changes, and nobody’s to read', async () => {
  const service = await startService()
  try {
    const { history } = service.services
    const by = { account: '', actor: 'serve', dialect: 'system', requestId: '', at: 1 } as const
    const set = (after: object) =>
      history.recordSetting(by, {
        ...({ operation: 'enforcement.set', resource: 'host', id: 'kvm1' } as const),
        after: { ...after },
      })
    const before = await service.storage.revision()
    await set({ guard: ['tap*'] })
    await set({ guard: ['tap*'] })
    await set({ guard: ['tap*'], observe: true })
    assert.equal(await service.storage.revision(), before + 2)
    const [event] = (await service.storage.audit({ account: '', limit: 1 })).items
    assert.deepEqual([event?.before, event?.after], [{ guard: ['tap*'] }, { guard: ['tap*'], observe: true }])
    const { body } = await service.call('GET', '/v1/audit')
    assert.deepEqual(body.events, [])
  } finally {
    await service.close()
  }
})
