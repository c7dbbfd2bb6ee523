/** One new server, as an inventory file would name it → what its creation writes: for whoever makes servers one at a time. */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import { ok } from '../core/result.ts'
import { chosen } from '../storage/programs/common.ts'
import type { InventoryRecords, Programs, Storage } from '../storage/storage.ts'
import { entrySchemas, readEntry } from './inventory/entry.ts'
import type { Provider } from './inventory/provider.ts'
import { type InterfaceEntry, ownValue, type ServerEntry } from './inventory/schema.ts'
import { type NamedIds, readServer, withChain } from './inventory/servers.ts'
import type { Outcome } from './outcome.ts'

export type NewServer = Programs['createServer']['args']

export interface NewServers {
  /** What the server of this id would be, with its interfaces, its chain and its default policy. `now` is milliseconds since 1970. */
  read(
    entry: JsonObject,
    as: { readonly id: string; readonly account: string; readonly now: number },
  ): Outcome<NewServer>
}

export function createNewServers(storage: Storage, providers: readonly Provider[]): NewServers {
  const schemas = entrySchemas(providers)

  /** What a server of the account may name: of documents only those that this one does. */
  async function namedBy(entry: JsonObject, account: string): Promise<readonly NamedIds[]> {
    return Promise.all(
      providers
        .flatMap(({ profile, inventory: { documents: of } }) => (of ? [{ profile, of }] : []))
        .map(async ({ profile, of }) => {
          const value = ownValue(entry, of.server.key)
          if (typeof value === 'string') {
            const document = await storage.document(profile, of.kind, value)
            return { profile, of, listed: document?.account === account ? [value] : [] }
          }
          if (of.server.as === 'zone' || entry.profile !== profile) return { profile, of, listed: [] }
          const all = await storage.documents({ account, profile, kind: of.kind })
          const oldest = all.toSorted((a, b) => Number(a.body.createdAt) - Number(b.body.createdAt))
          return { profile, of, listed: oldest.map(({ id }) => id) }
        }),
    )
  }

  function readNew(entry: JsonObject, id: string, account: string, named: readonly NamedIds[], now: number) {
    const nics = (entry.interfaces as readonly InterfaceEntry[] | undefined) ?? []
    const full = { ...entry, id, interfaces: nics.map((nic) => ({ ...nic, id: nic.id ?? randomUUID() })) }
    return readEntry(schemas.server, full, (checked, report) =>
      withChain(
        readServer(checked as unknown as ServerEntry, '', { account, named, providers }, now, report),
        providers,
      ),
    )
  }

  return {
    async read(entry, { id, account, now }) {
      const read = readNew(entry, id, account, await namedBy(entry, account), now)
      return read.ok ? ok(creationOf(read.value)) : read
    },
  }
}

type Read = InventoryRecords['servers'][number]

/** What the file makes of a new server, as a write. */
function creationOf(read: Read): NewServer {
  const {
    server,
    initial,
    interfaces,
    policies = [],
    attachments = [],
    choices,
    attachDefault,
    interfacePolicies,
  } = read
  return {
    server: { ...server, attributes: { ...initial, ...server.attributes } },
    ...{ interfaces, attachments, documents: [] },
    policies: policies.map((policy) => chosen({ ...policy, revision: 0 }, choices ?? {})),
    ...(attachDefault && { attachDefault }),
    ...(interfacePolicies && { interfacePolicies }),
  }
}
