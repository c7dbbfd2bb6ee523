/**
 * The thread that reads one inventory: it parses, checks and compares 100,000 servers while the others go on answering. It
 * reads the store by itself, writes nothing, and its memory ends with it.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { providersOf } from '../../dialects/catalogue.ts'
import type { PasswordMemory } from '../../service/inventory/password-memory.ts'
import {
  createInventoryReader,
  type InventoryReader,
  type InventoryRequest,
} from '../../service/inventory.ts'
import { openSqliteReader } from '../../storage/sqlite.ts'
import type { Storage } from '../../storage/storage.ts'
import { dialectsOf } from './files.ts'

/** Where the store is: a directory, or a database's URL. */
export type Where = { readonly directory: string } | { readonly url: string }

export interface Order {
  readonly where: Where
  readonly catalogue?: string
  readonly passwords: PasswordMemory
  readonly ask:
    | { readonly prepare: Omit<InventoryRequest, 'passwords'> }
    | { readonly encode: Omit<InventoryRequest, 'passwords'> }
    | { readonly export: boolean }
}

/** With what is known of passwords by now. */
export interface Done {
  readonly answer: unknown
  readonly known: PasswordMemory['known']
}

async function work({ where, catalogue, passwords, ask }: Order): Promise<Done> {
  const dialects = await dialectsOf(catalogue === undefined ? {} : { catalogue })
  if (!dialects.ok) return { answer: dialects, known: passwords.known }
  const storage = await open(where)
  try {
    const reader = createInventoryReader(storage, providersOf(dialects.value), passwords)
    return { answer: await answerOf(reader, ask), known: passwords.known }
  } finally {
    await storage.close()
  }
}

const answerOf = (reader: InventoryReader, ask: Order['ask']): Promise<unknown> =>
  'prepare' in ask
    ? reader.prepare(ask.prepare)
    : 'encode' in ask
      ? reader.encode(ask.encode)
      : reader.export(ask.export)

async function open(where: Where): Promise<Storage> {
  if ('directory' in where) return openSqliteReader(where.directory)
  const { openPostgresql } = await import('../../storage/postgresql.ts')
  return openPostgresql({ url: where.url })
}

// Last: what stands above is there only then.
if (parentPort) parentPort.postMessage(await work(workerData as Order))
