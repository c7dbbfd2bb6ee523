/**
 * What this host should enforce, kept up to date by updates: work follows what an update changes, and it says what that was.
 *
 * Interfaces that are judged alike form a group, whose policy is resolved once: a changed rule changes the policies of the
 * groups that have it, and no interface. It fetches and applies nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import { antiSpoofingOn, createResolver, dependsOnIndex } from '../compile/resolve.ts'
import type { Desired, DesiredDelta, DesiredInterface } from '../core/model/desired.ts'
import type { DesiredUpdate, Placement } from '../core/model/desired-update.ts'
import type { CommonPolicy, Origin } from '../core/model/effective-policy.ts'
import type { AntiSpoofing, Policy } from '../core/model/policy.ts'
import { notesOn } from '../core/semantics/origin.ts'

/** Ethernet types of VLAN tags: 802.1Q and 802.1ad. */
const tags = [0x8100, 0x88a8] as const

export interface DesiredState {
  /** Stays the same object; what it holds changes with `apply`. */
  readonly desired: Desired
  /**
   * Answers what came, went or changed. Throws when the update does not lead on from `desired.revision`, or contradicts
   * itself: then everything stays as it was.
   */
  apply(update: DesiredUpdate): Taken
  /** All there is, as an update. */
  whole(): DesiredUpdate
}

export interface Taken {
  readonly delta: DesiredDelta
  /** The update without what was held already; it leads on from what was held. */
  readonly news: DesiredUpdate
  /** What was held otherwise as of the same revision, and is no more: an update was lost, or what is held was damaged. */
  readonly differing: { readonly policies: readonly string[]; readonly interfaces: readonly string[] }
}

/** Interfaces of one type to which the same policies are attached; of one index, where a rule names indexes. */
interface Group {
  /** Of `Desired.policies`. */
  readonly key: string
  readonly place: Pick<Placement, 'index' | 'type'>
  /** Ids, in order. */
  readonly policies: readonly string[]
  readonly members: Set<string>
  facts: Facts
}

/** What of its policies bears on each interface of a group, beside their rules. */
interface Facts extends AntiSpoofing {
  /** Whether all policies are known. */
  readonly complete: boolean
  readonly byIndex: boolean
}

/** What an update changes, worked out before anything is. */
interface Change {
  /** Interfaces that are placed otherwise than before. */
  readonly put: readonly Placement[]
  readonly policies: ReadonlyMap<string, Policy>
  /** Ids of interfaces that go. */
  readonly gone: ReadonlySet<string>
  /** Of groups that are there. */
  readonly facts: ReadonlyMap<Group, Facts>
  /** By key; undefined where the policy is not known. */
  readonly resolved: ReadonlyMap<string, CommonPolicy | undefined>
  readonly placed: readonly {
    readonly placement: Placement
    readonly group: Omit<Group, 'members'>
    readonly wanted: DesiredInterface
  }[]
}

export function createDesiredState(): DesiredState {
  const resolve = createResolver()
  const policies = new Map<string, Policy>()
  const placements = new Map<string, Placement>()
  const groups = new Map<Group['key'], Group>()
  /** By id of an interface. */
  const groupOf = new Map<string, Group>()
  /** By id of a policy. */
  const uses = new Map<string, Set<Group>>()
  const desired = {
    revision: 0,
    policies: new Map<string, CommonPolicy>(),
    interfaces: new Map<string, DesiredInterface>(),
  }
  let begun = false

  function prepare(update: DesiredUpdate): Change {
    const { from, interfaces } = update
    if (from !== null && !(begun && from === desired.revision)) {
      const known = begun ? `revision ${desired.revision}` : 'nothing'
      throw new Error(`an update from revision ${from} does not lead on from ${known}`)
    }
    const put = new Map(interfaces.put.map((each) => [each.id, each]))
    if (interfaces.remove.some((id) => put.has(id)))
      throw new Error('an update puts an interface and removes it')
    const changed = changedPolicies(update)
    const known = (ids: readonly string[]) => ids.map((id) => changed.get(id) ?? policies.get(id))

    const ended = from === null ? [...placements.keys()].filter((id) => !put.has(id)) : interfaces.remove
    const gone = new Set(ended.filter((id) => placements.has(id)))
    const moved = new Map(
      [...put].filter(([id, placement]) => !isDeepStrictEqual(placement, placements.get(id))),
    )
    const differently = [...moved.values()]
    const resolved = new Map<string, CommonPolicy | undefined>()
    const facts = new Map<Group, Facts>()
    for (const group of new Set([...changed.keys()].flatMap((id) => [...(uses.get(id) ?? [])]))) {
      const attached = known(group.policies)
      resolved.set(group.key, isComplete(attached) ? resolve.common(group.place, attached) : undefined)
      const now = factsOf(group.place.type, attached)
      if (isDeepStrictEqual(now, group.facts)) continue
      facts.set(group, now)
      for (const id of group.members) {
        const placement = placements.get(id)
        if (placement && !moved.has(id)) moved.set(id, placement)
      }
    }
    for (const id of gone) moved.delete(id)
    const placed = [...moved.values()].map((placement) => {
      const attached = known(placement.policies)
      const group = grouped(placement, attached)
      const complete = isComplete(attached) ? attached : undefined
      if (!resolved.has(group.key) && !groups.has(group.key)) {
        resolved.set(group.key, complete && resolve.common(group.place, complete))
      }
      const origin = complete && resolve.origin(placement, complete)
      return { placement, group, wanted: desire(placement, complete ? group.key : null, origin) }
    })
    return { put: differently, policies: changed, gone, facts, resolved, placed }
  }

  /** One that is held with the same content stays the same object, and so does all that is made of it. */
  function changedPolicies({ from, policies: put }: DesiredUpdate): Map<string, Policy> {
    const changed = new Map<string, Policy>()
    for (const policy of put) {
      const held = policies.get(policy.id)
      // All there is may be of another history, where a revision meant something else.
      const same = held?.revision === policy.revision && (from !== null || isDeepStrictEqual(held, policy))
      if (!same) changed.set(policy.id, policy)
    }
    return changed
  }

  function join(id: string, as: Omit<Group, 'members'>): void {
    let group = groups.get(as.key)
    if (!group) {
      group = { ...as, members: new Set() }
      groups.set(group.key, group)
      for (const policy of group.policies) {
        const users = uses.get(policy)
        if (users) users.add(group)
        else uses.set(policy, new Set([group]))
      }
    }
    group.members.add(id)
    groupOf.set(id, group)
  }

  /** Answers the group that the interface was in. */
  function leave(id: string): Group | undefined {
    const group = groupOf.get(id)
    group?.members.delete(id)
    groupOf.delete(id)
    return group
  }

  /** Forgets a group that has no members any more. */
  function end({ key, policies: attached }: Group): void {
    const group = groups.get(key)
    if (!group || group.members.size > 0) return
    groups.delete(key)
    for (const policy of attached) {
      const users = uses.get(policy)
      users?.delete(group)
      if (users?.size === 0) uses.delete(policy)
    }
  }

  function carryOut(change: Change): DesiredDelta {
    const delta = { policies: new Set<string>(), interfaces: new Set<string>() }
    const left = new Set<Group>()
    const leaveOld = (id: string) => {
      const group = leave(id)
      if (group) left.add(group)
    }
    for (const id of change.gone) {
      leaveOld(id)
      placements.delete(id)
      desired.interfaces.delete(id)
      delta.interfaces.add(id)
    }
    for (const [group, facts] of change.facts) group.facts = facts
    for (const { placement, group, wanted } of change.placed) {
      const { id } = placement
      leaveOld(id)
      join(id, group)
      placements.set(id, placement)
      if (isDeepStrictEqual(desired.interfaces.get(id), wanted)) continue
      desired.interfaces.set(id, wanted)
      delta.interfaces.add(id)
    }
    for (const group of left) end(group)

    for (const [id, policy] of change.policies) policies.set(id, policy)
    const named = [...change.policies.keys(), ...[...left].flatMap((group) => group.policies)]
    for (const id of named) if (!uses.has(id)) policies.delete(id)

    for (const [key, policy] of change.resolved) {
      if (!groups.has(key) || desired.policies.get(key) === policy) continue
      if (policy) desired.policies.set(key, policy)
      else desired.policies.delete(key)
      delta.policies.add(key)
    }
    for (const { key } of left) {
      if (!groups.has(key) && desired.policies.delete(key)) delta.policies.add(key)
    }
    return delta
  }

  function differing({ from, revision }: DesiredUpdate, { policies: changed, put, gone }: Change) {
    if (from !== null || !begun) return { policies: [], interfaces: [] }
    // What is newer may differ rightly, but for a policy of the revision that is held.
    const same = revision === desired.revision
    const isWrong = ({ id, revision: now }: Policy) => same || policies.get(id)?.revision === now
    return {
      policies: [...changed.values()]
        .filter((each) => uses.has(each.id) && isWrong(each))
        .map(({ id }) => id),
      interfaces: same ? [...put.map(({ id }) => id), ...gone] : [],
    }
  }

  return {
    desired,
    apply(update) {
      const change = prepare(update)
      const taken = {
        differing: differing(update, change),
        news: {
          from: begun ? desired.revision : null,
          revision: update.revision,
          policies: [...change.policies.values()],
          interfaces: { put: change.put, remove: [...change.gone] },
        },
      }
      const delta = carryOut(change)
      desired.revision = update.revision
      begun = true
      return { delta, ...taken }
    },
    whole: () => ({
      ...{ from: null, revision: desired.revision, policies: [...policies.values()] },
      interfaces: { put: [...placements.values()], remove: [] },
    }),
  }
}

const isComplete = (attached: readonly (Policy | undefined)[]): attached is readonly Policy[] =>
  attached.every((policy) => policy !== undefined)

const unknown: Facts = { complete: false, byIndex: false, sourceMac: false, sourceAddress: false }
function factsOf(type: Placement['type'], attached: readonly (Policy | undefined)[]): Facts {
  if (!isComplete(attached)) return unknown
  const { sourceMac, sourceAddress } = antiSpoofingOn(type, attached)
  return { complete: true, byIndex: dependsOnIndex(type, attached), sourceMac, sourceAddress }
}

/** As what an interface is judged. */
function grouped(
  { type, index: own, policies }: Placement,
  attached: readonly (Policy | undefined)[],
): Omit<Group, 'members'> {
  const facts = factsOf(type, attached)
  const index = facts.byIndex ? own : 0
  // No id can look like two.
  return { key: JSON.stringify([type, index, ...policies]), place: { type, index }, policies, facts }
}

/** Ids of the policies that are attached to whatever is judged by the policy of that key. */
export const attachedBy = (key: string): readonly string[] => (JSON.parse(key) as string[]).slice(2)

function desire(each: Placement, policy: string | null, origin: Origin | undefined): DesiredInterface {
  const { id, account, device, found, mac, observe, addresses, maxConnections } = each
  const frames = [...(each.vlanTrunk ? tags : []), ...each.allowedFrames]
  const notes = [
    ...(policy === null ? [] : notesOn(each, origin)),
    ...(each.vlanTrunk ? ['a VLAN trunk: what is in tagged frames is not judged'] : []),
  ]
  return {
    ...{ id, ...(account !== undefined && { account }), device, ...(found && { found }), mac, policy },
    ...(origin && { origin }),
    ...{ addresses, notes },
    ...(frames.length > 0 && { frames }),
    ...(observe && { observe }),
    ...(maxConnections !== null && { maxConnections }),
  }
}
