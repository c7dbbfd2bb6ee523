/**
 * Guests of a node of Proxmox VE, by the files in which it keeps their configuration: `/etc/pve/qemu-server/100.conf`,
 * `/etc/pve/lxc/200.conf`, and pools of `/etc/pve/user.cfg`.
 *
 * Addresses are those of `ipconfigN` and of a container's `netN`, never what a guest's agent says. It calls no program of Proxmox
 * and writes nothing. It looks at all files each second, as changes that come from another node are announced to nobody, and
 * sooner where the kernel tells of a change.
 */
import { lstat, readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { shortened } from '../shortened.ts'
import type { Known, Source } from '../source.ts'
import { createConfigFiles } from './config-files.ts'
import { createDoubts } from './doubts.ts'
import { type GuestConfig, parseGuestConfig } from './guest-config.ts'
import { type ConfiguredGuest, knownDevices, titleOf } from './guest-devices.ts'
import type { GuestKind } from './network-devices.ts'
import { parsePools } from './pools.ts'
import { createWatchers } from './watchers.ts'

export interface ProxmoxOptions {
  /** Where the node's configuration is, `/etc/pve`. Its links lead to this node's own guests. */
  readonly directory: string
  /** Between two looks at all files; longer where such a look takes long. */
  readonly pollMs?: number
  readonly indexOf?: (device: string) => Promise<number | null>
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

/** What a look at the configuration finds of one guest, and of what keeps others from being known. */
export interface Looked {
  readonly guests: readonly ConfiguredGuest[]
  readonly problems: readonly string[]
}

export interface ProxmoxSource extends Source {
  /** Reads the configuration of a guest as it is now. Rejects, in words for the operator, where that cannot be done in time. */
  lookAt(number: string): Promise<Looked>
  /** Whether another node of the cluster has the guest's configuration: it may be on its way here. */
  isElsewhere(number: string): Promise<boolean>
}

const folders = { vm: 'qemu-server', container: 'lxc' } as const satisfies Record<GuestKind, string>
const kinds: readonly GuestKind[] = ['vm', 'container']
/** After a change that the kernel told of: more of them come at once. */
const soonMs = 20
/** Between two looks at all files, however long one takes. */
const mostMs = 5000
/** Whoever starts a guest waits meanwhile. */
const lookAtMs = 2000
/** A file system that does not answer for that long is said to be away. */
const patienceMs = 10_000

export function createProxmoxSource(options: ProxmoxOptions): ProxmoxSource {
  const { directory, pollMs = 1000, indexOf = kernelIndexOf, now = () => performance.now() } = options
  const configs = createConfigFiles<GuestConfig>((text, path) => parseGuestConfig(kindOf(path), text), now)
  const users = createConfigFiles(parsePools, now)
  const usersPath = join(directory, 'user.cfg')
  const doubts = createDoubts(indexOf)
  const listeners = new Set<() => void>()
  const watchers = createWatchers((path) => {
    hinted.add(path)
    soon(soonMs)
  })

  let guests: ReadonlyMap<string, ConfiguredGuest> = new Map()
  let pools: ReadonlyMap<string, string> | undefined
  let known: ReadonlyMap<string, Known> | null = null
  let problems: readonly string[] = []
  let away: string | null = null
  let begun: number | null = null
  let wholeDue = 0
  /** Files that the kernel told of since the last look. */
  const hinted = new Set<string>()
  let round: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let due = Number.POSITIVE_INFINITY
  let stopped = false

  /**
   * Reads what changed: any file in a whole look, else new ones and those of hints. Rejects where not all of the directory can be
   * read, so that nothing is concluded from a part.
   */
  async function look(whole: boolean, hints: ReadonlySet<string>): Promise<void> {
    const hasUsers = await users.look(usersPath)
    const usersProblem = users.problem(usersPath)
    if (usersProblem !== null && users.value(usersPath) === undefined)
      throw new Error(`user.cfg: ${usersProblem}`)
    const found = new Map<string, Pick<ConfiguredGuest, 'kind' | 'number'>>()
    for (const kind of kinds) {
      const folder = join(directory, folders[kind])
      for (const name of await readdir(folder)) {
        const [, number] = /^([1-9]\d{0,8})\.conf$/.exec(name) ?? []
        if (number !== undefined) found.set(join(folder, name), { kind, number })
      }
    }
    if (!hasUsers) users.keep(new Set())
    // One after the other: a file system that hangs takes one thread of this process then, and not all of them.
    for (const path of found.keys()) {
      if (whole || hints.has(path) || !configs.has(path)) await configs.look(path)
    }
    configs.keep(new Set(found.keys()))
    await conclude(found)
  }

  async function conclude(
    found: ReadonlyMap<string, Pick<ConfiguredGuest, 'kind' | 'number'>>,
  ): Promise<void> {
    const current = new Map<string, ConfiguredGuest>()
    const unread: string[] = []
    for (const [path, guest] of found) {
      const config = configs.value(path)
      const problem = configs.problem(path)
      if (problem !== null) unread.push(`${titleOf(guest)}: ${problem}`)
      if (config !== undefined) current.set(path, { ...guest, config })
    }
    const doubted = await doubts.weigh(current.values())
    const same =
      current.size === guests.size &&
      [...current].every(([path, { config }]) => guests.get(path)?.config === config)
    const currentPools = users.value(usersPath)
    const changed = known === null || doubted || !same || pools !== currentPools
    guests = current
    pools = currentPools
    const devices = knownDevices(current.values(), pools ?? new Map())
    problems = [...unread, ...doubts.problems(), ...devices.problems]
    if (!changed || stopped) return
    const before = known
    // What is as it was stays the same object.
    const now = [...devices.known].flatMap(([device, each]) => {
      const old = before?.get(device)
      return doubts.has(device) ? [] : [[device, isDeepStrictEqual(old, each) && old ? old : each] as const]
    })
    if (before?.size === now.length && now.every(([device, each]) => before.get(device) === each)) return
    known = new Map(now)
    for (const listener of [...listeners]) listener()
  }

  async function run(): Promise<void> {
    const start = now()
    begun = start
    const whole = start >= wholeDue
    const hints = new Set(hinted)
    hinted.clear()
    try {
      await look(whole, hints)
      away = null
      await watchers.follow([directory, ...kinds.map((kind) => join(directory, folders[kind]))])
    } catch (error) {
      const { code, path, message } = error as NodeJS.ErrnoException
      away = code === undefined ? message : `${path ?? directory} cannot be read (${code})`
    }
    begun = null
    if (whole) wholeDue = now() + Math.min(Math.max(pollMs, 10 * (now() - start)), mostMs)
    soon(Math.max(0, wholeDue - now()))
  }

  /** Has a look in that time, unless one comes sooner. */
  function soon(ms: number): void {
    if (stopped || now() + ms >= due) return
    clearTimeout(timer)
    due = now() + ms
    timer = setTimeout(() => {
      due = Number.POSITIVE_INFINITY
      round = round.then(run)
    }, ms)
  }

  const pathsOf = (number: string): readonly string[] =>
    kinds.map((kind) => join(folders[kind], `${number}.conf`))

  soon(0)
  return {
    name: 'proxmox',
    namesLast: true,
    marksTaps: false,
    async lookAt(number) {
      const own = pathsOf(number).map((path) => join(directory, path))
      for (const path of own) hinted.add(path)
      let answered = false
      round = round.then(run).then(() => {
        answered = true
      })
      await Promise.race([round, delay(lookAtMs, undefined, { ref: false })])
      const reason = answered ? away : `${directory} does not answer`
      if (reason !== null) throw new Error(reason)
      return { guests: own.flatMap((path) => guests.get(path) ?? []), problems }
    },
    async isElsewhere(number) {
      const nodes = await readdir(join(directory, 'nodes')).catch(() => [])
      const paths = nodes.flatMap((node) =>
        pathsOf(number).map((path) => join(directory, 'nodes', node, path)),
      )
      const found = await Promise.all(paths.map((path) => lstat(path).catch(() => undefined)))
      return found.some((each) => each?.isFile())
    },
    observe: () => known,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    problems() {
      const silentMs = begun === null ? 0 : now() - begun
      const silent = `${directory} has not answered for ${Math.round(silentMs / 1000)} s`
      const reason = silentMs > patienceMs ? silent : away
      const guestsAway =
        reason === null
          ? []
          : [`${reason}: ${known === null ? 'no guest is known' : 'guests are those of before'}`]
      return shortened([...guestsAway, ...problems], 20)
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      watchers.close()
      listeners.clear()
      // One that hangs is not waited for.
      await Promise.race([round, delay(1000, undefined, { ref: false })])
    },
  }
}

const kindOf = (path: string): GuestKind =>
  basename(dirname(path)) === folders.container ? 'container' : 'vm'

async function kernelIndexOf(device: string): Promise<number | null> {
  try {
    return Number(await readFile(`/sys/class/net/${device}/ifindex`, 'utf8'))
  } catch (error) {
    // What cannot be read is there, for all that is known.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : 0
  }
}
