/**
 * What every dialect must do with rules, whatever its words: one table of cases, run by conformance.test.ts on both stores.
 *
 * A dialect gives a driver, which says each step in its own words. A step that its API does not have is a `Gap` from its
 * gaps.ts, by name and with the reason, and the cases that need the step are skipped for it; docs/compatibility.md shows both. No case knows
 * a provider. What only one provider does is tested beside its dialect.
 */
import assert from 'node:assert/strict'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { Gap } from './manifest.ts'

export interface Reply {
  readonly status: number
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a driver picks from whatever its API answered
  readonly body: any
}

/** One request with an account's credential. */
export type Call = (method: string, path: string, body?: unknown) => Promise<Reply>

/** A rule as its list answers it. */
export interface Item {
  /** Names the rule in paths: its id, or its position where rules have no ids. */
  readonly key: string
  /** The position as answered; undefined where rules have none. */
  readonly position: number | undefined
  /** Its destination port, by which the cases tell rules apart. */
  readonly port: number
  readonly answered: JsonObject
}

/**
 * A kind of list in which a dialect keeps rules: of a server, an interface or a group. `list` is the path of its rules. Each
 * rule allows TCP to one port inward; `port` is what tells it from the others.
 */
export interface RuleList {
  /** As the page's heading has it: `rules of a NIC`. */
  readonly name: string
  /** An empty list. */
  readonly open: (call: Call) => Promise<string>
  readonly read: (call: Call, list: string) => Promise<readonly Item[]>
  /** `more`: further keys of the rule. */
  readonly create: Gap | ((call: Call, list: string, port: number, more?: JsonObject) => Promise<Reply>)
  /** Where a new rule goes that names no position. */
  readonly createdAt: 'first' | 'last'
  readonly remove: Gap | ((call: Call, list: string, key: string) => Promise<Reply>)
  readonly readOne: Gap | ((call: Call, list: string, key: string) => Promise<Item>)
  /** `place` counts from 0. */
  readonly createAt: Gap | ((call: Call, list: string, port: number, place: number) => Promise<Reply>)
  readonly move: Gap | ((call: Call, list: string, key: string, place: number) => Promise<Reply>)
  readonly replaceOne: Gap | ((call: Call, list: string, key: string, port: number) => Promise<Reply>)
  /** Changes the port and mentions nothing else. */
  readonly patchOne: Gap | ((call: Call, list: string, key: string, port: number) => Promise<Reply>)
  /** `more`: further keys of each rule. */
  readonly replaceAll:
    | Gap
    | ((call: Call, list: string, ports: readonly number[], more?: JsonObject) => Promise<Reply>)
  /** Sends a rule back as it was answered. */
  readonly writeBack: Gap | ((call: Call, list: string, item: Item) => Promise<Reply>)
  /** Reads the whole list, and sends back what was answered. */
  readonly writeBackAll: Gap | ((call: Call, list: string) => Promise<Reply>)
  /** Most rules of a list, the status that refuses one more, and the one that refuses a longer list where that is another. */
  readonly limit: { readonly rules: number; readonly status: number; readonly whole?: number }
  /** Free text of a rule: its key in the body of `create`, most characters, and the status that refuses one more. */
  readonly text: Gap | { readonly key: string; readonly characters: number; readonly status: number }
  /** Whether each write that is accepted gets a revision, because the API keeps a record of it for clients to poll. */
  readonly recordsWrites?: true
  /** What the contract says of unknown keys of a rule. */
  readonly unknownKeys: 'refused' | 'ignored'
  /** Where the list is an object of its own that clients make and delete. */
  readonly holder: Gap | Holder
}

export interface Holder {
  /** Ids of all; `open` makes one. */
  readonly list: (call: Call) => Promise<readonly string[]>
  readonly idOf: (list: string) => string
  readonly read: (call: Call, id: string) => Promise<Reply & { readonly named?: string }>
  /** Changes the name and mentions no rule. */
  readonly rename: (call: Call, id: string, name: string) => Promise<Reply>
  /** Sends it back as it was answered, with its rules where they belong to it. */
  readonly writeBack: (call: Call, id: string) => Promise<Reply>
  readonly remove: (call: Call, id: string) => Promise<Reply>
}

export type Whose = 'own' | 'foreign'

export interface Driver {
  /** The provider, as the page names it. */
  readonly title: string
  /** What of the provider's API is not imitated. */
  readonly gaps: readonly Gap[]
  /** What the provider's API itself does not have: the reasons for which `lists` leave out a step. */
  readonly missing: Readonly<Record<string, Gap>>
  /** What the inventory file says of each of two accounts, beside their names and credentials. */
  readonly inventory: Readonly<Record<Whose, AccountPart>>
  readonly lists: readonly RuleList[]
  /** Makes one of everything that a path or a body can name. Accounts have nothing in common but what is everybody's. */
  readonly fill: (call: Call, whose: Whose) => Promise<Values>
  /** Bodies with which the owner's writes are taken, by operation; absent: an empty one. */
  readonly bodies: Readonly<Record<string, JsonObject>>
  /** Requests that name something in their body. */
  readonly references: (own: Values) => readonly Reference[]
  /** Values for which there is another answer if the object is another account's: its status, and why (one of `gaps`). */
  readonly told?: Readonly<Record<string, { readonly status: number; readonly gap: Gap }>>
}

/** Ids by the parameters that they fill: `index`, `server/uuid` with the segment before it, or `block volumes/id` with the product. */
export type Values = Readonly<Record<string, string>>

export interface Reference {
  readonly name: string
  /** Of the values of the account whose object is named. */
  readonly value: string
  readonly send: (call: Call, id: string) => Promise<Reply>
  /** Whether the contract takes such a body and ignores what it names. */
  readonly ignored?: true
}

/** The value for a parameter of a path; `before` is the segment that it stands behind. */
export const parameterOf = (
  values: Values,
  product: string,
  before: string,
  name: string,
): string | undefined => values[`${product} ${before}/${name}`] ?? values[`${before}/${name}`] ?? values[name]

/** An id of the same form that nobody has; an address next to the one that somebody has. */
export function nobodys(id: string): string {
  if (/^[0-9a-f-]{36}$/.test(id)) return '0bad0bad-0bad-4bad-8bad-0bad0bad0bad'
  if (/^\d+\.\d+\.\d+\.\d+$/.test(id)) return id.replace(/\d+$/, '251')
  if (/^\d+$/.test(id)) return '8765'
  return id.length < 20 ? 'nobody' : `${id.slice(0, 4)}${[...id.slice(4)].toReversed().join('')}`
}

/** Lists of an account in an inventory file: `servers`, and the documents of the dialect's manifest. */
export type AccountPart = Readonly<Record<string, readonly JsonObject[]>>

/** What a case works with: one kind of list, a client of its account, whose requests may run at once, and the store's revision. */
export interface Setting {
  readonly list: RuleList
  readonly call: Call
  readonly revision: () => Promise<number>
  /** The account may have so many more rules than it has; null: as many as it likes. */
  readonly allowRules: (more: number | null) => Promise<void>
}

type Step =
  | 'create'
  | 'remove'
  | 'readOne'
  | 'createAt'
  | 'move'
  | 'replaceOne'
  | 'patchOne'
  | 'replaceAll'
  | 'writeBack'
type Need = Step | 'writeBackAll' | 'text' | 'holder'
type Taken<T> = Exclude<T, Gap>

export interface Case {
  readonly name: string
  readonly needs: readonly Need[]
  readonly run: (setting: Setting) => Promise<void>
}

const isGap = (value: unknown): value is Gap => typeof value === 'object' && value !== null && 'why' in value

/** Why this kind of list does not run the case; undefined when it does. */
export const skippedBy = (list: RuleList, { needs }: Case): Gap | undefined =>
  needs.map((need) => list[need]).find(isGap)

/** Every gap that a driver names. */
export const gapsOf = ({ lists }: Driver): readonly Gap[] =>
  lists.flatMap((list) => Object.values(list).filter(isGap))

/** A step that the case has declared to need. */
function given<T>(value: T): Taken<T> {
  if (isGap(value)) throw new Error(`the case uses what it does not need: ${value.what}`)
  return value as Taken<T>
}

/** The body of the answer; asserts that it succeeded. */
async function done<R extends Reply>(reply: Promise<R>): Promise<R> {
  const answer = await reply
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status} ${answer.text}`)
  return answer
}

/** The body of an answer to a write that a driver needs; a refusal is a fault of the driver. */
export const made = async (reply: Promise<Reply>): Promise<Reply['body']> => (await done(reply)).body

async function refused(reply: Promise<Reply>, status?: number): Promise<void> {
  const answer = await reply
  // A provider may document a refusal as its own fault; its driver then names the status.
  if (status === undefined) assert.ok(answer.status >= 400, `${answer.status} ${answer.text}`)
  else assert.equal(answer.status, status, answer.text)
}

const portsOf = (items: readonly Item[]): number[] => items.map(({ port }) => port)

/** Positions are answered without gap or repetition, keys are each once. */
function assertWhole(items: readonly Item[]): void {
  assert.equal(new Set(items.map(({ key }) => key)).size, items.length, 'two rules have one key')
  const positions = items.flatMap(({ position }) => (position === undefined ? [] : [position]))
  if (positions.length === 0) return
  const first = positions[0] ?? 0
  assert.ok(first === 0 || first === 1, `the first position is ${first}`)
  assert.deepEqual(
    positions,
    items.map((_, index) => first + index),
  )
}

async function whole({ list, call }: Setting, path: string): Promise<readonly Item[]> {
  const items = await list.read(call, path)
  assertWhole(items)
  return items
}

/** All that a write of the same again must leave as it was. */
const stateOf = async (setting: Setting, path: string) => [
  await whole(setting, path),
  setting.list.recordsWrites ? undefined : await setting.revision(),
]

/** A new list with rules for these ports, in this order. */
async function filled({ list, call }: Setting, ports: readonly number[]): Promise<string> {
  const path = await list.open(call)
  if (isGap(list.create)) {
    await done(given(list.replaceAll)(call, path, ports))
    return path
  }
  const order = list.createdAt === 'first' ? ports.toReversed() : ports
  for (const port of order) await done(list.create(call, path, port))
  return path
}

/** Makes this the only rule of a list, by the step that the dialect has. */
const only = ({ list, call }: Setting, path: string, port: number, more: JsonObject): Promise<Reply> =>
  isGap(list.create) ? given(list.replaceAll)(call, path, [port], more) : list.create(call, path, port, more)

const keyOf = (items: readonly Item[], port: number): string => {
  const found = items.find((item) => item.port === port)
  assert.ok(found, `no rule for port ${port}`)
  return found.key
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

/** As many rules as fit, by the shortest way that the dialect has. */
async function full(setting: Setting): Promise<string> {
  const { list, call } = setting
  if (isGap(list.replaceAll)) return filled(setting, upTo(list.limit.rules))
  const path = await list.open(call)
  await done(list.replaceAll(call, path, upTo(list.limit.rules)))
  return path
}

/** Rules without their position and digest. */
const withoutPosition = (items: readonly Item[]): JsonValue[] =>
  items.map(({ answered: { position: _, pos: __, digest: ___, ...rest } }) => rest)

export const cases: readonly Case[] = [
  {
    name: 'create a rule, read it, list it',
    needs: ['create'],
    async run(setting) {
      const { list, call } = setting
      const path = await list.open(call)
      assert.deepEqual(await list.read(call, path), [])
      await done(given(list.create)(call, path, 22))
      assert.deepEqual(portsOf(await whole(setting, path)), [22])
    },
  },
  {
    name: 'read one rule: what the list answers',
    needs: ['readOne'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80])
      for (const item of await whole(setting, path)) {
        assert.deepEqual(await given(list.readOne)(call, path, item.key), item)
      }
    },
  },
  {
    name: 'a rule without a position goes where the contract says, and the others keep their order',
    needs: ['create'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      assert.deepEqual(portsOf(await whole(setting, path)), [22, 80, 443])
      await done(given(list.create)(call, path, 53))
      const want = list.createdAt === 'first' ? [53, 22, 80, 443] : [22, 80, 443, 53]
      assert.deepEqual(portsOf(await whole(setting, path)), want)
    },
  },
  {
    name: 'create a rule at a position',
    needs: ['createAt'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      await done(given(list.createAt)(call, path, 53, 1))
      assert.deepEqual(portsOf(await whole(setting, path)), [22, 53, 80, 443])
    },
  },
  {
    name: 'reorder: a moved rule is the same rule, the others keep their order',
    needs: ['move'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443, 53])
      const before = await whole(setting, path)
      await done(given(list.move)(call, path, keyOf(before, 53), 0))
      const moved = await whole(setting, path)
      assert.deepEqual(portsOf(moved), [53, 22, 80, 443])
      await done(given(list.move)(call, path, keyOf(moved, 53), 3))
      assert.deepEqual(await whole(setting, path), before)
    },
  },
  {
    name: 'replace one rule: it keeps its place, and the others stay as they were',
    needs: ['replaceOne'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      const before = await whole(setting, path)
      await done(given(list.replaceOne)(call, path, keyOf(before, 80), 8080))
      const after = await whole(setting, path)
      assert.deepEqual(portsOf(after), [22, 8080, 443])
      const others = (items: readonly Item[]) =>
        withoutPosition([items[0], items[2]].filter((each) => !!each))
      assert.deepEqual(others(after), others(before))
    },
  },
  {
    name: 'change a part of a rule: the rest of it stays',
    needs: ['patchOne'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      const before = await whole(setting, path)
      const key = keyOf(before, 80)
      await done(given(list.patchOne)(call, path, key, 8080))
      assert.deepEqual(portsOf(await whole(setting, path)), [22, 8080, 443])
      await done(given(list.patchOne)(call, path, key, 80))
      assert.deepEqual(portsOf(await whole(setting, path)), [22, 80, 443])
    },
  },
  {
    name: 'replace all rules: what was sent, in its order, and nothing else',
    needs: ['replaceAll'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80])
      await done(given(list.replaceAll)(call, path, [443, 53, 22]))
      assert.deepEqual(portsOf(await whole(setting, path)), [443, 53, 22])
      await done(given(list.replaceAll)(call, path, []))
      assert.deepEqual(await whole(setting, path), [])
    },
  },
  {
    name: 'replace all rules, one of them invalid: refused, and nothing changes',
    needs: ['replaceAll'],
    async run(setting) {
      const { list, call, revision } = setting
      const path = await filled(setting, [22, 80])
      const before = [await whole(setting, path), await revision()]
      await refused(given(list.replaceAll)(call, path, [443, 70_000]))
      assert.deepEqual([await whole(setting, path), await revision()], before)
    },
  },
  {
    name: 'delete a rule: the others close up, and it cannot be deleted again',
    needs: ['remove'],
    async run(setting) {
      const { list, call, revision } = setting
      const path = await filled(setting, [22, 80, 443])
      await done(given(list.remove)(call, path, keyOf(await whole(setting, path), 22)))
      const left = await whole(setting, path)
      assert.deepEqual(portsOf(left), [80, 443])
      const last = keyOf(left, 443)
      await done(given(list.remove)(call, path, last))
      const before = [await whole(setting, path), await revision()]
      await refused(given(list.remove)(call, path, last))
      assert.deepEqual([await whole(setting, path), await revision()], before)
    },
  },
  {
    name: 'a rule, read and written back, changes nothing',
    needs: ['writeBack'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      const before = await stateOf(setting, path)
      for (const item of await whole(setting, path)) await done(given(list.writeBack)(call, path, item))
      assert.deepEqual(await stateOf(setting, path), before)
    },
  },
  {
    name: 'the whole list, read and written back, changes nothing',
    needs: ['writeBackAll'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80, 443])
      const before = await stateOf(setting, path)
      await done(given(list.writeBackAll)(call, path))
      assert.deepEqual(await stateOf(setting, path), before)
    },
  },
  {
    name: 'as many rules as the contract says, and not one more',
    needs: [],
    async run(setting) {
      const { list, call, revision } = setting
      const path = await full(setting)
      const items = await whole(setting, path)
      assert.equal(items.length, list.limit.rules)
      const before = await revision()
      if (!isGap(list.create)) await refused(list.create(call, path, 50_000), list.limit.status)
      if (!isGap(list.replaceAll)) {
        const { rules, status, whole = status } = list.limit
        await refused(list.replaceAll(call, path, upTo(rules + 1)), whole)
      }
      assert.deepEqual(await whole(setting, path), items)
      assert.equal(await revision(), before)
    },
  },
  {
    name: 'as many rules as the account may have: one more is refused as by the contract’s limit, and less makes room',
    needs: [],
    async run(setting) {
      const { list, call, revision, allowRules } = setting
      const path = await filled(setting, [22, 80])
      const items = await whole(setting, path)
      await allowRules(0)
      try {
        const before = await revision()
        if (!isGap(list.create)) await refused(list.create(call, path, 443), list.limit.status)
        if (!isGap(list.replaceAll))
          await refused(list.replaceAll(call, path, [22, 80, 443]), list.limit.status)
        assert.deepEqual(await whole(setting, path), items)
        assert.equal(await revision(), before)
        if (!isGap(list.replaceAll)) {
          await done(list.replaceAll(call, path, [443, 53]))
          await done(list.replaceAll(call, path, [443]))
        } else if (!isGap(list.remove)) await done(list.remove(call, path, keyOf(items, 22)))
        if (!isGap(list.create)) {
          const replies = await Promise.all([1, 2, 3, 4].map((port) => given(list.create)(call, path, port)))
          assert.equal(replies.filter(({ status }) => status < 300).length, 1)
          assert.equal(replies.filter(({ status }) => status === list.limit.status).length, 3)
        }
        assert.equal((await whole(setting, path)).length, isGap(list.create) ? 1 : 2)
      } finally {
        await allowRules(null)
      }
    },
  },
  {
    name: 'text as long as the contract says, and not one character more',
    needs: ['text'],
    async run(setting) {
      const { list, call } = setting
      const { key, characters, status } = given(list.text)
      const path = await list.open(call)
      await refused(only(setting, path, 80, { [key]: 'å'.repeat(characters + 1) }), status)
      assert.deepEqual(await list.read(call, path), [])
      const text = 'å'.repeat(characters)
      await done(only(setting, path, 22, { [key]: text }))
      const [rule] = await whole(setting, path)
      assert.ok(JSON.stringify(rule?.answered).includes(text), 'the text is not answered')
    },
  },
  {
    name: 'an unknown key of a rule does what the contract says',
    needs: [],
    async run(setting) {
      const { list, call } = setting
      const path = await list.open(call)
      const reply = only(setting, path, 22, { nobodyKnowsThis: '10.0.0.0/8' })
      if (list.unknownKeys === 'refused') {
        await refused(reply, 400)
        assert.deepEqual(await whole(setting, path), [])
      } else {
        await done(reply)
        const [rule, ...others] = await whole(setting, path)
        assert.deepEqual(others, [])
        assert.equal(JSON.stringify(rule?.answered).includes('nobodyKnowsThis'), false, 'it is answered')
      }
    },
  },
  {
    name: 'two clients create at once: every rule is there, and no two have one position',
    needs: ['create'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22])
      const ports = Array.from({ length: 24 }, (_, index) => 1000 + index)
      await Promise.all(ports.map((port) => done(given(list.create)(call, path, port))))
      const items = await whole(setting, path)
      assert.deepEqual(
        portsOf(items).toSorted((a, b) => a - b),
        [22, ...ports],
      )
      assert.equal(portsOf(items).at(list.createdAt === 'first' ? -1 : 0), 22)
    },
  },
  {
    name: 'two clients fill the last place at once: one of them gets it',
    needs: ['create', 'remove'],
    async run(setting) {
      const { list, call } = setting
      const path = await full(setting)
      const items = await whole(setting, path)
      await done(given(list.remove)(call, path, items[0]?.key ?? ''))
      const replies = await Promise.all(
        [0, 1, 2, 3].map((index) => given(list.create)(call, path, 50_000 + index)),
      )
      const statuses = replies.map(({ status }) => status)
      assert.equal(statuses.filter((status) => status < 300).length, 1, statuses.join())
      assert.equal(statuses.filter((status) => status === list.limit.status).length, 3, statuses.join())
      assert.equal((await whole(setting, path)).length, list.limit.rules)
    },
  },
  {
    name: 'one client creates while another deletes: what was acknowledged is so',
    needs: ['create', 'remove'],
    async run(setting) {
      const { list, call } = setting
      const ports = [1, 2, 3, 4, 5, 6]
      const path = await filled(setting, ports)
      const created = ports.map((port) => 100 + port)
      const removing = async () => {
        for (let count = 0; count < 3; count++) {
          // A rule at the end where none is created: its position is taken whoever else writes.
          const items = await list.read(call, path)
          const target = list.createdAt === 'first' ? items.at(-1) : items[0]
          await done(given(list.remove)(call, path, target?.key ?? ''))
        }
      }
      await Promise.all([removing(), ...created.map((port) => done(given(list.create)(call, path, port)))])
      const items = await whole(setting, path)
      assert.equal(items.length, ports.length + created.length - 3)
    },
  },
  {
    name: 'two clients reorder at once: nothing is lost, and no two rules have one position',
    needs: ['move'],
    async run(setting) {
      const { list, call } = setting
      const ports = [1, 2, 3, 4, 5, 6, 7, 8]
      const path = await filled(setting, ports)
      const before = await whole(setting, path)
      await Promise.all(before.map((item, index) => done(given(list.move)(call, path, item.key, 7 - index))))
      const after = await whole(setting, path)
      const byKey = (items: readonly Item[]) =>
        withoutPosition(items.toSorted((a, b) => (a.key < b.key ? -1 : 1)))
      assert.deepEqual(byKey(after), byKey(before))
    },
  },
  {
    name: 'two clients insert at one position at once: nothing is lost, and no two rules have one position',
    needs: ['createAt'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22, 80])
      const ports = Array.from({ length: 16 }, (_, index) => 1000 + index)
      await Promise.all(ports.map((port) => done(given(list.createAt)(call, path, port, 1))))
      const found = portsOf(await whole(setting, path))
      assert.deepEqual([found[0], found.at(-1)], [22, 80])
      assert.deepEqual(
        found.slice(1, -1).toSorted((a, b) => a - b),
        ports,
      )
    },
  },
  {
    name: 'two clients replace all rules at once: one of their lists is there, whole',
    needs: ['replaceAll'],
    async run(setting) {
      const { list, call } = setting
      const path = await filled(setting, [22])
      const wanted = [100, 200, 300, 400].map((base) => [1, 2, 3].map((port) => base + port))
      const replies = await Promise.all(wanted.map((ports) => given(list.replaceAll)(call, path, ports)))
      for (const { status, text } of replies) assert.ok(status < 500, `${status} ${text}`)
      const taken = wanted.filter((_, index) => (replies[index]?.status ?? 500) < 300)
      assert.ok(taken.length > 0)
      const found = portsOf(await whole(setting, path)).join()
      assert.ok(
        taken.some((ports) => ports.join() === found),
        `${found} is none of the lists that were acknowledged`,
      )
    },
  },
  {
    name: 'make the holder of a list, find it among all, delete it with its rules',
    needs: ['holder'],
    async run(setting) {
      const { list, call } = setting
      const holder = given(list.holder)
      const path = await filled(setting, [22])
      const id = holder.idOf(path)
      assert.ok((await holder.list(call)).includes(id))
      await done(holder.read(call, id))
      await done(holder.remove(call, id))
      assert.equal((await holder.list(call)).includes(id), false)
      await refused(holder.read(call, id), 404)
      await refused(holder.remove(call, id), 404)
      if (!isGap(list.create)) await refused(list.create(call, path, 80), 404)
    },
  },
  {
    name: 'rename the holder of a list: its rules stay',
    needs: ['holder'],
    async run(setting) {
      const { list, call } = setting
      const holder = given(list.holder)
      const path = await filled(setting, [22, 80])
      const before = await whole(setting, path)
      await done(holder.rename(call, holder.idOf(path), 'renamed'))
      assert.equal((await done(holder.read(call, holder.idOf(path)))).named, 'renamed')
      assert.deepEqual(await whole(setting, path), before)
    },
  },
  {
    name: 'the holder of a list, read and written back, changes nothing',
    needs: ['holder'],
    async run(setting) {
      const { list, call } = setting
      const holder = given(list.holder)
      const path = await filled(setting, [22, 80])
      const before = await stateOf(setting, path)
      await done(holder.writeBack(call, holder.idOf(path)))
      assert.deepEqual(await stateOf(setting, path), before)
    },
  },
]
