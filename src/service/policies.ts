/** Servers of every profile as the native API sees them: what is in force on each interface, and what it does. */
import type { Resolver } from '../compile/resolve.ts'
import { type Interface, profiles } from '../core/model/inventory.ts'
import { type Family, parseAddress } from '../core/net/address.ts'
import { err, ok } from '../core/result.ts'
import { rangeOf } from '../core/semantics/scopes.ts'
import { trace } from '../core/semantics/trace.ts'
import { addressSet, contains } from '../core/sets/address-set.ts'
import type { PlacedInterface, ServerRecord, Storage } from '../storage/storage.ts'
import type { Context } from './context.ts'
import { createPolicyCache } from './policy-cache.ts'
import { view, viewsOf } from './servers.ts'
import type {
  EffectiveInterface,
  EnforcementService,
  InForce,
  Outcome,
  Placement,
  PolicyService,
} from './services.ts'

export function createPolicyService(
  storage: Storage,
  resolve: Resolver,
  enforcement: EnforcementService,
): PolicyService {
  const policies = createPolicyCache(storage, 500)

  async function find(ctx: Context, idOrVmid: string): Promise<ServerRecord | undefined> {
    const { account } = ctx.principal
    const byId = await storage.serverById(idOrVmid)
    if (byId) return byId.account === account ? byId : undefined
    if (!/^[1-9]\d{0,14}$/.test(idOrVmid)) return undefined
    for (const profile of profiles) {
      const byNumber = await storage.serverByNumber(profile, Number(idOrVmid))
      if (byNumber?.account === account) return byNumber
    }
    return undefined
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

  async function effective(ctx: Context, idOrVmid: string): Outcome<readonly EffectiveInterface[]> {
    const server = await find(ctx, idOrVmid)
    if (!server) return err({ kind: 'not-found', resource: 'server', id: idOrVmid })
    const placed = await storage.placedInterfaces(server.id)
    const known = await policies.get(placed.flatMap((each) => each.policies))
    const inForce = await enforcement.inForce(placed, ctx.now, { server: server.id })
    return ok(
      placed.map((each): EffectiveInterface => {
        const attached = each.policies.map(({ id }) => known.get(id)).filter((policy) => policy !== undefined)
        return { ...placement(each, inForce), policy: resolve(each, attached) }
      }),
    )
  }

  return {
    async servers(ctx, { profile }) {
      const wanted = profile === undefined ? profiles : [profile]
      const views = (await Promise.all(wanted.map((each) => viewsOf(storage, ctx, each)))).flat()
      const { account } = ctx.principal
      const all = await storage.placedOf(account)
      const inForce = await enforcement.inForce(all, ctx.now, { account })
      const placed = Map.groupBy(all, (each) => each.server)
      return views.map((each) => ({
        ...each,
        placements: (placed.get(each.server.id) ?? []).map((nic) => placement(nic, inForce)),
      }))
    },
    async server(ctx, idOrVmid) {
      const server = await find(ctx, idOrVmid)
      if (!server) return err({ kind: 'not-found', resource: 'server', id: idOrVmid })
      return ok(view(server, await storage.interfaces(server.id), await storage.chain(server.id), ctx.now))
    },
    effective,
    async trace(ctx, { server, interface: id, direction, packet }) {
      const interfaces = await effective(ctx, server)
      if (!interfaces.ok) return interfaces
      const found =
        id === undefined
          ? pick(
              interfaces.value,
              packet.family,
              direction === 'ingress' ? packet.destination : packet.source,
            )
          : interfaces.value.find((each) => each.interface.id === id)
      if (!found) return err({ kind: 'not-found', resource: 'interface', id: id ?? 'any' })
      return ok({ ...trace(found.policy, direction, packet), interface: found.interface.id })
    },
  }
}

/** The interface that has the address, or may use it; else the first public one, to which strangers' packets come. */
function pick(
  interfaces: readonly EffectiveInterface[],
  family: Family,
  address: bigint,
): EffectiveInterface | undefined {
  const has = ({ addresses }: Interface) =>
    addresses.some((text) => {
      const own = parseAddress(text)
      return own.ok && own.value.family === family && own.value.value === address
    })
  const may = ({ allowedAddresses }: Interface) =>
    contains(addressSet(allowedAddresses.map(rangeOf)), family, address)
  return (
    interfaces.find((each) => has(each.interface)) ??
    interfaces.find((each) => may(each.interface)) ??
    interfaces.find((each) => each.interface.type === 'public') ??
    interfaces[0]
  )
}
