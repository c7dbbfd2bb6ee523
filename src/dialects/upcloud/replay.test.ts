/** What UpCloud's own service answered, answered again: the same calls in the same order, compared key by key. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startService } from '../../../test/support/service.ts'

interface Interaction {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly body?: unknown
  readonly answer?: unknown
}
const recorded = JSON.parse(readFileSync(new URL('testdata/recorded.json', import.meta.url), 'utf8')) as {
  source: string
  interactions: Interaction[]
}[]

/** Values generated for each server, which cannot be the same. */
const generated = new Set([
  ...[
    'address',
    'created',
    'host',
    'mac',
    'network',
    'password',
    'remote_access_password',
    'storage',
    'uuid',
  ],
])
/** What the service has changed since the recording: the newer evidence wins. */
const newer: Readonly<Record<string, string>> = { video_model: 'vga' }

for (const { source, interactions } of recorded) {
  test(`replay of ${source}`, async () => {
    const service = await startService()
    const ids = new Map<string, string>()
    try {
      for (const { method, path, status, body, answer } of interactions) {
        const ours = [...ids].reduce((text, [theirs, id]) => text.replaceAll(theirs, id), path)
        const came = await service.call(method, ours, body)
        const what = `${method} ${path}`
        assert.equal(came.status, status, `${what}: ${came.text}`)
        compare(answer, came.body, what)
        const [theirs, id] = [uuidOf(answer), uuidOf(came.body)]
        if (theirs && id) ids.set(theirs, id)
      }
      assert.ok(interactions.length > 0)
    } finally {
      await service.close()
    }
  })
}

const uuidOf = (answer: unknown) => (answer as { server?: { uuid: string } } | undefined)?.server?.uuid

/** Everything recorded is there, with the same type, and the same value unless it is generated. */
function compare(theirs: unknown, ours: unknown, at: string): void {
  if (Array.isArray(theirs)) {
    assert.ok(Array.isArray(ours), at)
    assert.equal(ours.length, theirs.length, at)
    // Addresses are recorded in an order of their text, and ours are others.
    const order = (list: unknown[]) =>
      at.endsWith('server.ip_addresses.ip_address')
        ? list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
        : list
    const [a, b] = [order(theirs), order(ours)]
    for (const [index, element] of a.entries()) compare(element, b[index], `${at}[${index}]`)
  } else if (theirs !== null && typeof theirs === 'object') {
    assert.ok(ours !== null && typeof ours === 'object', at)
    for (const [name, value] of Object.entries(theirs)) {
      const came: unknown = (ours as Record<string, unknown>)[name]
      if (name in newer) assert.equal(came, newer[name], `${at}.${name}`)
      else if (generated.has(name)) assert.equal(typeof came, typeof value, `${at}.${name}`)
      else compare(value, came, `${at}.${name}`)
    }
  } else assert.equal(ours, theirs, at)
}

const key = (element: unknown) => {
  const { access, family } = element as { access: string; family: string }
  return `${access} ${family}`
}
