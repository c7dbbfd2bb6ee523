/** Servers of every profile as the native API sees them: what is in force on each interface, and what it does. */
import type { Resolver } from '../compile/resolve.ts'
import { type FilterMode, unansweredNote } from '../core/model/desired.ts'
import type { EffectivePolicy } from '../core/model/effective-policy.ts'
import type { Interface } from '../core/model/interface.ts'
import type { Profile } from '../core/model/profile.ts'
import type { Direction } from '../core/model/rule.ts'
import type { Packet } from '../core/net/packet.ts'
import { err, ok } from '../core/result.ts'
import { type Rejection, rejectionOf } from '../core/semantics/rejection.ts'
import { type Trace, trace } from '../core/semantics/trace.ts'
import {
  effectiveState,
  type KeyPage,
  type PlacedInterface,
  type ServerRecord,
  type Storage,
} from '../storage/storage.ts'
import { type Context, isOverAll, isWithin } from './context.ts'
import type { EnforcementService, InForce } from './enforcement.ts'
import type { Outcome } from './outcome.ts'
import { keyOf, type Paged, pagedBy } from './pages.ts'
import { interfaceAt, interfaceCalled, onlyServer } from './pick.ts'
import { createPolicyCache, type PolicyCache } from './policy-cache.ts'
import { type ServerView, view } from './servers.ts'

export interface Placement {
  readonly interface: Interface
  /** Revision of the newest change that bears on the interface. */
  readonly desiredGeneration: number
  /** The generation that is in force, never above the desired one; null before the first, and when nobody enforces it. */
  readonly appliedGeneration: number | null
  /** Null when nobody enforces it. */
  readonly inForce: InForce | null
}

export interface ServerFilter {
  readonly profile?: Profile
  readonly name?: string
  readonly zone?: string
  readonly host?: string
  /** Only where nobody's is acted in. */
  readonly account?: string
}

export interface PlacedServer {
  /** `state` is already the effective one. */
  readonly server: ServerRecord
  readonly placements: readonly Placement[]
}

export interface EffectiveInterface extends Placement {
  /** Ids of the policies attached to it or to its server, in order of precedence; none: it is closed. */
  readonly attached: readonly string[]
  readonly policy: EffectivePolicy
}

/** Whole servers of any profile, for the native API. */
export interface EffectiveService {
  /** In order of account and age; of all accounts for operators that act in none. `host` is only for operators. */
  servers(ctx: Context, filter: ServerFilter, page: KeyPage): Outcome<Paged<PlacedServer>>
  /**
   * By id, by the number its profile knows it by as text, or by name, which finds those of an account: `invalid` (server) lists
   * those that share it. Another account's is `not-found`.
   */
  server(
    ctx: Context,
    called: string,
  ): Outcome<ServerView & { readonly placements: readonly EffectiveInterface[] }>
  /**
   * The server as of `server`, the interface by id or name. Without `interface`: the one that has or may use the packet's
   * address; else the first public one, else the first, and then `note` says so.
   */
  trace(
    ctx: Context,
    query: { server: string; interface?: string; direction: Direction; packet: Packet },
  ): Outcome<
    Trace & {
      readonly interface: string
      /** Where its packets are judged now; null when nobody enforces it. */
      readonly mode: FilterMode | null
      /** Of a rejected packet: what its sender is told. */
      readonly told?: Rejection
      readonly note?: string
    }
  >
}

const unattendedNote = 'no policy is attached to the interface: nothing comes in but answers'
/** Servers of one name that are looked at: a message lists fewer. */
const maxNamed = 100

export function createEffectiveService(
  storage: Storage,
  resolve: Resolver,
  enforcement: EnforcementService,
  profiles: readonly Profile[],
  policies: PolicyCache = createPolicyCache(storage, 500),
): EffectiveService {
  async function find(ctx: Context, called: string): Outcome<ServerRecord> {
    const byId = await storage.serverById(called)
    if (byId && isWithin(ctx, byId.account)) return ok(byId)
    for (const profile of /^[1-9]\d{0,14}$/.test(called) ? profiles : []) {
      const byNumber = await storage.serverByNumber(profile, Number(called))
      if (byNumber && isWithin(ctx, byNumber.account)) return ok(byNumber)
    }
    const { account } = ctx.principal
    const named = { name: called, ...(!isOverAll(ctx.principal) && { account }) }
    return onlyServer(called, await storage.serverPage(named, { after: null, limit: maxNamed }))
  }

  function placement(placed: PlacedInterface, known: ReadonlyMap<string, InForce>): Placement {
    const inForce = known.get(placed.id) ?? null
    const applied = inForce?.appliedRevision ?? null
    return {
      interface: placed,
      desiredGeneration: placed.generation,
      appliedGeneration: applied === null ? null : Math.min(applied, placed.generation),
      inForce,
    }
  }

  async function effective(
    ctx: Context,
    { id: server }: ServerRecord,
  ): Promise<readonly EffectiveInterface[]> {
    const placed = await storage.placedInterfaces(server)
    const known = await policies.get(placed.flatMap((each) => each.policies))
    const inForce = await enforcement.inForce(ctx, placed, { server })
    return placed.map((each): EffectiveInterface => {
      const attached = each.policies.map(({ id }) => known.get(id)).filter((policy) => policy !== undefined)
      const ids = each.policies.map(({ id }) => id)
      return { ...placement(each, inForce), attached: ids, policy: resolve(each, attached) }
    })
  }

  return {
    async servers(ctx, { account: of, ...filter }, page) {
      const fits = keyOf(page, ['text', 'number', 'text'])
      if (!fits.ok) return fits
      const account = isOverAll(ctx.principal) ? of : ctx.principal.account
      const wanted = { ...filter, ...(account !== undefined && { account }) }
      const { items, next } = await pagedBy(
        page,
        (more) => storage.serverPage(wanted, more),
        ({ account, createdAt, id }) => [account, String(createdAt), id],
      )
      const ids = items.map(({ id }) => id)
      const all = await storage.placedAmong(ids)
      const inForce = await enforcement.inForce(ctx, all, { servers: ids })
      const placed = Map.groupBy(all, (each) => each.server)
      const servers = items.map((server) => ({
        server: { ...server, state: effectiveState(server, ctx.now) },
        placements: (placed.get(server.id) ?? []).map((nic) => placement(nic, inForce)),
      }))
      return ok({ items: servers, next })
    },
    async server(ctx, called) {
      const found = await find(ctx, called)
      if (!found.ok) return found
      const server = found.value
      const [interfaces, chain] = [await storage.interfaces(server.id), await storage.chain(server.id)]
      const placements = await effective(ctx, server)
      return ok({ ...view(server, interfaces, chain, ctx.now), placements })
    },
    async trace(ctx, { server: called, interface: nic, direction, packet }) {
      const server = await find(ctx, called)
      if (!server.ok) return server
      const all = await effective(ctx, server.value)
      const address = direction === 'ingress' ? packet.destination : packet.source
      const named = nic === undefined ? undefined : interfaceCalled(nic, all)
      if (named?.ok === false) return named
      const judged = named ? { found: named.value } : interfaceAt(all, packet.family, address)
      if (!judged) return err({ kind: 'not-found', resource: 'interface', id: 'any' })
      const { found } = judged
      const notes = [judged.note, found.attached.length === 0 ? unattendedNote : undefined]
      const note = notes.filter((each) => each !== undefined).join('; ')
      const traced = trace(found.policy, direction, packet)
      const { mode = null, notes: said = [] } = found.inForce ?? {}
      const told = said.includes(unansweredNote) ? 'silence' : rejectionOf(packet)
      return ok({
        ...traced,
        ...(traced.action === 'reject' && { told }),
        interface: found.interface.id,
        mode,
        ...(note !== '' && { note }),
      })
    },
  }
}
