/**
 * Closes interfaces on devices that nothing proves to be theirs (decisions 0067 and 0075): names are reused, and who kept them may
 * have missed that.
 *
 * Of what somebody has placed on a device the word of a service is enough while it stands by that. Otherwise a device is an
 * interface's if it is the same that the interface was bound to in this boot, or if something that this host vouches for has seen
 * the interface's MAC there. What was found by its MAC is always to be seen there; the same device is enough only as long as not
 * everybody has spoken who knows.
 */
import type { Desired, DesiredDelta, DesiredInterface } from '../core/model/desired.ts'
import type { Link } from '../core/model/link.ts'
import { type Bindings, bindingTo, isBoundTo } from './bindings.ts'
import type { Sightings } from './sightings.ts'

export interface Proof {
  /** The host is about to be looked at. */
  looking(): void
  /**
   * What is desired, with interfaces closed that are not proven; `delta` names them and those that are proven again.
   * `changedLinks`: names of devices that changed since the last time; null: all may have.
   */
  judge(
    desired: Desired,
    delta: DesiredDelta | null,
    links: ReadonlyMap<string, Link>,
    changedLinks: ReadonlySet<string> | null,
  ): { readonly desired: Desired; readonly delta: DesiredDelta | null }
  /** What was answered last has been taken over; until then it is answered again. */
  taken(): void
  /** Calls back when it may answer otherwise though nothing desired has changed, once the host has been looked at again. */
  onChange(listener: () => void): void
}

/** Keeps `bindings` up to date with what is proven. */
export function createProof(bindings: Bindings, sightings: Sightings): Proof {
  /** Devices of interfaces, and the way back. */
  const devices = new Map<string, string>()
  const byDevice = new Map<string, Set<string>>()
  /** Interfaces that are not proven: as they are desired, and closed. */
  const unproven = new Map<string, { readonly each: DesiredInterface; readonly closed: DesiredInterface }>()
  /** Ids that came to be proven or unproven, and are to be named. */
  let owed = new Set<string>()
  let vouched: boolean | undefined

  function place(id: string, device: string | undefined): void {
    const before = devices.get(id)
    if (before === device) return
    if (before !== undefined) {
      const ids = byDevice.get(before)
      ids?.delete(id)
      if (ids?.size === 0) byDevice.delete(before)
      devices.delete(id)
    }
    if (device === undefined) return
    devices.set(id, device)
    const ids = byDevice.get(device)
    if (ids) ids.add(id)
    else byDevice.set(device, new Set([id]))
  }

  function proves(each: DesiredInterface, link: Link): boolean {
    const { id, mac, found } = each
    if (vouched && !found) return true
    const isThere = mac !== undefined && sightings.vouches(link, mac)
    if (isThere) return true
    return (!found || isThere === null) && isBoundTo(bindings.get(id), link)
  }

  function review(id: string, each: DesiredInterface | undefined, links: ReadonlyMap<string, Link>): void {
    place(id, each?.device)
    const link = each && links.get(each.device)
    const proven = each && link && proves(each, link)
    bindings.set(id, proven ? bindingTo(link) : undefined)
    const before = unproven.get(id)
    if (!each || !link || proven) {
      if (unproven.delete(id)) owed.add(id)
    } else if (before?.each !== each) {
      unproven.set(id, { each, closed: closing(each) })
      owed.add(id)
    }
  }

  return {
    looking: () => sightings.looking(),
    judge(desired, delta, links, changedLinks) {
      const was = vouched
      vouched = !desired.unvouched
      const reseen = sightings.see(links)
      const ids =
        !delta || !changedLinks || !reseen || was !== vouched
          ? new Set([...devices.keys(), ...desired.interfaces.keys()])
          : new Set([
              ...delta.interfaces,
              ...[...changedLinks, ...reseen].flatMap((name) => [...(byDevice.get(name) ?? [])]),
            ])
      for (const id of ids) review(id, desired.interfaces.get(id), links)
      const interfaces = new Map(unproven.size > 0 ? desired.interfaces : [])
      for (const [id, { closed }] of unproven) interfaces.set(id, closed)
      return {
        desired: unproven.size > 0 ? { ...desired, interfaces } : desired,
        delta:
          delta && owed.size > 0 ? { ...delta, interfaces: new Set([...delta.interfaces, ...owed]) } : delta,
      }
    },
    taken() {
      owed = new Set()
    },
    onChange: (listener) => void sightings.onChange(listener),
  }
}

/** Nothing else is done on a device that may be another's: it is not left open to be watched, either. */
function closing(each: DesiredInterface): DesiredInterface {
  const { observe: _, ...rest } = each
  return {
    ...rest,
    closed: each.found
      ? `nothing on its host says that its MAC is behind ${each.device} now`
      : `nothing proves that ${each.device} is its device since the service was heard last: it waits for the service`,
  }
}
