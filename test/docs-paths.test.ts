/** What pages name exists: each path of this repository, and each file that a link leads to. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'

/** Decisions are left out: they tell what was there when they were made. */
const pages = [...globSync('docs/*.md'), ...globSync('*.md'), ...globSync('src/dialects/*/README.md')]
  // What is no more is part of what it tells.
  .filter((page) => page !== 'CHANGELOG.md')
  .sort()

const named = /(?<![\w./:-])(?:src|test|docs|bench|bin|\.ci)\/[\w.<>*{},/-]*[\w>*}]/g
const linked = /\]\(([^)#\s]+)(?:#[^)]*)?\)/g

/** Paths from the root. `<target>` stands for any name, `*` and `{a,b}` as in a shell: at least one file must be so called. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(named)].map(([path]) => path.replaceAll(/<[^<>/]+>/g, '*'))

/** Paths from the page's folder; other sites' are left out. */
const linksIn = (text: string): string[] =>
  [...text.matchAll(linked)].flatMap(([, to = '']) => (/^[a-z]+:/.test(to) ? [] : [to]))

const exists = (path: string): boolean => existsSync(path) || globSync(path).length > 0

describe('what a page names is there', () => {
  for (const page of pages) {
    test(page, () => {
      const text = readFileSync(page, 'utf8')
      const paths = [...pathsIn(text), ...linksIn(text).map((to) => join(dirname(page), to))]
      assert.deepEqual(
        paths.filter((path) => !exists(path)),
        [],
      )
    })
  }
})

test('paths and links are found however they are written', () => {
  assert.deepEqual(
    pathsIn(
      'In `src/compile/<target>/lower.ts`, src/core/ and (test/support/run.ts). https://example.com/src/a.ts, a/src/b.ts',
    ),
    ['src/compile/*/lower.ts', 'src/core', 'test/support/run.ts'],
  )
  assert.deepEqual(linksIn('[a](b.md#c), [d](../e/) and [f](https://example.com/g.md), [h](#i)'), [
    'b.md',
    '../e/',
  ])
  for (const there of ['src/compile/*/lower.ts', 'test/{e2e,support}', 'README.md'])
    assert.ok(exists(there), there)
  for (const missing of ['src/compile/*/lowers.ts', 'src/compiler', 'test/{a,b}'])
    assert.ok(!exists(missing), missing)
})
