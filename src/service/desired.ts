/** What a host should enforce, kept up to date by reading only what changed. */
import type { Resolver } from '../compile/resolve.ts'
import type { DesiredInterface, DesiredSource } from '../core/model/desired.ts'
import type { CommonPolicy, EffectivePolicy } from '../core/model/effective-policy.ts'
import type { Policy } from '../core/model/policy.ts'
import { notesOn } from '../core/semantics/origin.ts'
import type { PlacedInterface, Storage } from '../storage/storage.ts'

/** Ethernet types of VLAN tags: 802.1Q and 802.1ad. */
const tags = [0x8100, 0x88a8] as const

/** For one reader: reads must not overlap. */
export function createDesiredSource(storage: Storage, resolve: Resolver, host: string): DesiredSource {
  let placed: readonly (PlacedInterface & { readonly device: string })[] = []
  let policies = new Map<string, Policy>()
  let revision = 0
  /** By key; the same object while nothing changes. */
  let common = new Map<string, CommonPolicy>()
  /** Interfaces may have come, gone or moved: all of them are read again. */
  let moved = true
  let changed = false
  const listeners = new Set<() => void>()
  storage.onCommit(({ topics }) => {
    if (topics.includes('servers')) moved = true
    else if (topics.includes('rules')) changed = true
    else return
    for (const listener of listeners) listener()
  })

  async function readAll(): Promise<void> {
    const read = await storage.placed(host)
    const wanted = new Map(
      read.interfaces.flatMap((each) => each.policies).map(({ id, revision }) => [id, revision]),
    )
    const stale = [...wanted].filter(([id, newest]) => (policies.get(id)?.revision ?? -1) < newest)
    const fresh = await storage.policies(stale.map(([id]) => id))
    policies = new Map([...policies].filter(([id]) => wanted.has(id)))
    for (const policy of fresh) policies.set(policy.id, policy)
    placed = read.interfaces.filter((each): each is (typeof placed)[number] => each.device !== null)
    revision = read.revision
  }

  async function readChanged(): Promise<void> {
    const read = await storage.changedPolicies(revision)
    for (const policy of read.policies) if (policies.has(policy.id)) policies.set(policy.id, policy)
    revision = read.revision
  }

  function desire(each: (typeof placed)[number], found: Map<string, CommonPolicy>): DesiredInterface {
    const attached = each.policies.map(({ id }) => policies.get(id))
    const complete = attached.every((policy) => policy !== undefined)
    const policy = complete ? resolve(each, attached) : null
    const { id, device, mac, observe, addresses, maxConnections } = each
    const frames = [...(each.vlanTrunk ? tags : []), ...each.allowedFrames]
    const notes = [
      ...(policy ? notesOn(each, policy.origin) : []),
      ...(each.vlanTrunk ? ['a VLAN trunk: what is in tagged frames is not judged'] : []),
    ]
    const key = policy ? keyOf(each) : null
    if (policy && key !== null) found.set(key, same(common.get(key), policy))
    return {
      id,
      device,
      mac,
      policy: key,
      ...(policy?.origin && { origin: policy.origin }),
      addresses,
      notes,
      ...(frames.length > 0 && { frames }),
      ...(observe && { observe }),
      ...(maxConnections !== null && { maxConnections }),
    }
  }

  return {
    async read() {
      const [all, some] = [moved, changed]
      moved = false
      changed = false
      try {
        if (all) await readAll()
        else if (some) await readChanged()
      } catch (error) {
        moved ||= all
        changed ||= some
        throw error
      }
      const found = new Map<string, CommonPolicy>()
      const interfaces = new Map(placed.map((each) => [each.id, desire(each, found)]))
      common = found
      return { desired: { revision, policies: common, interfaces }, delta: null }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** Interfaces with the same policies are judged alike, but for rules that name an interface, and types. */
const keyOf = ({ policies, index, type }: PlacedInterface): string =>
  [type, index, ...policies.map(({ id }) => id)].join(' ')

/** The object that is known, where it says the same. */
function same(known: CommonPolicy | undefined, policy: EffectivePolicy): CommonPolicy {
  const { origin: _, ...now } = policy
  const unchanged =
    known &&
    known.stateful === now.stateful &&
    known.essentials === now.essentials &&
    known.ingress === now.ingress &&
    known.egress === now.egress
  return unchanged ? known : now
}
