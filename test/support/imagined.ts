/** A host of which only the devices are given, and a kernel that takes everything: what our own part of a change does. */
import type { Host } from '../../src/agent/nftables/host.ts'
import type { Kernel } from '../../src/agent/nftables/kernel.ts'
import type { Command } from '../../src/compile/nftables/commands.ts'
import type { Link } from '../../src/core/model/link.ts'

/** Devices that never change. */
export function imaginedHost(links: readonly Link[]): Host {
  const byName = new Map(links.map((link) => [link.name, link]))
  let changed: ReadonlySet<string> | null = null
  return {
    look: async () => ({ links: byName, kernel: { tracks: true, rejects: true }, hinders: [] }),
    changed() {
      const since = changed
      changed = new Set()
      return since
    },
    doubtOthers() {},
    doubtDevices() {},
    doubt() {},
    onChange() {},
    problem: () => null,
    close() {},
  }
}

/** At first nothing stands, and it is read but once. `commit` is given every transaction. */
export const imaginedKernel = (commit: (commands: readonly Command[]) => void): Kernel => ({
  commit: async (commands) => commit(commands),
  check: async () => {},
  read: async () => undefined,
  counters: async () => new Map(),
  counts: 'rules',
  hits: async () => undefined,
  forget: async () => {},
  baseChains: async () => [],
  onChange: () => () => {},
  problem: () => null,
  close: async () => {},
})
