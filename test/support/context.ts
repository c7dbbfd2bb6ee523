/** A caller, for tests of services. */
import { type Context, noCredential } from '../../src/service/context.ts'
import { actor } from './stores.ts'

export const contextOf = (account: string, now = actor.at): Context => ({
  principal: {
    ...{ account, scopes: new Set(['read', 'write'] as const) },
    credential: { ...noCredential, id: 'c', account, label: 'tester' },
  },
  ...{ dialect: 'upcloud', requestId: 'r', now },
})
