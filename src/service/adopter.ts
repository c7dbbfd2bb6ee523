/**
 * Devices of one host that its rules would have adopted: asked of the store one after the other, each all or nothing, and
 * asked again later where it was refused. Addresses of those that were adopted follow the host's configuration.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Claimed, Sighting } from '../core/model/sighting.ts'
import type { Programs, Storage } from '../storage/storage.ts'
import { type AdoptionReader, canonical, numberOf, whyNot } from './adoption.ts'

export interface AdopterOptions {
  readonly host: string
  /** Of the host's agent: what it may adopt into is looked up each time; null: it may into every account. */
  readonly credential: string | null
  readonly storage: Storage
  readonly reader: AdoptionReader
  /** So that only some hosts are written of at a time. */
  readonly turns: <T>(work: () => Promise<T>) => Promise<T>
  /** What every write is fenced with, and by what time. Undefined: nobody speaks for the host here any more. */
  readonly now: () =>
    | { readonly session?: number; readonly at: number; readonly awayBefore: number }
    | undefined
  /** Another agent speaks for the host by now. */
  readonly replaced: () => void
  readonly tell: (claims: readonly Claimed[]) => void
}

export interface Adopter {
  /** What the agent sees, of devices that it names. */
  see(put: Iterable<Sighting>, remove: Iterable<string>, whole: boolean): void
  /** What has become of devices. */
  claimed(claims: readonly Claimed[]): void
  /** Why something was refused may be so no more: asks again for all of it. */
  again(): void
  /** Asks again for what is due: the oftener the same was said of it, the seldomer. To be called at regular times. */
  beat(): void
  /** Resolves when nothing is asked. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** Milliseconds until the store is asked again that was not available. */
const pauseMs = 1000
/** Beats between two questions about the same device, at most. */
const mostBeats = 64

/** What was said of a device, and after how many beats it is asked about again. */
interface Refused {
  readonly why: string
  readonly every: number
}

export function createAdopter(options: AdopterOptions): Adopter {
  const { host, credential, storage, reader, turns, now, replaced, tell } = options
  const offered = new Map<string, Sighting>()
  /** Devices that nobody has, and those that an interface is on, with its id. */
  const [wanted, held] = [new Set<string>(), new Map<string, string>()]
  const [refused, unlike] = [new Map<string, Refused>(), new Map<string, string>()]
  let beats = 0
  const stopping = new AbortController()
  let working: Promise<void> | undefined

  const actor = (account: string, at: number) => ({
    ...{ account, actor: 'host', dialect: 'system', requestId: '', at },
  })
  function work(): void {
    if (stopping.signal.aborted || wanted.size + held.size === 0) return
    working ??= workAll().finally(() => {
      working = undefined
      work()
    })
  }
  async function workAll(): Promise<void> {
    while (wanted.size + held.size > 0 && !stopping.signal.aborted) {
      try {
        await turns(next)
      } catch {
        await delay(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
      }
    }
  }

  async function next(): Promise<void> {
    if (stopping.signal.aborted) return
    if (held.size > 0) return followAll()
    const [device] = wanted
    if (device === undefined) return
    wanted.delete(device)
    try {
      await adopt(device)
    } catch (error) {
      if (offered.has(device)) wanted.add(device)
      throw error
    }
  }

  async function adopt(device: string): Promise<void> {
    const seen = offered.get(device)
    const as = now()
    if (!seen?.adoption || seen.mac === null || !as) return
    const { at, awayBefore, ...fence } = as
    const { adoption, mac } = seen
    const by = { host, credential, now: at }
    const read = await reader.read({ ...adoption, device, mac, number: numberOf(seen) }, by)
    if (!read.ok) return refuse(device, read.error, adoption.account, at)
    const { within, ...args } = read.value
    const done = await storage.run(
      'adopt',
      {
        ...{ ...args, ...fence, host, device, mac, awayBefore, told: true },
        configured: adoption.addresses.map(canonical),
        ephemeral: adoption.ephemeral === true,
      },
      { ...actor(adoption.account, at), ...(within && { within }) },
    )
    if (!done.ok) return refuse(device, done.error, adoption.account, at)
    if (!done.value.current) return lost()
    refused.delete(device)
    tell(done.value.claims)
  }

  async function refuse(
    device: string,
    error: Parameters<typeof whyNot>[0],
    account: string,
    at: number,
  ): Promise<void> {
    // It is not known to be refused.
    if (error.kind === 'unavailable' || error.kind === 'internal') throw new Error(error.kind)
    const why = whyNot(error)
    const before = refused.get(device)
    if (before?.why === why) {
      refused.set(device, { why, every: Math.min(mostBeats, 2 * before.every) })
      return
    }
    const fence = now()
    if (!fence) return
    const { session } = fence
    const args: Programs['refuseAdoption']['args'] = {
      ...{ host, ...(session !== undefined && { session }), device, why },
      account: error.kind === 'forbidden' ? account : null,
    }
    const done = await storage.run('refuseAdoption', args, actor('', at))
    if (!done.ok) throw new Error(done.error.kind)
    if (!done.value.current) return lost()
    if (offered.has(device)) refused.set(device, { why, every: 1 })
    tell([{ device, interface: null, why }])
  }

  async function followAll(): Promise<void> {
    const all = [...held]
    const configured = await storage.configuredOn(host)
    for (const [device, id] of all) {
      const addresses = offered.get(device)?.adoption?.addresses.map(canonical)
      const before = configured.get(id)
      const as = now()
      if (addresses && before && as && String(addresses) !== String(before)) {
        const { session, at } = as
        const args = { host, credential, interface: id, addresses, ...(session !== undefined && { session }) }
        const done = await storage.run('followConfigured', args, actor('', at))
        if (done.ok && !done.value.current) return lost()
        if (done.ok) unlike.delete(device)
        else if (done.error.kind === 'unavailable') throw new Error(done.error.kind)
        else unlike.set(device, id)
      }
      if (held.get(device) === id) held.delete(device)
    }
  }

  function lost(): void {
    replaced()
    stopping.abort()
  }

  function forget(device: string): void {
    for (const each of [offered, wanted, held, refused, unlike]) each.delete(device)
  }

  return {
    see(put, remove, whole) {
      const names = new Set<string>()
      for (const sighting of put) {
        names.add(sighting.device)
        if (sighting.adoption) offered.set(sighting.device, sighting)
        else forget(sighting.device)
      }
      for (const device of remove) forget(device)
      if (whole) for (const device of [...offered.keys()]) if (!names.has(device)) forget(device)
    },
    claimed(claims) {
      for (const { device, interface: id } of claims) {
        wanted.delete(device)
        refused.delete(device)
        unlike.delete(device)
        if (!offered.has(device)) continue
        if (id === null) wanted.add(device)
        else held.set(device, id)
      }
      work()
    },
    again() {
      for (const [device, { why }] of refused) {
        refused.set(device, { why, every: 1 })
        wanted.add(device)
      }
      for (const [device, id] of unlike) held.set(device, id)
      work()
    },
    beat() {
      beats++
      for (const [device, { every }] of refused) if (beats % every === 0) wanted.add(device)
      for (const [device, id] of unlike) held.set(device, id)
      work()
    },
    async settled() {
      while (working) await working
    },
    async stop() {
      stopping.abort()
      while (working) await working
    },
  }
}
