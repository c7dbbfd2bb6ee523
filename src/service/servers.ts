/** Servers with their interfaces and chain: made, changed, moved from state to state, deleted. */
import { randomUUID } from 'node:crypto'
import type { Interface, Profile } from '../core/model/inventory.ts'
import { err, ok } from '../core/result.ts'
import {
  effectiveState,
  type PolicyRecord,
  type Programs,
  type ServerRecord,
  type Storage,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { newGroup } from './groups.ts'
import { policyRecord } from './records.ts'
import type { Outcome, ServerChange, ServerService, ServerView } from './services.ts'

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
      const { for: place = '', otherwise } = attachDefault ?? {}
      const server = { id, account, profile, name, number: null, zone, createdAt: ctx.now, attributes }
      const args: Programs['createServer']['args'] = {
        server: { ...server, ...transition(ctx.now, { now: state, ...(next && { next }) }) },
        interfaces: wanted.interfaces.map((nic) => ({ ...nic, server: id })),
        policies: chain ? [chain] : [],
        attachments: chain ? [{ policy: chain.id, server: id, interface: null }] : [],
        ...(attach && { attach }),
        ...(attachDefault && {
          attachDefault: { for: place, ...(otherwise && { otherwise: newGroup(ctx, profile, otherwise) }) },
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
