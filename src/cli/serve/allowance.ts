/**
 * What one agent may make this process and the store keep of its host: more than any host has, and not without end. Texts for
 * people are cut; more than that ends it.
 */
import type { InterfaceStatus } from '../../core/model/desired.ts'
import type { StatusChange } from '../../core/model/status-change.ts'

export const allowances = {
  interfaces: 200_000,
  /** Characters of errors, notes and names of all interfaces together. */
  text: 64 * 1024 * 1024,
  /** Characters. */
  name: 255,
  error: 2000,
  note: 1000,
  /** Of an interface, and warnings of the host. */
  notes: 50,
} as const

/** Throws on what goes beyond; of others answers what may be kept. */
export function createAllowance(): (change: StatusChange) => StatusChange {
  /** Characters, by interface. */
  const sizes = new Map<string, number>()
  let text = 0
  function forget(id: string): void {
    text -= sizes.get(id) ?? 0
    sizes.delete(id)
  }
  return (change) => {
    const { host, whole, put, remove } = change
    if (whole) {
      sizes.clear()
      text = 0
    }
    for (const id of remove) forget(id)
    const kept = put.map(cut)
    for (const each of kept) {
      forget(each.id)
      const size = sizeOf(each)
      sizes.set(each.id, size)
      text += size
    }
    if (sizes.size > allowances.interfaces) throw new Error('it speaks of more interfaces than a host has')
    if (text > allowances.text) throw new Error('it says more of interfaces than is kept')
    name(host.target)
    return {
      ...{ whole, remove, put: kept },
      host: {
        ...host,
        error: host.error === null ? null : host.error.slice(0, allowances.error),
        warnings: host.warnings.slice(0, allowances.notes).map((each) => each.slice(0, allowances.note)),
      },
    }
  }
}

function cut(status: InterfaceStatus): InterfaceStatus {
  const { id, device, error, notes } = status
  name(id)
  name(device)
  return {
    ...status,
    error: error === null ? null : error.slice(0, allowances.error),
    notes: notes.slice(0, allowances.notes).map((each) => each.slice(0, allowances.note)),
  }
}

function name(text: string): void {
  if (text.length > allowances.name) throw new Error(`a name of ${text.length} characters`)
}

const sizeOf = ({ id, device, error, notes }: InterfaceStatus): number =>
  id.length + device.length + (error?.length ?? 0) + notes.reduce((sum, each) => sum + each.length, 0)
