/**
 * What one source says of devices that are there now: names are given again, and what was said of a device that is gone is not
 * about the next one of its name.
 */
import type { Link } from '../../core/model/link.ts'
import { libvirtsOwn } from '../sightings.ts'
import type { Known, Source } from './source.ts'

export interface Words {
  readonly source: Source
  /** Takes over what it has said until now, all of it about devices that a look finds which begins after this. */
  listen(): void
  /** What that look has found. */
  meet(links: ReadonlyMap<string, Link>): void
  /** Names of which it has said anything. */
  names(): Iterable<string>
  /** What it says of the device of that name, or of the next one where there is none; undefined: nothing that counts. */
  on(name: string, link: Link | undefined): Known | undefined
  /** Whether it has ever known. */
  hasSpoken(): boolean
}

interface Word {
  readonly known: Known
  /** The kernel's number of the device that it is about; undefined: the next one that comes. */
  index?: number
  /** That device is gone. */
  spent?: true
}

export function createWords(source: Source): Words {
  let said: ReadonlyMap<string, Known> | null = null
  let words = new Map<string, Word>()
  return {
    source,
    listen() {
      const now = source.observe()
      if (now === said) return
      said = now
      const next = new Map<string, Word>()
      for (const [name, known] of now ?? []) {
        const before = words.get(name)
        next.set(name, before?.known === known ? before : { known })
      }
      words = next
    },
    meet(links) {
      if (source.namesLast) return
      for (const [name, word] of words) {
        const index = links.get(name)?.index
        // A number is never another device's.
        if (word.known.link !== undefined) continue
        if (word.index === undefined && index !== undefined) word.index = index
        else if (word.index !== index) word.spent = true
      }
    },
    names: () => words.keys(),
    on(name, link) {
      const word = words.get(name)
      if (!word || word.spent) return undefined
      const { known } = word
      if (known.link !== undefined && known.link !== link?.index) return undefined
      return link && source.marksTaps && isAnothers(link, known) ? undefined : known
    },
    hasSpoken: () => said !== null,
  }
}

const isAnothers = ({ kind, address }: Link, { mac }: Known): boolean =>
  kind === 'tun' && address?.startsWith('fe:') === true && address !== mac && address !== libvirtsOwn(mac)
