/** Both engines, opened empty, for suites that run on each; and records to fill them with. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { manifest } from '../../src/dialects/upcloud/manifest.ts'
import { noCredential } from '../../src/service/context.ts'
import { policyRecord } from '../../src/service/records.ts'
import { openPostgresql } from '../../src/storage/postgresql.ts'
import { openSqlite } from '../../src/storage/sqlite.ts'
import type { Actor, InventoryRecords, NewPolicyRecord, NewRule, Storage } from '../../src/storage/storage.ts'
import type { Place } from '../../src/storage/whole/whole-store.ts'
import { createDatabase, noPostgresql } from './postgresql.ts'

export interface TestStore {
  /** Opens it, or opens it again. */
  open(): Promise<Storage>
  /** What `serve` is told to use it. */
  readonly flags: readonly string[]
  /** For what works on all of it. */
  readonly place: Place
  /** Statements behind the back of whoever has it open. */
  run(sql: string): Promise<void>
  remove(): Promise<void>
}

export const engines: Record<
  Storage['engine'],
  {
    readonly skip: string | false
    /** Empty, or filled by these statements before it is opened for the first time. */
    readonly create: (sql?: string) => Promise<TestStore>
  }
> = {
  sqlite: {
    skip: false,
    async create(sql) {
      const directory = mkdtempSync(join(tmpdir(), 'portcullis-store-'))
      const run = async (statements: string) => {
        const database = new DatabaseSync(join(directory, 'portcullis.db'))
        try {
          database.exec(statements)
        } finally {
          database.close()
        }
      }
      if (sql !== undefined) await run(sql)
      return {
        open: () => openSqlite({ directory }),
        flags: ['--data', directory],
        place: { directory },
        run,
        remove: async () => rmSync(directory, { recursive: true, force: true }),
      }
    },
  },
  postgresql: {
    skip: noPostgresql,
    async create(sql) {
      const database = await createDatabase()
      if (sql !== undefined) await database.run(sql)
      return {
        open: () => openPostgresql({ url: database.url }),
        flags: ['--database', database.url],
        place: { url: database.url },
        run: database.run,
        remove: () => database.drop(),
      }
    },
  },
}

export const actor: Actor = {
  account: 'acme',
  actor: 'tester',
  dialect: 'upcloud',
  requestId: 'request-1',
  at: 1_790_000_000_000,
}

const upcloud = manifest.chain

/** Two accounts; `acme` has the servers named, each with a public interface on host `local` and a chain `chain-NAME`. */
export function inventory(...servers: readonly string[]): InventoryRecords {
  const account = (id: string) => ({ id, name: id, attributes: {} })
  return {
    accounts: [account('acme'), account('other')],
    credentials: [
      {
        ...{ ...noCredential, id: 'credential-1', account: 'acme', lookup: 'aa', hash: 'aa' },
        ...{ scopes: ['read', 'write'], label: 'tester', origin: 'inventory' },
      },
    ],
    documents: [],
    servers: servers.map((id, index): InventoryRecords['servers'][number] => ({
      server: {
        id,
        account: 'acme',
        profile: 'upcloud',
        name: id,
        number: null,
        zone: 'fi-hel1',
        state: 'started',
        nextState: null,
        nextStateAt: null,
        createdAt: index,
        attributes: {},
      },
      interfaces: [
        {
          id: `nic-${id}`,
          server: id,
          index: 1,
          mac: '52:54:00:00:00:01',
          addresses: ['192.0.2.1'],
          allowedAddresses: ['198.51.100.0/24'],
          senderCheck: true,
          observe: false,
          vlanTrunk: false,
          allowedFrames: [],
          maxConnections: null,
          type: 'public',
          host: 'local',
          device: `tap-${id}`,
          attributes: {},
        },
      ],
      policies: [
        policyRecord({ ...upcloud, enabled: true }, index, {
          ...{ id: `chain-${id}`, account: 'acme', profile: 'upcloud', server: id },
        }),
      ],
      attachments: [{ policy: `chain-${id}`, server: id, interface: null }],
    })),
  }
}

/** A policy by itself, of the account `acme`. */
export const group = (id: string, more: Partial<NewPolicyRecord> = {}): NewPolicyRecord =>
  policyRecord(upcloud, 1, { id, account: 'acme', profile: 'upcloud', name: id, ...more })

export const chainTarget = (server: string) =>
  ({ account: 'acme', profile: 'upcloud', server, refuseStates: ['maintenance'] }) as const

/** A rule that is told apart by its comment. */
export function rule(comment: string): NewRule {
  return {
    direction: 'ingress',
    action: 'deny',
    enabled: true,
    matches: [{ protocol: 6, destinationPorts: [{ first: 22, last: 22 }] }],
    spec: { comment },
  }
}
