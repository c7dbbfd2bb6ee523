/** Which device an interface was on when that was known, so that the same device is known again in the same boot. */
import type { Link } from '../core/model/link.ts'
import { exactly, integerFrom, type Reader, textOf } from '../core/model/strict.ts'
import { parseMac } from '../core/net/mac.ts'

export interface Binding {
  /** By name. */
  readonly device: string
  /** The kernel's number of it, as of one boot. */
  readonly index: number
  /** Its own link address; null where it has none of Ethernet. */
  readonly address: string | null
}

/** By id of an interface. */
export interface Bindings {
  get(id: string): Binding | undefined
  /** Undefined: it is bound to no device. */
  set(id: string, binding: Binding | undefined): void
  all(): ReadonlyMap<string, Binding>
  /** Ids whose binding came, changed or went since this was asked last. */
  changed(): ReadonlySet<string>
}

export function createBindings(known: ReadonlyMap<string, Binding> = new Map()): Bindings {
  const bindings = new Map(known)
  let changed = new Set<string>()
  return {
    get: (id) => bindings.get(id),
    set(id, binding) {
      if (same(bindings.get(id), binding)) return
      if (binding) bindings.set(id, binding)
      else bindings.delete(id)
      changed.add(id)
    },
    all: () => bindings,
    changed() {
      const since = changed
      changed = new Set()
      return since
    },
  }
}

export const bindingTo = ({ name, index, address }: Link): Binding => ({
  ...{ device: name, index, address: address ?? null },
})

export const isBoundTo = (binding: Binding | undefined, link: Link): boolean => same(binding, bindingTo(link))

const readMac = textOf('address', (text) => parseMac(text).ok)

/** Throws on what was not written as one. */
export const readBinding: Reader<Binding> = exactly<Binding>('binding', {
  device: textOf('device'),
  index: integerFrom('index', 1),
  address: (json) => (json === null ? null : readMac(json)),
})

const same = (a: Binding | undefined, b: Binding | undefined): boolean =>
  a === b || (a?.device === b?.device && a?.index === b?.index && a?.address === b?.address)
