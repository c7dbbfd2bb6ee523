/** What an agent says that has counted so many packets by each of some rules, on two interfaces that share them. */
import type { HitsReport } from '../../src/core/model/hits.ts'

export const countedRules = ['x', 'y', 'z'].map((rule) => `rule g ${rule}`)

export function counted(packets: number): HitsReport {
  const counts = countedRules.map((by) => ({ by, packets, bytes: packets * 100 }))
  const none = { ingress: 0, egress: 0 }
  const interfaces = ['nic-a', 'nic-b'].map((id) => ({
    ...{ id, epoch: 'e', ingress: counts, egress: [], suppressed: none },
  }))
  return { host: 'local', at: packets, asked: false, interfaces }
}
