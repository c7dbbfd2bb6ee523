/** A source for tests, which says what it is told to say. */
import type { Mac } from '../../core/net/mac.ts'
import type { Known, Source } from './source.ts'

export interface FakeSource extends Source {
  /** It has learnt this of the device, of that number alone where one is given; undefined: there is no guest any more. */
  says(device: string, mac: Mac | undefined, link?: number): void
  /** It knows its guests, whatever those are. */
  speaks(): void
  /** Its hypervisor does not answer. */
  fails(problem: string): void
}

export function createFakeSource(
  more: Partial<Pick<Source, 'name' | 'namesLast' | 'marksTaps'>> = {},
): FakeSource {
  let known: Map<string, Known> | null = null
  let problem: string | undefined
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  return {
    ...{ name: 'libvirt', namesLast: false, marksTaps: false, ...more },
    observe: () => known,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    problems: () => (problem === undefined ? [] : [problem]),
    async stop() {},
    says(device, mac, link) {
      known = new Map(known)
      if (mac === undefined) known.delete(device)
      else known.set(device, { ...knownAs(device, mac), ...(link !== undefined && { link }) })
      tell()
    },
    speaks() {
      known ??= new Map()
      tell()
    },
    fails(what) {
      problem = what
      tell()
    },
  }
}

const knownAs = (device: string, mac: Mac): Known => ({
  ...{ device, mac, guest: { id: `guest of ${mac}`, name: 'guest' } },
  ...{ labels: { tags: [] }, addresses: [], index: 1 },
})
