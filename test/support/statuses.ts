/** Generated words of an agent, from small pools, so that outcomes repeat and interfaces come, change and go. */
import fc from 'fast-check'
import { type InterfaceStatus, interfaceStates } from '../../src/core/model/desired.ts'
import type { HostWords, StatusChange } from '../../src/core/model/status-change.ts'

const revision = fc.option(fc.nat(5))
const counts = fc.record({ ingress: fc.nat(3), egress: fc.nat(3) })

/** Absent half of the time. */
const perhaps = <K extends string, T>(key: K, value: fc.Arbitrary<T>): fc.Arbitrary<{ [key in K]?: T }> =>
  fc.option(value).map((found) => (found === null ? {} : ({ [key]: found } as { [key in K]?: T })))

const interfaceStatus = (ids: readonly string[]): fc.Arbitrary<InterfaceStatus> =>
  fc
    .tuple(
      fc.record({
        id: fc.constantFrom(...ids),
        appliedRevision: revision,
        state: fc.constantFrom(...interfaceStates),
        error: fc.option(fc.constantFrom('why', '')),
        notes: fc.constantFrom<readonly string[]>([], [], ['a note']),
      }),
      perhaps('mode', fc.constantFrom('routed' as const, 'bridged' as const)),
      perhaps('denials', counts),
      perhaps(
        'connections',
        fc.record({ limit: fc.constantFrom(4, 100), uses: fc.option(counts), refusals: counts }),
      ),
      perhaps('unanswered', counts),
    )
    .map(([of, ...more]) => Object.assign({ device: `tap-${of.id}`, ...of }, ...more))

const hostWords: fc.Arbitrary<HostWords> = fc.record({
  host: fc.constant('local'),
  target: fc.constant('fake'),
  observe: fc.boolean(),
  desiredRevision: revision,
  appliedRevision: revision,
  state: fc.constantFrom('starting', 'applied', 'applying', 'failing'),
  error: fc.option(fc.constant('nft')),
  repairs: fc.nat(3),
  warnings: fc.constantFrom<readonly string[]>([], ['a warning']),
})

/** Of interfaces with these ids; more often than not a few of them. */
export const statusChange = (ids: readonly string[]): fc.Arbitrary<StatusChange> =>
  fc
    .record({
      host: hostWords,
      whole: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
      put: fc.uniqueArray(interfaceStatus(ids), { selector: ({ id }) => id }),
      remove: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 3 }),
    })
    .map((change) => {
      const remove = change.remove.filter((id) => !change.put.some((each) => each.id === id))
      // Plain objects, as they come out of JSON.
      return structuredClone({ ...change, remove })
    })
