/** The made-up provider for the cases that all dialects run. */
import type { JsonObject } from '../../../src/core/json.ts'
import type { Driver, Item, RuleList } from '../../../src/dialects/conformance.ts'
import { made } from '../../../src/dialects/conformance.ts'
import { gaps, missing } from './gaps.ts'

const slots = { own: 8, foreign: 9 } as const
const rules = (slot: number) => `/fifth/slots/${slot}/rules`

const itemOf = (answered: JsonObject, place: number): Item => ({
  ...{ key: String(place), position: place },
  ...{ port: Number(answered.port), answered },
})

const chain: RuleList = {
  name: 'rules of a slot',
  async open(call) {
    const path = rules(slots.own)
    for (const _ of (await call('GET', path)).body) await made(call('DELETE', `${path}/1`))
    return path
  },
  read: async (call, list) =>
    (await call('GET', list)).body.map((each: JsonObject, index: number) => itemOf(each, index + 1)),
  create: (call, list, port, more) => call('POST', list, { port, ...more }),
  createdAt: 'last',
  remove: (call, list, key) => call('DELETE', `${list}/${key}`),
  readOne: async (call, list, key) => itemOf((await call('GET', `${list}/${key}`)).body, Number(key)),
  createAt: missing.positions,
  move: missing.positions,
  replaceOne: missing.changes,
  patchOne: missing.changes,
  writeBack: missing.changes,
  replaceAll: missing.wholeLists,
  writeBackAll: missing.wholeLists,
  limit: { rules: 50, status: 409 },
  text: missing.texts,
  unknownKeys: 'refused',
  holder: missing.holders,
}

const account = (slot: number, rack: string, address: string) => ({
  racks: [{ id: rack, name: rack }],
  servers: [{ profile: 'fifth', slot, rack, name: `vm${slot}`, interfaces: [{ addresses: [address] }] }],
})

export const driver: Driver = {
  title: 'Fifth Cloud',
  ...{ gaps, missing },
  inventory: {
    own: account(slots.own, 'rack-own', '192.0.2.81'),
    foreign: account(slots.foreign, 'rack-foreign', '192.0.2.82'),
  },
  lists: [chain],
  async fill(call, whose) {
    await made(call('POST', rules(slots[whose]), { port: 22 }))
    return { slot: String(slots[whose]), place: '1' }
  },
  bodies: { createRule: { port: 80 } },
  references: () => [],
}
