/**
 * Numbers of the kernel's interface, of what we use alone: types of messages, attributes and values as
 * linux/netfilter/nf_tables.h, nf_tables_compat.h and nfnetlink.h name them.
 */

/** In the first byte of every message behind its header. */
export const families = { inet: 1, bridge: 7 } as const
export type Family = keyof typeof families

/** Of nf_tables, in the upper byte of the types of its messages. */
export const subsystem = 10

const nft = (type: number): number => (subsystem << 8) | type
export const messages = {
  newTable: nft(0),
  deleteTable: nft(2),
  newChain: nft(3),
  deleteChain: nft(5),
  newRule: nft(6),
  deleteRule: nft(8),
  newSet: nft(9),
  deleteSet: nft(11),
  newElements: nft(12),
  deleteElements: nft(14),
  newObject: nft(18),
  deleteObject: nft(20),
  deleteFlowTable: nft(24),
} as const

/** NFTA_LIST_ELEM, which lists of expressions and elements hold. */
export const listElement = 1

export const table = { name: 1, flags: 2, userData: 6 } as const
export const chain = { table: 1, name: 3, hook: 4, policy: 5, type: 7, userData: 12 } as const
export const hook = { number: 1, priority: 2 } as const
export const rule = { table: 1, chain: 2, expressions: 4, userData: 7 } as const
export const set = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  timeout: 11,
  userData: 13,
  expression: 17,
} as const
export const setFlags = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  dynamic: 0x20,
  concatenated: 0x80,
} as const
/** Of a set: how many elements it may hold, and the lengths of the fields of its key. */
export const description = { size: 1, fields: 2, fieldLength: 1 } as const
/** The data of a map to verdicts. */
export const verdictType = 0xffffff00
export const elementList = { table: 1, set: 2, elements: 3, setId: 4 } as const
export const element = { key: 1, data: 2, flags: 3, userData: 6, expression: 7, keyEnd: 10 } as const
/** The first value behind an interval. */
export const intervalEnd = 0x1
export const data = { value: 1, verdict: 2, verdictCode: 1, verdictChain: 2 } as const
export const object = { table: 1, name: 2, type: 3, data: 4 } as const
/** By nft's words for them. */
export const objectTypes: ReadonlyMap<string, number> = new Map([
  ['counter', 1],
  ['quota', 2],
  ['ct helper', 3],
  ['limit', 4],
  ['tunnel', 6],
  ['ct timeout', 7],
  ['secmark', 8],
  ['ct expectation', 9],
  ['synproxy', 10],
])
export const connectionTimeout = { type: 7, protocol: 2, values: 3 } as const

export const verdicts = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const
export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const

export const expression = { name: 1, data: 2 } as const
export const bases = { link: 0, network: 1, transport: 2 } as const
export const comparisons = { equal: 0, unequal: 1, less: 2, lessOrEqual: 3, greaterOrEqual: 5 } as const
export const meta = {
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  nfproto: 15,
  l4proto: 16,
} as const
export const connection = { state: 0, direction: 1, status: 2, labels: 13 } as const
export const rejections = { icmp: 0, reset: 1, either: 2 } as const
