/** Decides what the guard closes on this host, and keeps its file equal to that. */
import {
  closes,
  describeGuard,
  type Guard,
  guardFile,
  guardOf,
  renderGuard,
} from '../../compile/nftables/guard.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import type { RenderedTables } from '../../compile/nftables/table.ts'
import type { Desired, DesiredDelta } from '../../core/model/desired.ts'
import { isDeviceName, type Link } from '../../core/model/link.ts'
import { writeGuard } from './guard.ts'

export interface Keeper {
  /**
   * Takes over what the guard in the kernel closes, the first time it is called: devices that were described once stay
   * closed while they exist.
   */
  remember(found: RenderedTables): void
  /** Decides anew where something changed that it depends on, and answers whether; links are the same object while none has. */
  update(desired: Desired, delta: DesiredDelta | null, links: ReadonlyMap<string, Link>): boolean
  /** The guard's tables; the same objects while nothing changes. */
  tables(): RenderedTables
  /** Writes the file if it does not hold what `tables` answered last. A failure is one of `problems`. */
  write(): Promise<void>
  /** Whether the guard closes a device until its packets are judged. */
  closes(link: Link): boolean
  /** Devices that it closes and nobody has described, as of the last `update`. */
  strangers(): readonly string[]
  /** In words for the operator. */
  described(): string
  problems(): readonly string[]
}

interface KeeperOptions {
  readonly guard: readonly string[]
  readonly guardPath?: string
  readonly observe?: boolean
}

const nothing: Guard = { devices: new Set(), indexes: new Set(), patterns: [], open: new Set() }

export function createKeeper({ guard: patterns, guardPath, observe = false }: KeeperOptions): Keeper {
  let guard: Guard = nothing
  let rendered: RenderedTables = new Map()
  let links: ReadonlyMap<string, Link> | undefined
  /** Devices of interfaces, and whether nothing is to be dropped there. */
  const devices = new Map<string, { readonly device: string; readonly observe: boolean }>()
  let remembered = false
  let written: { readonly guard: Guard; readonly text: string } | undefined
  let problem: string | undefined
  let strangers: readonly string[] = []

  function decide(links: ReadonlyMap<string, Link>): Guard {
    // Nothing is cut where nothing is to be dropped.
    if (observe) return nothing
    const interfaces = [...devices.values()]
    const open = new Set(interfaces.filter((each) => each.observe).map(({ device }) => device))
    const described = new Set(interfaces.map(({ device }) => device))
    const closed = [...links.values()].filter(
      ({ name, index }) => described.has(name) || guard.indexes.has(index),
    )
    return {
      patterns,
      open: new Set([...open].filter(isDeviceName)),
      devices: new Set(
        [...described, ...[...guard.devices].filter((name) => links.has(name))].filter(isDeviceName),
      ),
      indexes: new Set(
        closed
          // nft takes a number for a name first.
          .filter(({ name, index }) => !open.has(name) && !links.has(String(index)))
          .map(({ index }) => index),
      ),
    }
  }

  function findStrangers(links: ReadonlyMap<string, Link>): readonly string[] {
    const described = new Set([...devices.values()].map(({ device }) => device))
    return [...links.values()]
      .filter((link) => !described.has(link.name) && closes(guard, link))
      .map(({ name }) => name)
  }

  return {
    remember(found) {
      const routed = found.get(guardTables[0])
      if (remembered) return
      remembered = true
      if (!routed) return
      const standing = guardOf(routed)
      guard = {
        ...guard,
        devices: new Set([...guard.devices, ...standing.devices]),
        indexes: new Set([...guard.indexes, ...standing.indexes]),
      }
      // Decided anew with the next update.
      links = undefined
    },
    update({ interfaces }, delta, now) {
      let changed = links !== now
      for (const id of delta ? delta.interfaces : new Set([...devices.keys(), ...interfaces.keys()])) {
        const [before, each] = [devices.get(id), interfaces.get(id)]
        if (!each) devices.delete(id)
        else devices.set(id, { device: each.device, observe: each.observe === true })
        changed ||= before?.device !== each?.device || before?.observe !== devices.get(id)?.observe
      }
      if (!changed) return false
      links = now
      guard = decide(now)
      rendered = renderGuard(guard)
      strangers = observe ? [] : findStrangers(now)
      return true
    },
    tables: () => rendered,
    async write() {
      if (guardPath === undefined) return
      if (guard === written?.guard) return
      const made = { guard, text: guardFile(guard) }
      try {
        if (made.text !== written?.text) await writeGuard(guardPath, guard)
        written = made
        problem = undefined
      } catch (error) {
        problem = `the guard for the next boot cannot be written: ${error instanceof Error ? error.message : error}`
      }
    },
    closes: (link) => closes(guard, link),
    strangers: () => strangers,
    described: () => describeGuard(guard),
    problems: () => (problem === undefined ? [] : [problem]),
  }
}
