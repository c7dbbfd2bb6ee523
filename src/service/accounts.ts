/** Accounts, as whoever runs the installation makes, changes, closes and ends them. */
import { randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { CutFlows } from '../core/model/policy.ts'
import { err, ok } from '../core/result.ts'
import { cutFlowsKey } from '../storage/account-settings.ts'
import {
  type KeyPage,
  type ManagedAccount,
  type NewDocument,
  type Quotas,
  quotaNames,
  type Storage,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { entrySchemas, readEntry, someOf } from './inventory/entry.ts'
import type { Provider } from './inventory/provider.ts'
import type { Condition, Outcome } from './outcome.ts'
import { keyOf, type Paged, pagedBy } from './pages.ts'

/** What an account may have so many of. */
export const limited = quotaNames

export interface AccountChange {
  readonly name?: string
  /** Null: as if never set. */
  readonly cutFlows?: CutFlows | null
  /** Null: not limited any more. */
  readonly quotas?: { readonly [N in keyof Quotas]: number | null }
  /** A closed account answers to nobody and keeps everything; hosts close its devices. */
  readonly closed?: boolean
  /** Keys of providers; null takes one away. */
  readonly own: JsonObject
}

/** Only for operators. */
export interface AccountService {
  /** By name. */
  page(
    filter: { readonly name?: string; readonly closed?: boolean },
    page: KeyPage,
  ): Outcome<Paged<ManagedAccount>>
  get(id: string): Outcome<ManagedAccount>
  create(
    ctx: Context,
    account: AccountChange & { readonly id?: string; readonly name: string },
    prepare: (id: string) => Context,
  ): Outcome<ManagedAccount>
  change(ctx: Context, id: string, change: AccountChange, condition: Condition): Outcome<ManagedAccount>
  /** `conflict` (account) while it has servers. */
  remove(ctx: Context, id: string, condition: Condition): Outcome<void>
  /** What it chose, and values of providers' keys. */
  describe(account: ManagedAccount): JsonObject
}

export function createAccountService(storage: Storage, providers: readonly Provider[]): AccountService {
  const unique = providers.flatMap(({ inventory: { account } }) => (account ? [account.key] : []))
  const schemas = entrySchemas(providers)

  async function get(id: string): Outcome<ManagedAccount> {
    const account = await storage.managedAccount(id)
    return account ? ok(account) : err({ kind: 'not-found', resource: 'account', id })
  }

  /** Checks what the inventory file would say of the same keys; null is no value. */
  function attributesOf({ own, name, cutFlows }: Partial<AccountChange>, id?: string) {
    const given = Object.entries({ ...own, name, id, cutFlows }).filter(([, value]) => value !== undefined)
    const values = Object.fromEntries(given.filter(([, value]) => value !== null)) as JsonObject
    const schema = someOf(schemas.account, ['id', 'name', cutFlowsKey, ...unique])
    const taken = Object.fromEntries(given.filter(([, value]) => value === null)) as JsonObject
    const unknown = Object.keys(taken).find((key) => key !== cutFlowsKey && !unique.includes(key))
    if (unknown !== undefined) return readEntry(schema, { [unknown]: null }, () => ({}))
    return readEntry(schema, values, ({ id: _, name: __, ...entry }): JsonObject => ({ ...entry, ...taken }))
  }

  return {
    async page(filter, page) {
      const key = keyOf(page, ['text'])
      return key.ok
        ? ok(
            await pagedBy(
              page,
              (more) => storage.accountPage(filter, more),
              ({ name }) => [name],
            ),
          )
        : key
    },
    get,
    async create(_ctx, account, prepare) {
      const { id = randomUUID(), name, quotas = {} } = account
      const attributes = attributesOf(account, id)
      if (!attributes.ok) return attributes
      const ctx = prepare(id)
      const made = {
        ...{ id, name, attributes: withoutNull(attributes.value) },
        quotas: withoutNull(quotas as JsonObject) as Quotas,
      }
      const args = { account: made, unique, documents: alwaysListed(providers, id, ctx.now) }
      const done = await storage.run('createAccount', args, actorOf(ctx))
      return done.ok ? get(id) : done
    },
    async change(ctx, id, change, condition) {
      const attributes = attributesOf(change)
      if (!attributes.ok) return attributes
      const { name, quotas, closed } = change
      const args = {
        ...{ account: id, unique, attributes: attributes.value, ...condition },
        ...(name !== undefined && { name }),
        ...(quotas && { quotas }),
        ...(closed !== undefined && { closed }),
      }
      const done = await storage.run('updateAccount', args, actorOf(ctx))
      return done.ok ? get(id) : done
    },
    async remove(ctx, id, condition) {
      const done = await storage.run('deleteAccount', { account: id, ...condition }, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    describe: ({ attributes }) =>
      Object.fromEntries(
        [cutFlowsKey, ...unique].map((key): [string, JsonValue] => [key, attributes[key] ?? null]),
      ),
  }
}

const withoutNull = (values: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))

/** Documents that every account has. */
function alwaysListed(
  providers: readonly Provider[],
  account: string,
  now: number,
): Omit<NewDocument, 'account'>[] {
  return providers.flatMap(({ profile, inventory: { documents } }) => {
    if (documents?.always === undefined) return []
    const { kind, defaults, initial, always: name } = documents
    return [{ profile, kind, id: account, body: { name, ...defaults, ...initial, createdAt: now } }]
  })
}
