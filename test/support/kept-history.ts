/** A history of what a host should enforce: what each step is, and what holds after it, follows from its number alone. */
import type { DesiredUpdate, Placement } from '../../src/core/model/desired-update.ts'
import type { Policy } from '../../src/core/model/policy.ts'
import { group } from './stores.ts'

const { order, defaultIngress, defaultEgress, stateful, filters, appliesTo, guards, builtIn } = group('g')

const policyAt = (revision: number, rules: number): Policy => ({
  ...{ id: 'g', revision, enabled: true, order, defaultIngress, defaultEgress, stateful, filters },
  ...{ appliesTo, guards, builtIn },
  rules: Array.from({ length: rules }, (_, n) => ({
    ...{ id: `rule-${n}`, position: n + 1, direction: 'ingress', action: 'allow', enabled: true },
    matches: [],
  })),
})

export const placementOf = (n: number): Placement => ({
  ...{ id: `nic${n}`, device: `tap${n}`, index: 1, type: 'public' },
  mac: `52:54:00:00:00:${(n % 256).toString(16).padStart(2, '0')}`,
  ...{ addresses: [], allowedAddresses: [], senderCheck: true, observe: false, vlanTrunk: false },
  ...{ allowedFrames: [], maxConnections: null, policies: ['g'] },
})

/** The first is all there is: some interfaces; then another policy each time, and an interface that comes and one that goes. */
export function stepOf(revision: number, rules = 1): DesiredUpdate {
  const policies = [policyAt(revision, rules)]
  if (revision === 1) {
    const put = Array.from({ length: 5 }, (_, n) => placementOf(n))
    return { from: null, revision, policies, interfaces: { put, remove: [] } }
  }
  return {
    ...{ from: revision - 1, revision, policies },
    interfaces: { put: [placementOf(revision + 3)], remove: [`nic${revision - 2}`] },
  }
}

/** All there is after a step, with everything in order. */
export const wholeAt = (revision: number, rules = 1): DesiredUpdate => ({
  ...{ from: null, revision, policies: [policyAt(revision, rules)] },
  interfaces: { put: Array.from({ length: 5 }, (_, n) => placementOf(revision - 1 + n)), remove: [] },
})

export const inOrder = ({ interfaces: { put, remove }, ...rest }: DesiredUpdate): DesiredUpdate => ({
  ...rest,
  interfaces: {
    put: put.toSorted((a, b) => a.index - b.index || Number(a.id.slice(3)) - Number(b.id.slice(3))),
    remove,
  },
})
