/** Readings add up to what was counted, however they come. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { counting, nothing, type Total } from './hit-count.ts'

type Reading = readonly [epoch: string, packets: number, at: number]
const sum = (readings: readonly Reading[], from: Total = nothing) =>
  readings.reduce(
    (total, [epoch, packets, at]) => counting(total, { epoch, packets, bytes: packets * 100, at }),
    from,
  )

for (const [what, readings, packets, lastHit] of [
  [
    'an epoch grows',
    [
      ['a', 5, 1],
      ['a', 9, 2],
    ],
    9,
    2,
  ],
  [
    'read again it brings nothing',
    [
      ['a', 5, 1],
      ['a', 5, 2],
    ],
    5,
    1,
  ],
  [
    'said twice',
    [
      ['a', 5, 1],
      ['a', 5, 1],
      ['b', 2, 2],
      ['b', 2, 2],
    ],
    7,
    2,
  ],
  [
    'what is late brings nothing',
    [
      ['a', 9, 2],
      ['a', 5, 1],
    ],
    9,
    2,
  ],
  [
    'what is lower has begun anew',
    [
      ['a', 9, 1],
      ['a', 4, 2],
    ],
    13,
    2,
  ],
  [
    'late, from before it began anew',
    [
      ['a', 9, 1],
      ['a', 4, 3],
      ['a', 8, 2],
    ],
    13,
    3,
  ],
  [
    'epochs that go on beside each other',
    [
      ['a', 1, 1],
      ['b', 2, 1],
      ['a', 4, 2],
      ['b', 3, 2],
      ['c', 1, 2],
    ],
    8,
    2,
  ],
  [
    'another epoch begins at 0',
    [
      ['a', 9, 1],
      ['b', 0, 2],
      ['b', 3, 3],
    ],
    12,
    3,
  ],
  [
    'one that is forgotten does not count again',
    [
      ['a', 1, 1],
      ['b', 1, 2],
      ['c', 1, 3],
      ['d', 1, 4],
      ['e', 1, 5],
      ['f', 1, 6],
      ['g', 1, 7],
      ['h', 1, 8],
      ['i', 1, 9],
      ['a', 1, 1],
    ],
    9,
    9,
  ],
  [
    'a clock that was set back delays',
    [
      ['a', 5, 10],
      ['a', 7, 3],
      ['a', 9, 11],
    ],
    9,
    11,
  ],
] as const satisfies readonly (readonly [string, readonly Reading[], number, number])[]) {
  test(what, () => {
    const total = sum(readings)
    assert.deepEqual([total.packets, total.bytes, total.lastHit], [packets, packets * 100, lastHit])
  })
}

test('what stands still in the kernel is counted once, however many agents begin epochs beside it', () => {
  const lives = Array.from({ length: 20 }, (_, life): Reading[] => [
    ['routed', 5, life * 10 + 1],
    ['bridged', 7, life * 10 + 1],
    [`log.${life}`, 2, life * 10 + 1],
    [`agent.${life}`, 1, life * 10 + 2],
    [`log.${life}`, 3, life * 10 + 3],
  ])
  assert.equal(sum([...lives.flat(), ['routed', 6, 1000]]).packets, 6 + 7 + 20 * 4)
})

test('any stretch of readings heard once more changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 5 }), fc.boolean()), {
        minLength: 1,
      }),
      fc.nat(),
      fc.nat(),
      (steps, a, b) => {
        const counters = { x: 0, y: 0 }
        let counted = 0
        const readings = steps.map(([epoch, more, anew], index): Reading => {
          if (anew) counters[epoch as 'x'] = 0
          counters[epoch as 'x'] += more
          counted += more
          return [epoch, counters[epoch as 'x'], index + 1]
        })
        const total = sum(readings)
        // Of a counter that begins anew and grows beyond where it was between two readings nobody can tell.
        assert.ok(total.packets <= counted)
        const again = readings.slice(a % readings.length, (a % readings.length) + (b % 5))
        assert.deepEqual(sum(again, total), total)
      },
    ),
  )
})
