/** A store that holds so many interfaces, and what it takes to tell an agent of one edit. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Interface } from '../src/core/model/interface.ts'
import { TCP } from '../src/core/net/protocol.ts'
import { manifest as upcloud } from '../src/dialects/upcloud/manifest.ts'
import { createDesiredFeed } from '../src/service/desired.ts'
import { policyRecord } from '../src/service/records.ts'
import { openSqlite } from '../src/storage/sqlite.ts'
import type { Actor, InventoryRecords, NewRule, ServerRecord } from '../src/storage/storage.ts'
import { directory } from './workshop.ts'

const account = 'bench'
const actor: Actor = {
  account,
  actor: 'bench',
  dialect: 'upcloud',
  requestId: 'bench',
  at: 1_790_000_000_000,
}

const chainOf = (n: number) => ({ account, profile: 'upcloud', server: `server-${n}` }) as const

const serverOf = (n: number): InventoryRecords['servers'][number] => {
  const [id, policy] = [`server-${n}`, `policy-${n}`]
  const server: Omit<ServerRecord, 'revision'> = {
    ...{ id, account, profile: 'upcloud', name: id, number: null, zone: 'fi-hel1', state: 'started' },
    ...{ nextState: null, nextStateAt: null, createdAt: n, attributes: {} },
  }
  const nic: Interface = {
    ...{ id: `interface-${n}`, server: id, index: 1, mac: '02:00:00:00:00:01', type: 'public' },
    ...{ addresses: ['192.0.2.1'], allowedAddresses: [], senderCheck: true, observe: false },
    ...{ vlanTrunk: false, allowedFrames: [], maxConnections: null, host: 'local', device: `tap${n}` },
    attributes: {},
  }
  return {
    ...{ server, interfaces: [nic], attachments: [{ policy, server: id, interface: null }] },
    policies: [policyRecord({ ...upcloud.chain, enabled: true }, n, { id: policy, ...chainOf(n) })],
  }
}

/** Milliseconds from the commit of each of so many edits to what an agent is sent. */
export async function timesInStore(interfaces: number, edits: number): Promise<readonly number[]> {
  const path = mkdtempSync(join(directory, 'edits-'))
  const storage = await openSqlite({ directory: path })
  const feed = createDesiredFeed(storage, 'local')
  try {
    const inventory: InventoryRecords = {
      ...{ accounts: [{ id: account, name: account, attributes: {} }], credentials: [], documents: [] },
      servers: Array.from({ length: interfaces }, (_, n) => serverOf(n)),
    }
    await storage.run('applyInventory', { inventory }, actor)
    let update = await feed.poll(null)
    const times: number[] = []
    for (let n = 0; n < edits; n++) {
      const rule: NewRule = {
        ...{ direction: 'ingress', action: 'allow', enabled: true, spec: {} },
        matches: [{ protocol: TCP, destinationPorts: [{ first: n + 1, last: n + 1 }] }],
      }
      const of = { ...chainOf(Math.floor(interfaces / 2)), refuseStates: ['maintenance'] } as const
      const written = await storage.run(
        'insertRule',
        { ...of, rule, id: `rule-${n}`, maxRules: edits },
        actor,
      )
      if (!written.ok) throw new Error(`no rule was written: ${written.error.kind}`)
      const started = performance.now()
      update = await feed.poll(update?.revision ?? null)
      times.push(performance.now() - started)
      if (update?.from === null || update?.policies.length !== 1) throw new Error('an edit is one policy')
    }
    return times
  } finally {
    feed.close()
    await storage.close()
    rmSync(path, { recursive: true, force: true })
  }
}
