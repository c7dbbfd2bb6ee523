/** The network devices of the host: which there are, and when that changes. */
import { stat } from 'node:fs/promises'
import type { Link } from '../core/model/link.ts'
import { parseMac } from '../core/net/mac.ts'
import {
  hasDefaultRoutingRules,
  openLinkEvents,
  readKernelLink,
  readKernelLinks,
  stacked,
} from './kernel-links.ts'
import { type Follower, follow, run, within } from './run.ts'

/** As `ip` prints a device (iproute2 6.1); only what is read here. */
interface Printed {
  readonly ifindex: number
  readonly ifname: string
  readonly address?: string
  readonly master?: string
  /** The other end of a veth, and the way of a tunnel, as well as the parent of a device that stands on it. */
  readonly link?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_slave_kind?: string
    readonly info_data?: { readonly no_linklocal_learn?: number }
  }
}

/** In this process's own namespace by netlink, by `ip` in another, and where netlink cannot be spoken. */
export async function readLinks(netns: string | undefined): Promise<readonly Link[]> {
  return (await here(netns, readKernelLinks)) ?? readPrintedLinks(netns)
}

/** The device of that name in this process's own namespace, as the kernel has it at this moment; undefined: there is none. */
export async function readLink(name: string): Promise<Pick<Link, 'index' | 'name' | 'address'> | undefined> {
  const found = await here(undefined, async () => ({ link: await readKernelLink(name) }))
  if (found) return found.link
  return (await readPrintedLinks(undefined)).find((link) => link.name === name)
}

export async function readPrintedLinks(netns: string | undefined): Promise<readonly Link[]> {
  const text = await run(within(netns, ['ip', '-d', '-j', 'link']), { patienceMs: 10_000 })
  return (JSON.parse(text || '[]') as Printed[]).map(
    ({ ifindex, ifname, address, master, link, linkinfo }) => ({
      index: ifindex,
      name: ifname,
      kind: linkinfo?.info_kind ?? null,
      master: master === undefined ? null : { name: master, kind: linkinfo?.info_slave_kind ?? '' },
      ...(address !== undefined && parseMac(address).ok && { address }),
      ...(link !== undefined && stacked.has(linkinfo?.info_kind) && { parent: link }),
      ...(linkinfo?.info_kind === 'bridge' &&
        linkinfo.info_data?.no_linklocal_learn === 0 && { learnsLinkLocal: true }),
    }),
  )
}

/**
 * Keeps a bridge from learning from frames to 01:80:c2:00:00:00 to 0f. It hands most of them to this host past its
 * prerouting hook: a VM could draw its neighbours' packets to its own port by such a frame with their MAC.
 */
export async function ignoreLinkLocal(netns: string | undefined, bridge: string): Promise<void> {
  const command = ['ip', 'link', 'set', 'dev', bridge, 'type', 'bridge', 'no_linklocal_learn', '1'] as const
  await run(within(netns, command), { patienceMs: 10_000 })
}

/** What the kernel asks for a route beside the tables that it always asks: rules in words, IPv4 and IPv6. */
export async function readRoutingRules(netns: string | undefined): Promise<readonly string[]> {
  const others = async (flag: string, family: 'inet' | 'inet6'): Promise<string> => {
    // The words are iproute2's, and nearly always there is nothing to say.
    if (await here(netns, () => hasDefaultRoutingRules(family))) return ''
    return run(within(netns, ['ip', flag, 'rule']), { patienceMs: 10_000 })
  }
  const found = await Promise.all([others('-4', 'inet'), others('-6', 'inet6')])
  return found.flatMap((text) =>
    text
      .split('\n')
      .map((line) => line.replace(/^\d+:\s+/, '').trim())
      .filter((rule) => rule !== '' && !/^from all lookup (local|main|default)$/.test(rule)),
  )
}

export interface LinkListener {
  /** A device came, went, was renamed, got another master or state; the name is that of then. */
  changed(index: number, name: string): void
  /** Routing rules changed, or anything may have: listening has begun, or something was missed. */
  doubt(): void
}

/** Tells of devices as they change: by netlink where `readLinks` does, else by `ip monitor`, which has doubts only. */
export function followLinks(netns: string | undefined, { changed, doubt }: LinkListener): Follower {
  let stopped = false
  let stop = (): void => {}
  let problem = (): string | null => null

  async function start(): Promise<void> {
    const events = await here(netns, () => openLinkEvents({ link: changed, rule: doubt, lost: doubt }))
    if (stopped) return events?.close()
    if (events !== undefined) {
      stop = () => events.close()
      doubt()
      return
    }
    const command = within(netns, ['ip', '-o', 'monitor', 'link', 'rule'])
    const program = follow({ command, onLine: doubt, onGap: doubt })
    stop = () => program.stop()
    problem = () => program.problem()
  }

  start().catch((error: unknown) => {
    problem = () => `devices are not followed: ${String(error)}`
  })
  return {
    problem: () => problem(),
    stop() {
      stopped = true
      stop()
    },
  }
}

/**
 * What netlink answers; undefined where the namespace is another than ours or the library does not run. Any other error
 * is one of this moment: the program may have more luck.
 */
async function here<T>(netns: string | undefined, ask: () => Promise<T>): Promise<T | undefined> {
  if (!(await isOwn(netns))) return undefined
  return ask().catch(() => undefined)
}

async function isOwn(netns: string | undefined): Promise<boolean> {
  if (netns === undefined) return true
  const [own, named] = await Promise.all(
    ['/proc/self/ns/net', `/run/netns/${netns}`].map((path) => stat(path).catch(() => undefined)),
  )
  return own !== undefined && own.ino === named?.ino && own.dev === named.dev
}
