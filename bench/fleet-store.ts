/** A store with many hosts: a server with interfaces on each, one group on all of them, and a policy of each server’s own. */
import { manifest } from '../src/dialects/upcloud/manifest.ts'
import { createOperatorService } from '../src/service/operators.ts'
import { policyRecord } from '../src/service/records.ts'
import { tokenOf } from '../src/service/secrets.ts'
import type { NewRule, Storage } from '../src/storage/storage.ts'
import { actor, inventory } from '../test/support/stores.ts'

export const account = 'acme'
export const token = `pcl_${'bench'.padEnd(43, '0')}`
export const hostOf = (n: number): string => `kvm-${n}`
export const ownPolicy = (n: number): string => `own-${n}`
export const group = 'group'

/** Rules of the group, and interfaces of each host. */
const [rules, interfaces] = [20, 4]

const ruleOf = (n: number): NewRule => ({
  ...{ direction: 'ingress', action: 'allow', enabled: true },
  matches: [{ protocol: 6, destinationPorts: [{ first: 1000 + n, last: 1000 + n }] }],
  spec: {},
})

/** Replaces the rules of the group. */
export const changeGroup = (storage: Storage, name: string) =>
  storage.run(
    'updatePolicy',
    {
      ...{ account, profile: 'native', policy: group },
      rules: {
        rules: Array.from({ length: rules }, (_, n) => ruleOf(n)),
        ids: Array.from({ length: rules }, (_, n) => `${name}-${n}`),
      },
    },
    actor,
  )

export async function fillStore(storage: Storage, hosts: number): Promise<void> {
  const named = inventory(...Array.from({ length: hosts }, (_, n) => `server-${n}`))
  const servers = named.servers.map(({ server, interfaces: [nic] }, n) => ({
    server: { ...server, profile: 'native' },
    interfaces: Array.from({ length: interfaces }, (_, index) => {
      if (!nic) throw new Error('a server has an interface')
      return { ...nic, id: `nic-${n}-${index}`, index: index + 1, host: hostOf(n), device: `tap${index}` }
    }),
  }))
  const must = async (...call: Parameters<Storage['run']>) => {
    const done = await storage.run(...call)
    if (!done.ok) throw new Error(JSON.stringify(done.error))
  }
  await must('applyInventory', { inventory: { ...named, servers } }, actor)
  const policy = (id: string, count: number) =>
    must(
      'createPolicy',
      {
        policy: policyRecord(manifest.chain, 1, { id, account, profile: 'native', name: id, enabled: true }),
        rules: Array.from({ length: count }, (_, n) => ruleOf(n)),
        ids: Array.from({ length: count }, (_, n) => `${id}-${n}`),
      },
      actor,
    )
  await policy(group, rules)
  await Promise.all(
    servers.map(async ({ server: { id } }, n) => {
      await policy(ownPolicy(n), 5)
      const target = { account, profile: 'native', server: id, refuseStates: [] }
      await must('updateServer', { ...target, attach: [group, ownPolicy(n)] }, actor)
    }),
  )
  const made = await createOperatorService(storage, 'bench').create(
    { name: 'bench', expiresAt: null },
    Date.now(),
    { secret: tokenOf(token) },
  )
  if (!made.ok) throw new Error(JSON.stringify(made.error))
}
