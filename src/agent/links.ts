/** The network devices of the host: which there are, and when that changes. */
import type { Link } from '../core/model/link.ts'
import { type Command, run, within } from './run.ts'

/** As `ip` prints a device (iproute2 6.1); only what is read here. */
interface Printed {
  readonly ifindex: number
  readonly ifname: string
  readonly master?: string
  readonly linkinfo?: { readonly info_kind?: string; readonly info_slave_kind?: string }
}

export async function readLinks(netns: string | undefined): Promise<readonly Link[]> {
  const text = await run(within(netns, ['ip', '-d', '-j', 'link']), { patienceMs: 10_000 })
  return (JSON.parse(text || '[]') as Printed[]).map(({ ifindex, ifname, master, linkinfo }) => ({
    index: ifindex,
    name: ifname,
    kind: linkinfo?.info_kind ?? null,
    master: master === undefined ? null : { name: master, kind: linkinfo?.info_slave_kind ?? '' },
  }))
}

/** Prints something whenever a device comes, goes, is renamed, or gets another master. */
export const linkMonitor = (netns: string | undefined): Command =>
  within(netns, ['ip', '-o', 'monitor', 'link'])
