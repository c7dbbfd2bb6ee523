/** What Scaleway's own service answered, answered again: the same calls in the same order, compared key by key. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { projects, secretKeys, startService } from '../../../test/support/service.ts'
import { builtInRules } from '../../core/model/built-in.ts'

interface Interaction {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly body?: unknown
  readonly answer?: unknown
  readonly location?: string
  readonly link?: string
  readonly 'x-total-count'?: string
}
const recorded = JSON.parse(readFileSync(new URL('testdata/recorded.json', import.meta.url), 'utf8')) as {
  source: string
  interactions: Interaction[]
}[]

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
/** The same in every group there is: never taken for generated. */
const shared = new Set(builtInRules['no-smtp'].map((rule) => rule.id))
/** Times, how far enforcement is, and whose account it was. */
const masked = new Set(['creation_date', 'modification_date', 'state', 'organization'])

for (const { source, interactions } of recorded) {
  test(`replay of ${source}`, async () => {
    const service = await startService()
    // Whatever project it was there, it is the key's own here.
    const ids = new Map<string, string>()
    for (const { body } of interactions) {
      const project = (body as { project?: string } | undefined)?.project
      if (project) ids.set(project, projects.first)
    }
    const ours = (text: string) => text.replace(uuid, (id) => ids.get(id) ?? id)
    try {
      for (const { method, path, status, body, answer, ...headers } of interactions) {
        const what = `${method} ${path}`
        const sent = body === undefined || body === null ? undefined : JSON.parse(ours(JSON.stringify(body)))
        const came = await service.call(method, ours(path), sent, secretKeys.right)
        assert.equal(came.status, status, `${what}: ${came.text}`)
        learn(answer, came.body, ids)
        compare(answer ?? undefined, came.body, what, ours)
        if (headers.location) {
          const expected = ours(headers.location).replace(/^https:\/\/[^/]+/, service.url)
          assert.equal(came.headers.get('location'), expected, what)
        } else assert.equal(came.headers.get('location'), null, what)
        for (const name of ['link', 'x-total-count'] as const) {
          assert.equal(came.headers.get(name), headers[name] ?? null, `${what}: ${name}`)
        }
      }
      assert.ok(interactions.length > 0)
    } finally {
      await service.close()
    }
  })
}

/** A generated id stands for the one that stands in its place in our answer. */
function learn(theirs: unknown, came: unknown, ids: Map<string, string>): void {
  if (theirs === null || typeof theirs !== 'object' || came === null || typeof came !== 'object') return
  for (const [key, value] of Object.entries(theirs)) {
    const other: unknown = (came as Record<string, unknown>)[key]
    if (key === 'id' && typeof value === 'string' && typeof other === 'string' && !shared.has(value)) {
      if (!ids.has(value)) ids.set(value, other)
    } else learn(value, other, ids)
  }
}

/** Exactly the same keys in the same order, and the same values but for what is masked. */
function compare(theirs: unknown, came: unknown, at: string, ours: (text: string) => string): void {
  if (theirs !== null && typeof theirs === 'object') {
    assert.ok(came !== null && typeof came === 'object', at)
    assert.deepEqual(Object.keys(came), Object.keys(theirs), at)
    for (const [key, value] of Object.entries(theirs)) {
      const other: unknown = (came as Record<string, unknown>)[key]
      if (masked.has(key)) assert.equal(typeof other, typeof value, `${at}.${key}`)
      else compare(value, other, `${at}.${key}`, ours)
    }
  } else assert.equal(came, typeof theirs === 'string' ? ours(theirs) : theirs, at)
}
