/**
 * How devices stand, as of the last round of the agent: what `waiting.ts` waits for, and what it says where it waited in vain.
 *
 * A device is known by its number there: what is in force on another one that bore its name is not in force on it.
 */
import type { DesiredInterface, InterfaceStatus } from '../../core/model/desired.ts'
import type { Claimed } from '../../core/model/sighting.ts'
import type { HostWords, StatusChange } from '../../core/model/status-change.ts'

/** An interface that is to be on a device. */
export interface Placed {
  readonly status: InterfaceStatus
  /** Undefined: it is to be there no more. */
  readonly wanted: DesiredInterface | undefined
  /** The kernel's number of the device that it was on in the last round; undefined: it was on none that is its own. */
  readonly link: number | undefined
}

export interface Standing {
  /** Undefined until the first round begins. */
  host(): HostWords | undefined
  /** Interfaces whose device is of that name, as of now; what is known of them is of one round while `isSettled`. */
  on(device: string): readonly Placed[]
  /** Whether the last round is over, and went well. */
  isSettled(): boolean
  /** What the service said of the device; undefined: nothing yet. */
  claim(device: string): Claimed | undefined
  /** Devices that, by the service's last word, are no interface's; they may be there no more. */
  unclaimed(): readonly string[]
  /** Milliseconds since a service was heard; 0: one is; null: none was since the agent has started. */
  silentMs(): number | null
  /** Calls back at once when any of it has changed, and at the end of each round. Answers how to stop. */
  onChange(listener: () => void): () => void
}

export interface StandingOptions {
  readonly wanted: (id: string) => DesiredInterface | undefined
  /** The number of the device that an interface is on. */
  readonly link: (id: string) => number | undefined
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

export interface HeardStanding extends Standing {
  status(change: StatusChange): void
  claims(list: readonly Claimed[]): void
  /** A service is connected, and speaks; or it does no more. */
  connected(is: boolean): void
}

export function createStanding({
  wanted,
  link,
  now = () => performance.now(),
}: StandingOptions): HeardStanding {
  const statuses = new Map<string, InterfaceStatus>()
  const byDevice = new Map<string, Set<string>>()
  const claims = new Map<string, Claimed>()
  const listeners = new Set<() => void>()
  let words: HostWords | undefined
  /** When a service was heard last; 'now': one is. */
  let heard: number | 'now' | null = null

  const tell = () => {
    for (const listener of [...listeners]) listener()
  }
  function set(id: string, status: InterfaceStatus | undefined): void {
    const before = statuses.get(id)?.device
    if (before !== undefined && before !== status?.device) {
      const ids = byDevice.get(before)
      ids?.delete(id)
      if (ids?.size === 0) byDevice.delete(before)
    }
    if (!status) return void statuses.delete(id)
    statuses.set(id, status)
    const ids = byDevice.get(status.device)
    if (ids) ids.add(id)
    else byDevice.set(status.device, new Set([id]))
  }

  return {
    host: () => words,
    on: (device) =>
      [...(byDevice.get(device) ?? [])].flatMap((id) => {
        const status = statuses.get(id)
        return status ? [{ status, wanted: wanted(id), link: link(id) }] : []
      }),
    isSettled: () => words?.state === 'applied',
    claim: (device) => claims.get(device),
    unclaimed: () => [...claims.values()].flatMap((each) => (each.interface === null ? [each.device] : [])),
    silentMs: () => (heard === 'now' ? 0 : heard === null ? null : now() - heard),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    status({ host, whole, put, remove }) {
      if (whole) for (const id of [...statuses.keys()]) set(id, undefined)
      for (const id of remove) set(id, undefined)
      for (const status of put) set(status.id, status)
      words = host
      tell()
    },
    claims(list) {
      for (const claim of list) claims.set(claim.device, claim)
      tell()
    },
    connected(is) {
      heard = is ? 'now' : heard === 'now' ? now() : heard
      tell()
    },
  }
}
