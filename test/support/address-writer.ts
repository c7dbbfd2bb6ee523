/**
 * A process to kill: makes servers with addresses of a pool and deletes them, without pause and several at a time, telling
 * its parent before each deletion and after each write.
 */
import { interfaceDefaults } from '../../src/core/model/interface.ts'
import { openPostgresql } from '../../src/storage/postgresql.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import { actor } from './stores.ts'

const [flag, place = '', round = '0'] = process.argv.slice(2)
const storage =
  flag === '--data' ? await openSqlite({ directory: place }) : await openPostgresql({ url: place })

const say = (id: string, there: boolean, about = false) => process.send?.({ id, there, about })

async function write(_: unknown, lane: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const id = `server-${round}-${lane}-${turn}`
    const taken = await storage.run(
      'takeAddresses',
      {
        account: 'acme',
        profile: 'upcloud',
        wanted: [{ pool: 'public-ipv4', count: 1 + (turn % 3) }],
      },
      actor,
    )
    if (!taken.ok) throw new Error(JSON.stringify(taken.error))
    const made = await storage.run(
      'createServer',
      {
        server: {
          ...{ id, account: 'acme', profile: 'upcloud', name: id, number: null, zone: '', state: 'stopped' },
          ...{ nextState: null, nextStateAt: null, createdAt: 0, attributes: {} },
        },
        interfaces: [
          {
            ...{ id: `nic-${id}`, server: id, index: 1, mac: '52:54:00:00:00:01', type: 'public' },
            ...{ ...interfaceDefaults, addresses: taken.value.addresses, attributes: {} },
          },
        ],
        policies: [],
        attachments: [],
        documents: [],
      },
      actor,
    )
    if (!made.ok) throw new Error(JSON.stringify(made.error))
    say(id, true)
    if (turn % 2 === 0) continue
    say(id, false, true)
    const target = {
      account: 'acme',
      profile: 'upcloud',
      server: id,
      refuseStates: [],
      documents: [],
    } as const
    const gone = await storage.run('deleteServer', target, actor)
    if (!gone.ok) throw new Error(JSON.stringify(gone.error))
    say(id, false)
  }
}
await Promise.all(Array.from({ length: 4 }, write))
