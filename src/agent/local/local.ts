/**
 * What whoever starts VMs on this host can ask of its agent and tell it: beside the service, and without it.
 *
 * It decides nothing: what is in force is the service's word, or what was kept of it.
 */
import { isNamedBy } from '../../core/model/link.ts'
import { decodeAttach, decodeDetach, decodeStandingRequest, decodeWait } from '../../core/model/local.ts'
import type { SourceOptions } from '../../core/model/source-options.ts'
import { bootOf } from '../boot.ts'
import { createKeptFile } from '../kept/kept-file.ts'
import { followLinks, readLink, readLinks } from '../links.ts'
import type { Adopting } from '../sources/adopting.ts'
import { adoptionOfAttached, attachedPath, openAttached } from '../sources/attached.ts'
import { type OpenSources, openSources } from '../sources/open.ts'
import { createAttaching } from './attaching.ts'
import { handler } from './conversations.ts'
import { openLocalServer } from './server.ts'
import { socketPath } from './socket.ts'
import type { Standing } from './standing.ts'
import { tellStanding } from './telling-standing.ts'
import { createWaiting } from './waiting.ts'

export interface LocalOptions {
  /** Absolute path of the directory of states. */
  readonly directory: string
  /** Of the socket; absent: where this host has a place for it. */
  readonly path?: string
  readonly standing: Standing
  /** What is closed while it is nobody's: names of devices, or prefixes that end in `*`. Null: nothing is to be closed. */
  readonly guard: readonly string[] | null
  /** Who knows guests of this host beside those who start them. */
  readonly sources: SourceOptions
}

/** Opens sources and the socket by which they are asked; resolves when that listens, or has a problem. */
export async function openLocal({
  directory,
  path,
  standing,
  sources,
  guard,
}: LocalOptions): Promise<OpenSources> {
  const waiting = createWaiting(standing, readLink)
  const attached = await openAttached({
    file: createKeptFile(attachedPath(directory)),
    boot: await bootOf(),
    lookAt: readLink,
    follow(changed) {
      const links = followLinks(undefined, {
        changed: (index, name) => changed({ index, name }),
        doubt: () => changed(null),
      })
      return () => links.stop()
    },
  })
  const isGuarded = (device: string): boolean => guard === null || isNamedBy(guard, device)
  const named = await openSources(sources, waiting, isGuarded)
  const { attach, detach } = createAttaching({ attached, waiting, lookAt: readLink, isGuarded })
  const local = await openLocalServer({
    path: path ?? (await socketPath(directory, process.env)),
    handlers: {
      ...named.handlers,
      wait: handler(decodeWait, waiting.wait),
      attach: handler(decodeAttach, attach),
      detach: handler(decodeDetach, detach),
      standing: handler(decodeStandingRequest, () => tellStanding(standing, presentNames)),
    },
  })
  return {
    // What is said of one device outweighs what is said of all.
    sources: [attached, ...named.sources],
    adopting: withAttached(named.adopting),
    local,
  }
}

const presentNames = async () => (await readLinks(undefined)).map(({ name }) => name)

const withAttached = (adopting: Adopting | undefined): Adopting => ({
  adoptionOf: (source, known) =>
    (source === 'attached' ? adoptionOfAttached(known) : undefined) ?? adopting?.adoptionOf(source, known),
  onChange: (listener) => adopting?.onChange(listener) ?? (() => {}),
  reload: async () => adopting?.reload(),
  problems: () => adopting?.problems() ?? [],
})
