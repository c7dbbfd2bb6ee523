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
import type { Desired } from '../../core/model/desired.ts'
import { isDeviceName, type Link } from '../../core/model/link.ts'
import { writeGuard } from './guard.ts'

export interface Keeper {
  /**
   * Takes over what the guard in the kernel closes, the first time it is called: devices that were described once stay
   * closed while they exist.
   */
  remember(found: RenderedTables): void
  /** The guard's tables; the same objects while nothing changes. */
  tables(desired: Desired, links: readonly Link[]): RenderedTables
  /** Writes the file if it does not hold what `tables` answered last. A failure is one of `problems`. */
  write(): Promise<void>
  /** Whether the guard closes a device until its packets are judged. */
  closes(link: Link): boolean
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
  let rendered: RenderedTables | undefined
  let madeFor: { readonly links: readonly Link[]; readonly devices: string } | undefined
  let remembered = false
  let written: string | undefined
  let problem: string | undefined

  function decide(desired: Desired, links: readonly Link[]): Guard {
    // Nothing is cut where nothing is to be dropped.
    if (observe) return nothing
    const interfaces = [...desired.interfaces.values()]
    const names = new Set(links.map(({ name }) => name))
    const open = new Set(interfaces.filter((each) => each.observe === true).map(({ device }) => device))
    const described = new Set(interfaces.map(({ device }) => device))
    const closed = links.filter(({ name, index }) => described.has(name) || guard.indexes.has(index))
    return {
      patterns,
      open: new Set([...open].filter(isDeviceName)),
      devices: new Set(
        [...described, ...[...guard.devices].filter((name) => names.has(name))].filter(isDeviceName),
      ),
      indexes: new Set(
        closed
          // nft takes a number for a name first.
          .filter(({ name, index }) => !open.has(name) && !names.has(String(index)))
          .map(({ index }) => index),
      ),
    }
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
      rendered = undefined
    },
    tables(desired, links) {
      const devices = [...desired.interfaces.values()]
        .map((each) => `${each.device}${each.observe ? ' ' : ''}`)
        .join('\n')
      if (!rendered || madeFor?.links !== links || madeFor.devices !== devices) {
        guard = decide(desired, links)
        madeFor = { links, devices }
        rendered = renderGuard(guard)
      }
      return rendered
    },
    async write() {
      if (guardPath === undefined) return
      const text = guardFile(guard)
      if (text === written) return
      try {
        await writeGuard(guardPath, guard)
        written = text
        problem = undefined
      } catch (error) {
        problem = `the guard for the next boot cannot be written: ${error instanceof Error ? error.message : error}`
      }
    },
    closes: (link) => closes(guard, link),
    described: () => describeGuard(guard),
    problems: () => (problem === undefined ? [] : [problem]),
  }
}
