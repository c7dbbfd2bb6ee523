/**
 * Devices that are there while their configuration is changed to another MAC, so that nobody can tell what runs.
 *
 * Proxmox VE writes a change of a running guest into the section of what is pending first, plugs the device anew, and moves the
 * setting up then: such a change is what runs. One that was never pending was made by hand, and runs from the next start on:
 * neither the old MAC nor the new one is known of the device until it goes, or the configuration is as it was.
 */
import type { Mac } from '../../../core/net/mac.ts'
import { type ConfiguredGuest, deviceOf } from './guest-devices.ts'

export interface Doubts {
  /** Takes configurations as they are. Answers whether other devices are in doubt than before. */
  weigh(guests: Iterable<ConfiguredGuest>): Promise<boolean>
  has(device: string): boolean
  problems(): readonly string[]
}

/** `indexOf` answers the kernel's number of a device; null: there is none. */
export function createDoubts(indexOf: (device: string) => Promise<number | null>): Doubts {
  /** What each device was last known by, and what it was to be next: also of those that no configuration has any more, while they are there. */
  const last = new Map<string, Macs>()
  /** With the kernel's number of the device. */
  const doubts = new Map<string, number>()

  /** Whether it began or ended to be in doubt. */
  async function weighOne(device: string, { mac, next }: Macs): Promise<boolean> {
    const before = last.get(device)
    const sure = before === undefined || mac === before.mac || mac === before.next
    const index = sure ? null : await indexOf(device)
    const doubted = doubts.get(device)
    if (index !== null && (doubted === undefined || doubted === index)) {
      doubts.set(device, index)
      return doubted === undefined
    }
    last.set(device, { mac, next })
    return doubts.delete(device)
  }

  return {
    async weigh(guests) {
      const configured = new Set<string>()
      let changed = false
      for (const guest of guests) {
        for (const [n, { mac }] of guest.config.nics) {
          const device = deviceOf(guest, n)
          configured.add(device)
          if (await weighOne(device, { mac, next: guest.config.pending.get(n) })) changed = true
        }
      }
      for (const device of last.keys()) {
        if (configured.has(device) || (await indexOf(device)) !== null) continue
        last.delete(device)
        if (doubts.delete(device)) changed = true
      }
      return changed
    },
    has: (device) => doubts.has(device),
    problems: () =>
      [...doubts.keys()].map(
        (device) => `${device} has run since before its configuration got another MAC: start its guest anew`,
      ),
  }
}

interface Macs {
  readonly mac: Mac
  /** Undefined: it stays as it is. */
  readonly next: Mac | undefined
}
