/** The native API keeps no lists of rules yet, so it runs none of the cases that all dialects run (gaps.ts). */
import type { Call, Driver, Reference, Values, Whose } from '../conformance.ts'
import { made } from '../conformance.ts'
import { gaps } from './gaps.ts'

async function fill(call: Call, whose: Whose): Promise<Values> {
  const { servers } = await made(call('GET', '/v1/servers'))
  const { revisions } = await made(call('GET', '/v1/revisions?limit=1000'))
  return {
    'credentials/id': (await made(call('POST', '/v1/credentials', bodies.createCredential))).id,
    'hosts/host': `${whose}-host`,
    'policies/id': await policyOf(call, revisions),
    'servers/id': servers[0].id,
    interface: servers[0].interfaces[0].id,
    revision: String(revisions[0].revision),
  }
}

/** One that was changed and is still there. */
async function policyOf(
  call: Call,
  revisions: readonly { readonly policy: string | null }[],
): Promise<string> {
  for (const { policy } of revisions) {
    if (policy !== null && (await call('GET', `/v1/policies/${policy}`)).status === 200) return policy
  }
  throw new Error('no policy was changed')
}

const bodies = {
  createCredential: { kind: 'token', scopes: ['read'] },
  updateCredential: { label: 'renamed' },
}

const packet = { protocol: 'tcp', source: '192.0.2.1', destination: '192.0.2.2', destinationPort: 22 }
const traced = (server: string | undefined, more: object = {}) => ({
  ...{ server, direction: 'ingress', packet },
  ...more,
})

const references = (own: Values): readonly Reference[] => [
  {
    ...{ name: 'trace: server', value: 'servers/id' },
    send: (call, id) => call('POST', '/v1/trace', traced(id)),
  },
  {
    ...{ name: 'trace: interface', value: 'interface' },
    send: (call, id) => call('POST', '/v1/trace', traced(own['servers/id'], { interface: id })),
  },
]

export const driver: Driver = {
  title: 'the native API',
  ...{ gaps, missing: {} },
  inventory: { own: {}, foreign: {} },
  lists: [],
  ...{ fill, references, bodies },
}
