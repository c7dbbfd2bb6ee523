/**
 * Domains that libvirt runs on this host. Only what runs has devices, whose names are others at each start.
 *
 * It hears of changes as libvirt makes them, and looks at everything once a minute. Where libvirt does not answer, what was known
 * last is kept: guests run on without it.
 */
import { sleep } from '../../sleep.ts'
import { shortened } from '../shortened.ts'
import type { Known, Source } from '../source.ts'
import { type Domain, parseDomain } from './domain.ts'
import type { Virsh } from './virsh.ts'

export interface LibvirtSource extends Source {
  readonly name: 'libvirt'
  /** A domain's devices have other names at each start. */
  readonly namesLast: false
  readonly marksTaps: true
  /** What a hook of libvirt was told, which must not be asked of libvirt while it waits for the hook: the domain starts, or is gone. */
  tell(domain: Domain, state: 'starts' | 'gone'): void
}

export interface LibvirtSourceOptions {
  readonly virsh: Virsh
  /** Names libvirt in words for the operator: its URI. */
  readonly uri: string
  readonly times?: Partial<typeof defaultTimes>
}

/** Milliseconds. */
const defaultTimes = {
  /** Between two looks at everything. */
  everything: 60_000,
  /** Between one look and the next. */
  apart: 100,
  /** After a look that failed; doubled from the first to the last. */
  first: 200,
  last: 10_000,
}

/** Of domains, said at once. */
const mostProblems = 10

export function createLibvirtSource({ virsh, uri, times: given }: LibvirtSourceOptions): LibvirtSource {
  const times = { ...defaultTimes, ...given }
  /** The one heard of last is the last. What is known of its devices is made anew each time that something is said of it. */
  const domains = new Map<string, { readonly domain: Domain; readonly devices: readonly Known[] }>()
  const unread = new Map<string, string>()
  /** Domains that a hook spoke of during the look that runs now: it knows less of them. */
  const told = new Set<string>()
  const listeners = new Set<() => void>()
  const ending = new AbortController()
  let observed: ReadonlyMap<string, Known> | null = null
  let failure: string | null = null
  let everything = true
  let changed = new Set<string>()
  let looking: Promise<void> | undefined

  function keep(domain: Domain): void {
    domains.delete(domain.id)
    domains.set(domain.id, { domain, devices: devicesOf(domain) })
  }
  function tellListeners(): void {
    observed = new Map(
      [...domains.values()].flatMap(({ devices }) => devices.map((known) => [known.device, known])),
    )
    for (const listener of listeners) listener()
  }

  /** Asks libvirt, and keeps what it says; throws where it does not answer for all that was asked. */
  async function look(all: boolean, names: ReadonlySet<string>): Promise<void> {
    told.clear()
    const running = await virsh.running(ending.signal)
    const asked = running.filter(({ id, name }) => all || names.has(name) || !domains.has(id))
    const xml = await virsh.dump(
      asked.map(({ id }) => id),
      ending.signal,
    )
    const there = new Set(running.map(({ id }) => id))
    for (const each of [domains, unread]) {
      for (const id of each.keys()) if (!there.has(id) && !told.has(id)) each.delete(id)
    }
    for (const { id, name } of asked) {
      const text = xml.get(id)
      if (text === undefined || told.has(id)) continue
      const domain = parseDomain(text)
      unread.delete(id)
      if (domain.ok && domain.value.id === id) keep(domain.value)
      else {
        domains.delete(id)
        unread.set(id, `the domain ${name}: ${domain.ok ? 'libvirt answered with another' : domain.error}`)
      }
    }
    tellListeners()
    const silent = asked.find(({ id }) => !xml.has(id))
    if (silent) throw new Error(`nothing is said of the domain ${silent.name}`)
  }

  async function lookAround(): Promise<void> {
    let pause = times.first
    while ((everything || changed.size > 0) && !ending.signal.aborted) {
      const [all, names] = [everything, changed]
      everything = false
      changed = new Set()
      try {
        await look(all, names)
        failure = null
        pause = times.first
        await sleep(times.apart, ending.signal)
      } catch (error) {
        if (ending.signal.aborted) return
        failure = error instanceof Error ? error.message : String(error)
        everything = true
        for (const listener of listeners) listener()
        await sleep(pause, ending.signal)
        pause = Math.min(2 * pause, times.last)
      }
    }
  }
  function begin(name: string | null): void {
    if (name === null) everything = true
    else changed.add(name)
    looking ??= lookAround().finally(() => {
      looking = undefined
      // Somebody asked between the last look and here.
      if ((everything || changed.size > 0) && !ending.signal.aborted) begin(null)
    })
  }

  const follower = virsh.follow(begin)
  const timer = setInterval(() => begin(null), times.everything)
  timer.unref()
  begin(null)

  return {
    name: 'libvirt',
    namesLast: false,
    marksTaps: true,
    observe: () => observed,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    problems() {
      const kept = observed === null ? 'nothing is known of its domains' : 'what it said last is kept'
      const silent = failure ?? follower.problem()
      return [
        ...(silent === null ? [] : [`libvirt at ${uri}: ${silent}; ${kept}`]),
        ...shortened(
          [
            ...unread.values(),
            ...[...domains.values()].flatMap(({ domain: { name, adoption } }) =>
              adoption && !adoption.ok ? [`the domain ${name} is not adopted: ${adoption.error}`] : [],
            ),
          ],
          mostProblems,
        ),
      ]
    },
    tell(domain, state) {
      told.add(domain.id)
      if (state === 'starts') keep(domain)
      else domains.delete(domain.id)
      // Also before libvirt has answered once: it answers nobody until it has started what it starts by itself. Of devices that
      // nobody names yet nothing is concluded.
      tellListeners()
    },
    async stop() {
      ending.abort()
      clearInterval(timer)
      follower.stop()
      await looking
    },
  }
}

const devicesOf = ({ id, name, interfaces, adoption }: Domain): Known[] =>
  interfaces.flatMap(({ device, mac, index, addresses }) => {
    if (device === null) return []
    const guest = { id, name: name.slice(0, 128).toWellFormed() }
    const labels = { tags: [], ...(adoption?.ok && { adoption: adoption.value }) }
    return [{ device, mac, guest, labels, addresses, index }]
  })
