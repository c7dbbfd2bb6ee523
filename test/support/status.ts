/** What agents say, for tests: a whole status as one change, and changes folded back the simplest way. */
import type { HostStatus } from '../../src/core/model/desired.ts'
import type { StatusChange } from '../../src/core/model/status-change.ts'
import { createHostView, type HostView } from '../../src/service/host-view.ts'

export const whole = ({ interfaces: put, ...host }: HostStatus): StatusChange => ({
  ...{ host, whole: true, put, remove: [] },
})

export const viewOf = (status: HostStatus): HostView => createHostView(whole(status))

/** The status after a change; undefined: nothing was said before. */
export function fold(before: HostStatus | undefined, { host, whole, put, remove }: StatusChange): HostStatus {
  const known = new Map(whole ? [] : before?.interfaces.map((each) => [each.id, each]))
  for (const id of remove) known.delete(id)
  for (const each of put) known.set(each.id, each)
  return { ...host, interfaces: [...known.values()] }
}
