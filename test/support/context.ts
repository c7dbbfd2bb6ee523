/** A caller, for tests of services. */
import type { Context } from '../../src/service/context.ts'
import { actor } from './stores.ts'

export const contextOf = (account: string, now = actor.at): Context => ({
  principal: {
    ...{ account, scopes: new Set(['read', 'write'] as const) },
    credential: {
      ...({ id: 'c', account, kind: 'token', lookup: '', hash: '', label: 'tester' } as const),
      ...{ scopes: [], attributes: {} },
    },
  },
  ...{ dialect: 'upcloud', requestId: 'r', now },
})
