/** What the host of a dataplane looks like: its devices, what its kernel can do in bridges, and who else filters there. */
import type { BridgeKernel } from '../../compile/nftables/bridge.ts'
import type { Trackers } from '../../compile/nftables/untracked.ts'
import type { Link } from '../../core/model/link.ts'
import { followLinks, readLinks } from '../links.ts'
import { bridgeKernel } from './bridge-kernel.ts'
import type { Kernel } from './kernel.ts'
import type { Notrack } from './nftables.ts'
import { createOthers } from './others.ts'

export interface Seen {
  /** By name. The same object while none of them changes. */
  readonly links: ReadonlyMap<string, Link>
  readonly kernel: BridgeKernel
  /** Absent: connections of stateless interfaces are tracked whoever asks for them. */
  readonly trackers?: Trackers
  /** Who else may drop what policies let pass, in words for the operator. */
  readonly hinders: readonly string[]
}

export interface Host {
  /** What it looks like now: read again where that may have changed. Rejects when the devices cannot be read. */
  look(): Promise<Seen>
  /** Names of devices that are not as they were since this was asked last; null: of all that may be. */
  changed(): ReadonlySet<string> | null
  /** What others ask for may have changed. */
  doubtOthers(): void
  /** Devices may have changed. */
  doubtDevices(): void
  /** Either may. */
  doubt(): void
  /** Calls back when a device may have changed. */
  onChange(listener: () => void): void
  /** Why changes are seen late; null when they are not. */
  problem(): string | null
  close(): void
}

export function createHost(kernel: Kernel, notrack: Notrack, netns: string | undefined): Host {
  /** By name. */
  let links: ReadonlyMap<string, Link> = new Map()
  let linksKnown = false
  let changed: Set<string> | null = null
  let can: BridgeKernel = { tracks: false, rejects: false }
  let trackers: Trackers | undefined = notrack === 'always' ? { others: null, routes: null } : undefined
  let hinders: readonly string[] = []
  let othersKnown = false
  const others = createOthers(kernel, netns)
  const listeners = new Set<() => void>()

  function doubtOthers(): void {
    // Their rules, and where packets are routed.
    othersKnown = false
  }
  function doubtDevices(): void {
    linksKnown = false
  }
  function doubt(): void {
    doubtDevices()
    doubtOthers()
  }
  function told(): void {
    doubt()
    for (const listener of listeners) listener()
  }
  const devices = followLinks(netns, { changed: told, doubt: told })

  async function readDevices(): Promise<void> {
    // What changes from here on is read again.
    linksKnown = true
    try {
      const found = new Map((await readLinks(netns)).map((link) => [link.name, link]))
      const differing = [...new Set([...links.keys(), ...found.keys()])].filter(
        (name) => !sameLink(links.get(name), found.get(name)),
      )
      for (const name of differing) changed?.add(name)
      if (differing.length > 0) links = found
    } catch (error) {
      linksKnown = false
      throw error
    }
    if ([...links.values()].some(({ master }) => master?.kind === 'bridge')) can = await bridgeKernel(kernel)
  }

  return {
    async look() {
      if (!linksKnown) await readDevices()
      if (!othersKnown) {
        othersKnown = true
        const found = await others.read([...links.values()])
        if (notrack === 'auto') trackers = found.trackers
        hinders = found.hinders
        // Asked again with the next change.
        if (!found.complete) othersKnown = false
      }
      return { links, kernel: can, ...(trackers && { trackers }), hinders }
    },
    changed() {
      const since = changed
      changed = new Set()
      return since
    },
    doubtOthers,
    doubtDevices,
    doubt,
    onChange: (listener) => void listeners.add(listener),
    problem: devices.problem,
    close: devices.stop,
  }
}

const sameLink = (a: Link | undefined, b: Link | undefined): boolean =>
  JSON.stringify(a) === JSON.stringify(b)
