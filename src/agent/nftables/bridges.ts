/** Bridges with judged or closed ports: kept from learning from frames that nobody judges. */
import type { Desired } from '../../core/model/desired.ts'
import type { Link } from '../../core/model/link.ts'
import { ignoreLinkLocal } from '../links.ts'

export interface Bridges {
  /** Has them ignore link-local frames; what kept us from it is one of `problems`. */
  teach(links: ReadonlyMap<string, Link>, desired: Desired, closes: (link: Link) => boolean): Promise<void>
  problems(): readonly string[]
}

export function createBridges(netns: string | undefined): Bridges {
  let problems: readonly string[] = []
  return {
    async teach(byName, { interfaces }, closes) {
      const links = [...byName.values()]
      const judged = new Set(
        [...interfaces.values()].flatMap(({ device, observe }) => (observe ? [] : [device])),
      )
      const held = links.filter((link) => judged.has(link.name) || closes(link))
      const bridges = new Set(held.map(({ master }) => master?.name))
      const learning = links.filter(({ name, learnsLinkLocal }) => learnsLinkLocal && bridges.has(name))
      const done = await Promise.allSettled(learning.map(({ name }) => ignoreLinkLocal(netns, name)))
      problems = done.flatMap((each, at) =>
        each.status === 'fulfilled'
          ? []
          : [
              `${learning[at]?.name} learns from frames that nobody judges: ${each.reason instanceof Error ? each.reason.message : each.reason}`,
            ],
      )
    },
    problems: () => problems,
  }
}
