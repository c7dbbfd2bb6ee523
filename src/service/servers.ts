/** Servers with their interfaces and chain: made, changed, moved from state to state, deleted. */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { Interface } from '../core/model/interface.ts'
import type { PolicySettings } from '../core/model/policy.ts'
import type { Profile } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import {
  type AccountRecord,
  type AddressMoves,
  effectiveState,
  type NewDocument,
  type PolicyRecord,
  type Programs,
  type ServerRecord,
  type SettingsChange,
  type Storage,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { type NewPolicy, newGroup } from './groups.ts'
import type { Condition, Outcome } from './outcome.ts'
import { policyRecord } from './records.ts'

/** A server with what a dialect renders of it. `state` is already the effective one at `ctx.now`. */
export interface ServerView {
  readonly server: ServerRecord
  readonly interfaces: readonly Interface[]
  /** The chain that belongs to the server; undefined for profiles whose servers have none of their own. */
  readonly chain: PolicyRecord | undefined
}

export interface NewServer {
  readonly id: string
  readonly name: string
  readonly zone: string
  readonly state: string
  readonly next?: { readonly state: string; readonly afterMs: number }
  readonly attributes: JsonObject
  readonly interfaces: readonly Omit<Interface, 'server'>[]
  /** The chain made with it; absent for profiles whose servers have none. */
  readonly chain?: PolicySettings
  /** Policies by themselves that are attached to it, in order. `not-found` (policy) when one is not there. */
  readonly attach?: readonly string[]
  /** Attaches what is the default under this key, or makes this policy the default first. */
  readonly attachDefault?: { readonly for: string; readonly otherwise?: NewPolicy }
  readonly documents: readonly ServerDocument[]
  /** Addresses that other servers of the account give up for it. */
  readonly addresses?: AddressMoves
}

/** `ifRevision` is the chain's; the server's own where it has no chain. */
export interface ServerChange extends Condition {
  /** The server must be in one of these states, else `conflict`. */
  readonly requireStates?: readonly string[]
  /** None of its attributes may have the value that is given here, else `conflict`. */
  readonly refuseAttributes?: JsonObject
  /** The server must not be in one of these, else `conflict`. */
  readonly refuseStates?: readonly string[]
  readonly name?: string
  readonly zone?: string
  /** Replaces the current state and any transition under way. */
  readonly state?: {
    readonly now: string
    readonly next?: { readonly state: string; readonly afterMs: number }
  }
  /** Merged over the stored attributes, key by key; null removes a key. */
  readonly attributes?: JsonObject
  /** Merged over the chain's settings inside the transaction, switch by switch in `guards`. */
  readonly chain?: SettingsChange
  /** Policies by themselves that are attached to it from now on, in order, in place of others. */
  readonly attach?: readonly string[]
  /** Written with it, all or nothing; their bodies are in no event, so they may hold secrets. */
  readonly documents?: {
    readonly put?: readonly ServerDocument[]
    readonly remove?: readonly { readonly kind: string; readonly id: string }[]
  }
  /** Addresses that its interfaces get and give up, and that other servers of the account give up for it. */
  readonly addresses?: AddressMoves
}

/** Without `ifRevision` it is made; with it, it is there and of that one, and is replaced, else `conflict` (document). */
export type ServerDocument = Omit<NewDocument, 'account' | 'profile'> & Condition

export interface ServerService {
  list(ctx: Context, profile: Profile): Promise<readonly ServerView[]>
  get(ctx: Context, profile: Profile, id: string): Outcome<ServerView>
  /** The one that has this address, canonical text; the first when there are several. */
  withAddress(ctx: Context, profile: Profile, address: string): Promise<ServerView | undefined>
  /** By the number its profile knows it by. */
  find(ctx: Context, profile: Profile, number: number): Outcome<ServerView>
  create(ctx: Context, profile: Profile, server: NewServer): Outcome<ServerView>
  update(ctx: Context, profile: Profile, id: string, change: ServerChange): Outcome<ServerView>
  remove(
    ctx: Context,
    profile: Profile,
    id: string,
    options: {
      requireStates?: readonly string[]
      refuseAttributes?: JsonObject
      refuseStates?: readonly string[]
      documents: readonly { kind: string; id: string }[]
      /** Documents that outlive it, as they are afterwards. */
      outlive?: readonly ServerDocument[]
    } & Condition,
  ): Outcome<void>
  account(ctx: Context): Promise<AccountRecord>
}

/** With the state it is in now. */
export function view(
  server: ServerRecord,
  interfaces: readonly Interface[],
  chain: PolicyRecord | undefined,
  now: number,
): ServerView {
  return { server: { ...server, state: effectiveState(server, now) }, interfaces, chain }
}

/** The server if it is there and the caller's own. */
export async function ownServer(
  storage: Storage,
  ctx: Context,
  profile: Profile,
  id: string,
): Outcome<ServerRecord> {
  const server = await storage.server(profile, id)
  if (!server) return err({ kind: 'not-found', resource: 'server', id })
  return server.account === ctx.principal.account
    ? ok(server)
    : err({ kind: 'forbidden', resource: 'server', id })
}

export async function viewsOf(
  storage: Storage,
  ctx: Context,
  profile: Profile,
): Promise<readonly ServerView[]> {
  const { account } = ctx.principal
  const [servers, interfaces, chains] = await Promise.all([
    storage.servers({ account, profile }),
    storage.interfacesOf(account, profile),
    storage.chainsOf(account, profile),
  ])
  const nics = Map.groupBy(interfaces, (each) => each.server)
  const chainOf = new Map(chains.map((chain) => [chain.server, chain]))
  return servers.map((server) => view(server, nics.get(server.id) ?? [], chainOf.get(server.id), ctx.now))
}

export function createServerService(storage: Storage): ServerService {
  async function get(ctx: Context, profile: Profile, id: string): Outcome<ServerView> {
    const found = await ownServer(storage, ctx, profile, id)
    if (!found.ok) return found
    const server = found.value
    return ok(view(server, await storage.interfaces(id), await storage.chain(id), ctx.now))
  }

  return {
    async find(ctx, profile, number) {
      const server = await storage.serverByNumber(profile, number)
      return server
        ? get(ctx, profile, server.id)
        : err({ kind: 'not-found', resource: 'server', id: String(number) })
    },
    async withAddress(ctx, profile, address) {
      const { account } = ctx.principal
      const [nic] = await storage.interfacesWith({ account, profile, address })
      const found = nic && (await get(ctx, profile, nic.server))
      return found?.ok ? found.value : undefined
    },
    list: (ctx, profile) => viewsOf(storage, ctx, profile),
    get,
    async create(ctx, profile, wanted) {
      const { id, name, zone, state, next, attributes, attach, attachDefault } = wanted
      const { account } = ctx.principal
      const chain =
        wanted.chain &&
        policyRecord(wanted.chain, ctx.now, { id: randomUUID(), account, profile, server: id })
      const { for: key = '', otherwise } = attachDefault ?? {}
      const server = { id, account, profile, name, number: null, zone, createdAt: ctx.now, attributes }
      const args: Programs['createServer']['args'] = {
        server: { ...server, ...transition(ctx.now, { now: state, ...(next && { next }) }) },
        interfaces: wanted.interfaces.map((nic) => ({ ...nic, server: id })),
        policies: chain ? [chain] : [],
        attachments: chain ? [{ policy: chain.id, server: id, interface: null }] : [],
        ...(attach && { attach }),
        ...(attachDefault && {
          attachDefault: { for: key, ...(otherwise && { otherwise: newGroup(ctx, profile, otherwise) }) },
        }),
        documents: wanted.documents.map((document) => ({ ...document, account, profile })),
        ...(wanted.addresses && { addresses: wanted.addresses }),
      }
      const done = await storage.run('createServer', args, actorOf(ctx))
      return done.ok ? get(ctx, profile, id) : done
    },
    async update(ctx, profile, id, change) {
      const {
        requireStates,
        refuseAttributes,
        refuseStates = [],
        name,
        zone,
        state,
        attributes,
        chain,
        attach,
        ifRevision,
        documents,
        addresses,
      } = change
      const { account } = ctx.principal
      const args: Programs['updateServer']['args'] = {
        ...{ account, profile, server: id, refuseStates },
        ...(requireStates && { requireStates }),
        ...(refuseAttributes && { refuseAttributes }),
        ...(ifRevision !== undefined && { ifRevision }),
        change: {
          ...(name !== undefined && { name }),
          ...(zone !== undefined && { zone }),
          ...(state && transition(ctx.now, state)),
        },
        ...(attributes && { attributes }),
        ...(chain && { policy: chain }),
        ...(attach && { attach }),
        ...(addresses && { addresses }),
        ...(documents && {
          documents: {
            ...documents,
            put: (documents.put ?? []).map((each) => ({ ...each, account, profile })),
          },
        }),
      }
      const done = await storage.run('updateServer', args, actorOf(ctx))
      return done.ok ? get(ctx, profile, id) : done
    },
    async remove(ctx, profile, id, { refuseStates = [], outlive = [], ...conditions }) {
      const { account } = ctx.principal
      const done = await storage.run(
        'deleteServer',
        {
          ...{ ...conditions, account, profile, server: id, refuseStates },
          outlive: outlive.map((document) => ({ ...document, account, profile })),
        },
        actorOf(ctx),
      )
      return done.ok ? ok(undefined) : done
    },
    async account(ctx) {
      const account = await storage.account(ctx.principal.account)
      if (!account) throw new Error(`credential of account ${ctx.principal.account}, which does not exist`)
      return account
    },
  }
}

function transition(now: number, state: NonNullable<ServerChange['state']>) {
  return {
    state: state.now,
    nextState: state.next?.state ?? null,
    nextStateAt: state.next ? now + state.next.afterMs : null,
  }
}
