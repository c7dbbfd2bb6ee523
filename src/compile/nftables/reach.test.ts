import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReach } from './reach.ts'

const node = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const step = fc.record({ what: fc.constantFrom('root', 'edge'), from: node, to: node })

test('what is reached is what a search from the roots finds, whatever came and went before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const roots = new Set<string>()
      const edges = new Map<string, string[]>()
      const said = new Set<string>()
      const reach = createReach(
        (from) => edges.get(from) ?? [],
        (each) => (said.has(each) ? said.delete(each) : said.add(each)),
      )
      for (const { what, from, to } of steps) {
        const out = edges.get(from) ?? []
        if (what === 'root') {
          if (roots.delete(from)) reach.removeRoot(from)
          else {
            roots.add(from)
            reach.addRoot(from)
          }
        } else if (out.includes(to)) {
          edges.set(
            from,
            out.filter((each) => each !== to),
          )
          reach.removeEdge(from, to)
        } else {
          edges.set(from, [...out, to])
          reach.addEdge(from, to)
        }
        const found = new Set(roots)
        for (const each of found) for (const target of edges.get(each) ?? []) found.add(target)
        for (const each of ['a', 'b', 'c', 'd', 'e']) assert.equal(reach.has(each), found.has(each), each)
        assert.deepEqual(said, found)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a node is a root as often as it was added', () => {
  const reach = createReach(
    () => [],
    () => {},
  )
  reach.addRoot('a')
  reach.addRoot('a')
  reach.removeRoot('a')
  assert.ok(reach.has('a'))
  reach.removeRoot('a')
  assert.ok(!reach.has('a'))
})
