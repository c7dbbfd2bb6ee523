/** Which account a guest's devices go to: by its metadata, the first rule that matches, or none; and the file that says so. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonValue } from '../../core/json.ts'
import { decodeSightings } from '../../core/model/sighting.ts'
import { createAdopting } from './adopting.ts'
import { type AdoptionRule, type AdoptionRules, adoptionOf, matchesGlob, noAdoption } from './adoption.ts'
import { parseAdoptionRules, readAdoptionRules } from './adoption-file.ts'
import type { Known } from './source.ts'

const id = '0d4f9a52-6f0e-4b6e-8a7e-0d2f8f5f7c11'
const known = (more: Partial<Known> = {}): Known => ({
  ...{ device: 'vnet0', mac: '52:54:00:00:00:01' as Known['mac'], guest: { id, name: 'web-1' } },
  ...{ labels: { tags: [] }, addresses: ['192.0.2.10'], index: 1 },
  ...more,
})
const rule = (
  match: AdoptionRule['match'],
  account: string,
  more: Partial<AdoptionRule> = {},
): AdoptionRule => ({
  ...{ match, account, profile: 'native', policies: [], addresses: 'configured' },
  ...more,
})
const rules = (...list: AdoptionRule[]): AdoptionRules => ({ metadata: false, rules: list })

test('the first rule that matches decides, and without one nothing is adopted', () => {
  const list = rules(
    rule({ name: 'web-*', tag: 'gone' }, 'never'),
    rule({ name: 'db-?', source: 'libvirt' }, 'db'),
    rule({ tag: 'prod' }, 'prod', { zone: 'fi-hel1', policies: ['p'], addresses: 'none' }),
    rule({ pool: 'acme', source: 'proxmox' }, 'acme'),
    rule({ name: 'web-*' }, 'web'),
  )
  const account = (source: 'libvirt' | 'proxmox', more: Partial<Known>) =>
    adoptionOf(list, source, known(more))?.account
  assert.equal(account('libvirt', {}), 'web')
  assert.equal(account('libvirt', { labels: { tags: ['x', 'prod'], pool: 'acme' } }), 'prod')
  assert.equal(account('libvirt', { labels: { tags: ['PROD'], pool: 'acme' } }), 'web')
  assert.equal(account('proxmox', { labels: { tags: [], pool: 'acme' } }), 'acme')
  assert.equal(account('libvirt', { guest: { id, name: 'db-1' } }), 'db')
  assert.equal(account('proxmox', { guest: { id, name: 'db-1' } }), undefined)
  assert.equal(account('libvirt', { guest: { id, name: 'Web-1' } }), undefined)
  assert.equal(adoptionOf(noAdoption, 'libvirt', known()), undefined)
  assert.deepEqual(adoptionOf(list, 'libvirt', known({ labels: { tags: ['prod'] }, index: 2 })), {
    ...{ account: 'prod', profile: 'native', zone: 'fi-hel1', server: { id, name: 'web-1' }, index: 2 },
    ...{ addresses: [], policies: ['p'] },
  })
})

test('metadata of a guest count only where the file says so, and then before rules', () => {
  const labels = { tags: ['prod'], adoption: { account: 'own', profile: 'upcloud', policies: ['q'] } }
  const list = rules(rule({ tag: 'prod' }, 'prod'))
  const { account, addresses } = adoptionOf(list, 'libvirt', known({ labels })) ?? {}
  assert.deepEqual([account, addresses], ['prod', []], 'its addresses are of its metadata, too')
  assert.equal(adoptionOf(noAdoption, 'libvirt', known({ labels })), undefined)
  const open = { ...list, metadata: true }
  assert.deepEqual(adoptionOf(open, 'libvirt', known({ labels })), {
    ...{ account: 'own', profile: 'upcloud', server: { id, name: 'web-1' }, index: 1 },
    ...{ addresses: ['192.0.2.10'], policies: ['q'] },
  })
  assert.equal(adoptionOf(open, 'libvirt', known({ labels: { tags: ['prod'] } }))?.account, 'prod')
})

test('guests that have a number are told apart by their cluster, and named in one line', () => {
  const all = rules(rule({ name: '*' }, 'a'))
  const server = (guest: Known['guest'], cluster?: string) =>
    adoptionOf({ ...all, ...(cluster !== undefined && { cluster }) }, 'proxmox', known({ guest }))?.server
  assert.deepEqual(server({ id: '100', name: 'db' }), { id: 'proxmox-100', name: 'db' })
  assert.deepEqual(server({ id: '100', name: 'db' }, 'rack1'), { id: 'rack1-100', name: 'db' })
  assert.deepEqual(server({ id: id.toUpperCase(), name: 'a\nb\u0000\u2028' }), { id, name: 'a?b??' })
  assert.deepEqual(server({ id: '7', name: ' \t ' }), { id: 'proxmox-7', name: '?' })
  assert.deepEqual(server({ id: '7', name: '  ' }), { id: 'proxmox-7', name: '7' })
})

/** What a pattern means, in the most obvious way. */
function isMatch(pattern: string, text: string): boolean {
  const escaped = [...pattern].map((each) =>
    each === '*' ? '.*' : each === '?' ? '.' : each.replace(/[\\^$.+()[\]{}|/-]/, '\\$&'),
  )
  return new RegExp(`^${escaped.join('')}$`, 'su').test(text)
}

test('patterns mean what they say, whatever the name, and take no time that grows out of hand', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?', '\n', '😀'), maxLength: 12 })
  fc.assert(
    fc.property(letters, letters, (pattern, text) => matchesGlob(pattern, text) === isMatch(pattern, text)),
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => matchesGlob('*', name)))
  // A backtracking matcher would be at this for longer than the machine lasts.
  assert.equal(matchesGlob(`${'*a'.repeat(60)}b`, 'a'.repeat(128)), false)
})

test('whatever a guest is called, what is said of it can be told, and names nothing but what the rule does', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 })
  fc.assert(
    fc.property(text, text, fc.array(text), (guestId, name, tags) => {
      const all = rules(rule({ name: '*' }, 'a', { policies: ['p'] }))
      const guest = known({ guest: { id: guestId, name }, labels: { tags, pool: name } })
      const adoption = adoptionOf(all, 'proxmox', guest)
      assert.ok(adoption)
      const { server, ...rest } = adoption
      assert.deepEqual(rest, {
        ...{ account: 'a', profile: 'native', index: 1, addresses: ['192.0.2.10'], policies: ['p'] },
      })
      const put = [
        {
          device: 'tap1',
          present: true,
          mac: null,
          address: null,
          source: 'proxmox',
          guarded: true,
          adoption,
        },
      ]
      const told = JSON.parse(JSON.stringify({ whole: false, put, remove: [] })) as JsonValue
      assert.equal(decodeSightings(told).put[0]?.adoption?.server.id, server.id)
      assert.doesNotMatch(server.name, /[\p{Cc}\p{Cs}\u2028\u2029]/u)
    }),
  )
})

test('with more rules behind, what a rule decided stays decided', () => {
  const word = fc.constantFrom('a', 'b', 'ab', '*', 'a*', '?')
  const someRule = fc.record({ name: word, tag: word }, { requiredKeys: ['name'] })
  const list = fc
    .array(someRule, { maxLength: 6 })
    .map((all) => all.map((match, at) => rule(match, String(at))))
  fc.assert(
    fc.property(list, list, word, word, (first, more, name, tag) => {
      const guest = known({ guest: { id, name }, labels: { tags: [tag] } })
      const before = adoptionOf(rules(...first), 'libvirt', guest)
      if (before) assert.deepEqual(adoptionOf(rules(...first, ...more), 'libvirt', guest), before)
    }),
  )
})

const begin = 'rules:\n  - match: { tag: a }\n    account: a\n    profile: native\n'

test('a file that is not right is refused with its line and field', () => {
  for (const [text, error] of [
    ['', 'the file: expected keys and values, and it is empty'],
    ['rules: 3', 'line 1: rules: expected a list of at most 1000 rules'],
    ['\nmetadata: yes', 'line 2: metadata: expected true or false'],
    ['cluster: a b', 'line 1: cluster: expected 1 to 63 letters, digits, dots, hyphens or underscores'],
    ['token: geheim', 'line 1: the file: token is not known here; known are metadata, cluster, rules'],
    [
      `${begin}  - match:\n      pol: x\n`,
      'line 6: rules[1].match: pol is not known here; known are source, pool, tag, name',
    ],
    [
      `${begin}    adresses: none\n`,
      'line 5: rules[0]: adresses is not known here; known are match, account, profile, zone, policies, addresses',
    ],
    [`${begin}\n    addresses: some\n`, 'line 6: rules[0].addresses: expected one of configured, none'],
    [
      `${begin}  - match: {}\n    account: a\n    profile: b\n`,
      'line 5: rules[1].match: expected at least one of source, pool, tag, name; name: "*" is every guest',
    ],
    [
      `${begin}  - account: a\n    profile: b\n`,
      'line 5: rules[1].match: expected at least one of source, pool, tag, name; name: "*" is every guest',
    ],
    [
      'rules:\n  - match: { source: links }\n    account: a\n    profile: b',
      'line 2: rules[0].match.source: expected one of libvirt, proxmox, attached',
    ],
    [
      `${begin}    policies:\n      - a\n      - [b]\n`,
      'line 7: rules[0].policies[1]: expected text of 1 to 128 characters in one line',
    ],
    [`${begin}${begin}`, 'line 5, column 1: a key is there twice'],
  ] as const) {
    assert.deepEqual(parseAdoptionRules(text), { ok: false, error }, JSON.stringify(text))
  }
  assert.deepEqual(
    parseAdoptionRules(`metadata: true\ncluster: r1\n${begin}    policies: [7]\n    zone: z\n`),
    {
      ok: true,
      value: {
        ...{ metadata: true, cluster: 'r1' },
        rules: [rule({ tag: 'a' }, 'a', { policies: ['7'], zone: 'z' })],
      },
    },
  )
})

test('a file that is read again replaces the rules, and one that is not right does not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'adopt-'))
  const path = join(directory, 'adopt.yaml')
  const adopting = createAdopting(() => readAdoptionRules(path))
  const problem = (reason: string) => [`the rules of adoption are as they were: ${reason}`]
  const account = () => adopting.adoptionOf('libvirt', known({ labels: { tags: ['a'] } }))?.account
  let told = 0
  const forget = adopting.onChange(() => void told++)
  try {
    await adopting.reload()
    assert.deepEqual([account(), adopting.problems()], [undefined, problem('there is no such file')])
    await writeFile(path, begin)
    await adopting.reload()
    assert.deepEqual([account(), adopting.problems()], ['a', []])
    for (const [text, reason] of [
      [`${begin}    zone: [no]\n`, 'line 5: rules[0].zone: expected text of 1 to 128 characters in one line'],
      [Uint8Array.of(0xff), 'it is not UTF-8 text'],
      [' '.repeat(1024 * 1024 + 1), 'it has more than 1048576 bytes'],
    ] as const) {
      await writeFile(path, text)
      await adopting.reload()
      assert.deepEqual([account(), adopting.problems()], ['a', problem(reason)])
    }
    assert.equal(told, 5, 'whoever tells of problems hears of them')
    forget()
    await writeFile(path, begin.replace('account: a', 'account: b'))
    await adopting.reload()
    assert.deepEqual([account(), adopting.problems(), told], ['b', [], 5])
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('the rules of the page on adoption mean what it says', async () => {
  const page = await readFile(new URL('../../../docs/adoption.md', import.meta.url), 'utf8')
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(page) ?? []
  const read = parseAdoptionRules(text)
  assert.ok(read.ok, JSON.stringify(read))
  const guest = { id: '100', name: 'www' }
  const web = adoptionOf(read.value, 'proxmox', known({ guest, labels: { tags: ['web'], pool: 'acme' } }))
  assert.deepEqual(
    [web?.profile, web?.zone, web?.server.id, web?.addresses],
    ['upcloud', 'fi-hel1', 'rack1-100', ['192.0.2.10']],
  )
  const db = adoptionOf(read.value, 'libvirt', known({ guest: { id, name: 'db-1' } }))
  assert.deepEqual([db?.profile, db?.policies, db?.addresses], ['native', ['only-postgres'], []])
  const own = { account: 'a', profile: 'upcloud', policies: [] }
  assert.equal(
    adoptionOf(read.value, 'libvirt', known({ labels: { tags: ['web'], adoption: own } })),
    undefined,
  )
})
