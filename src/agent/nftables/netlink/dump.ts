/** What stands in nf_tables, as the kernel tells it: dumps of tables, chains, rules, sets, elements and other objects. */
import { KernelError } from '../../netlink/errors.ts'
import { type AttributeReader, MessageBuilder, type MessageReader } from '../../netlink/message.ts'
import { fixedLength, fixedPart } from '../../netlink/nfnetlink.ts'
import type { NetlinkSocket } from '../../netlink/socket.ts'
import { type HitKind, hitKinds } from '../hit-keys.ts'
import type { Hits } from '../kernel.ts'
import { type CountedKind, readCounts } from './counts.ts'
import { type Identity, readIdentity } from './identity.ts'
import { types } from './types.ts'
import { objectTypes } from './uapi.ts'

const subsystem = 10
const get = (message: number): number => (subsystem << 8) | message
const gets = {
  table: get(1),
  chain: get(4),
  rule: get(7),
  set: get(10),
  element: get(13),
  generation: get(16),
  object: get(19),
  flowTable: get(23),
} as const

export const familyNames: Readonly<Record<number, string>> = {
  ...{ 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' },
}
const familyNumbers = new Map(Object.entries(familyNames).map(([number, name]) => [name, Number(number)]))

export interface FoundTable {
  readonly name: string
  readonly flags: number
  /** Port of the socket that owns it; 0: nobody's. */
  readonly owner: number
  /** Another one for every table since the host has started; decimal. */
  readonly handle: string
}
export interface FoundChain {
  /** Family and name, as in `inet filter`. */
  readonly table: string
  readonly name: string
  /** Where a base chain hangs; undefined: it is none. */
  readonly base:
    | { readonly type: string; readonly hook: string; readonly priority: number; readonly accepts: boolean }
    | undefined
}
export interface FoundRule {
  readonly chain: string
  readonly identity: Identity | undefined
  /** What it does, where it is one of the guard's for names of devices; undefined: it is another. */
  readonly closes: string | undefined
}
export interface FoundSet {
  readonly name: string
  readonly flags: number
  readonly keyType: number
  readonly identity: Identity | undefined
}
export interface FoundElement {
  /** Hexadecimal; undefined: it stands for all that no other does. */
  readonly key: string | undefined
  /** Of a concatenation of intervals. */
  readonly keyEnd: string | undefined
  /** It is no element, but the first value behind one. */
  readonly ends: boolean
  /** What it holds in a map, a verdict or a mark, in our words; undefined where it holds nothing that we know. */
  readonly held: string | undefined
}

/** One socket's dumps; each is of one moment. */
export class Dumps {
  readonly #socket: NetlinkSocket
  readonly #builder = new MessageBuilder()

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Changes with every transaction of anybody. */
  generation(): number {
    let found = 0
    const request = this.#builder.clear().begin(gets.generation, 1, fixedPart(0)).finish()
    this.#socket.transact(request, (message) => {
      each(message, (type, value) => {
        if (type === 1) found = value.u32be()
      })
    })
    return found
  }

  table(table: string): FoundTable | undefined {
    const [family, wanted] = split(table)
    const [found] = this.#dump(
      gets.table,
      family,
      () => {},
      (message) => {
        let [name, flags, owner, handle] = ['', 0, 0, '']
        each(message, (type, value) => {
          if (type === 1) name = value.text()
          else if (type === 2) flags = value.u32be()
          else if (type === 4) handle = value.u64be().toString()
          else if (type === 7) owner = value.u32be()
        })
        return name === wanted ? { name, flags, owner, handle } : undefined
      },
    )
    return found
  }

  /** Of all tables of the family; undefined: of all families. */
  chains(family?: string): readonly FoundChain[] {
    return this.#dump(gets.chain, family === undefined ? 0 : numberOf(family), () => {}, readChain)
  }

  rules(table: string): readonly FoundRule[] {
    const [family, wanted] = split(table)
    return this.#dump(
      gets.rule,
      family,
      (builder) => builder.text(1, wanted),
      (message) => {
        let [of, chain, closes] = ['', '', undefined as string | undefined]
        let identity: Identity | undefined
        each(message, (type, value) => {
          if (type === 1) of = value.text()
          else if (type === 2) chain = value.text()
          else if (type === 4) closes = readClosing(value.nested())
          else if (type === 7) identity = readIdentity(value.bytes())
        })
        return of === wanted ? { chain, identity, closes } : undefined
      },
    )
  }

  /** What keys of a set that counts by decider begin with; undefined: there is no such set, or its keys are others. */
  hitKind(table: string, set: string): HitKind | undefined {
    const [family, name] = split(table)
    this.#builder.clear().begin(gets.set, 1, fixedPart(family)).text(1, name).text(2, set)
    let found = 0
    try {
      this.#socket.transact(this.#builder.finish(), (message) => {
        each(message, (type, value) => {
          if (type === 4) found = value.u32be()
        })
      })
    } catch (error) {
      if (!(error instanceof KernelError && error.code === 'ENOENT')) throw error
    }
    return hitKinds.find((kind) => keyTypes[kind] === found)
  }

  /** What its elements have counted, in the kernel's order; while packets add to them some can be told twice, and others not. */
  counts(table: string, set: string, kind: CountedKind): Hits['elements'] {
    const [family, name] = split(table)
    return this.#dump(
      gets.element,
      family,
      (builder) => builder.text(1, name).text(2, set),
      (message) => readCounts(message, kind),
    ).flat()
  }

  /** Those with names. */
  sets(table: string): readonly FoundSet[] {
    const [family, wanted] = split(table)
    return this.#dump(
      gets.set,
      family,
      (builder) => builder.text(1, wanted),
      (message) => {
        let [of, name, flags, keyType] = ['', '', 0, 0]
        let identity: Identity | undefined
        each(message, (type, value) => {
          if (type === 1) of = value.text()
          else if (type === 2) name = value.text()
          else if (type === 3) flags = value.u32be()
          else if (type === 4) keyType = value.u32be()
          else if (type === 13) identity = readIdentity(value.bytes())
        })
        return of === wanted && (flags & 1) === 0 ? { name, flags, keyType, identity } : undefined
      },
    )
  }

  elements(table: string, set: string): readonly FoundElement[] {
    const [family, wanted] = split(table)
    return this.#dump(
      gets.element,
      family,
      (builder) => builder.text(1, wanted).text(2, set),
      (message) => {
        const found: FoundElement[] = []
        each(message, (type, value) => {
          if (type !== 3) return
          for (const list = value.nested(); list.next(); ) found.push(readElement(list.nested()))
        })
        return found
      },
    ).flat()
  }

  /** Kind and name of what is neither chain nor set: `counter mine`. */
  objects(table: string): readonly string[] {
    const [family, wanted] = split(table)
    const named = (kind: number) =>
      this.#dump(
        kind,
        family,
        (builder) => builder.text(1, wanted),
        (message) => {
          let [of, name, type] = ['', '', 0]
          each(message, (attribute, value) => {
            if (attribute === 1) of = value.text()
            else if (attribute === 2) name = value.text()
            else if (attribute === 3 && kind === gets.object) type = value.u32be()
          })
          return of === wanted ? { name, type } : undefined
        },
      )
    return [
      ...named(gets.object).map(({ name, type }) => `${objectKinds.get(type) ?? `object-${type}`} ${name}`),
      ...named(gets.flowTable).map(({ name }) => `flowtable ${name}`),
    ]
  }

  #dump<T>(
    type: number,
    family: number,
    narrow: (builder: MessageBuilder) => void,
    read: (message: MessageReader) => T | undefined,
  ): T[] {
    this.#builder.clear().begin(type, 1, fixedPart(family))
    narrow(this.#builder)
    return this.#socket.dump(this.#builder.finish(), read)
  }
}

/** As nft numbers the types of concatenations. */
const keyTypes = {
  iface_index: (types.iface_index.id << 6) | types.mark.id,
  ether_addr: (types.ether_addr.id << 6) | types.mark.id,
} as const satisfies Record<HitKind, number>

const objectKinds = new Map([...objectTypes].map(([kind, type]) => [type, kind]))

/** The attributes of a message behind what all of nfnetlink begin with. */
export function each(message: MessageReader, read: (type: number, value: AttributeReader) => void): void {
  for (const attributes = message.attributes(fixedLength); attributes.next(); )
    read(attributes.type, attributes)
}

const numberOf = (family: string): number => familyNumbers.get(family) ?? 0
function split(table: string): [number, string] {
  const [family = '', name = ''] = table.split(' ')
  return [numberOf(family), name]
}

const routedHooks = ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress']
const hooksOf: Readonly<Record<string, readonly string[]>> = {
  netdev: ['ingress', 'egress'],
  arp: ['input', 'output', 'forward'],
}

export function readChain(message: MessageReader): FoundChain {
  const family = familyNames[message.payload[0] ?? 0] ?? `family-${message.payload[0]}`
  let [table, name, kind] = ['', '', '']
  let hook: number | undefined
  let [priority, accepts] = [0, true]
  each(message, (type, value) => {
    if (type === 1) table = value.text()
    else if (type === 3) name = value.text()
    else if (type === 5) accepts = value.u32be() === 1
    else if (type === 7) kind = value.text()
    else if (type === 4) {
      for (const hung = value.nested(); hung.next(); ) {
        if (hung.type === 1) hook = hung.u32be()
        else if (hung.type === 2) priority = hung.u32be() | 0
      }
    }
  })
  const word = hook === undefined ? undefined : ((hooksOf[family] ?? routedHooks)[hook] ?? `hook-${hook}`)
  return {
    ...{ table: `${family} ${table}`, name },
    base: word === undefined ? undefined : { type: kind, hook: word, priority, accepts },
  }
}

function readElement(attributes: AttributeReader): FoundElement {
  let [key, keyEnd, held] = [undefined, undefined, undefined] as (string | undefined)[]
  let flags = 0
  while (attributes.next()) {
    const { type } = attributes
    if (type === 1) key = readValue(attributes.nested())
    else if (type === 10) keyEnd = readValue(attributes.nested())
    else if (type === 2) held = readVerdict(attributes.nested()) ?? readMark(attributes.nested())
    else if (type === 3) flags = attributes.u32be()
  }
  return { key, keyEnd, held, ends: (flags & 1) !== 0 }
}

function readValue(data: AttributeReader): string | undefined {
  while (data.next()) if (data.type === 1) return data.bytes().toString('hex')
  return undefined
}

const verdictWords = new Map([
  [0, 'drop'],
  [1, 'accept'],
  [-3, 'jump'],
  [-4, 'goto'],
  [-5, 'return'],
])
function readVerdict(data: AttributeReader): string | undefined {
  while (data.next()) {
    if (data.type !== 2) continue
    let [code, chain] = [0, '']
    for (const parts = data.nested(); parts.next(); ) {
      if (parts.type === 1) code = parts.u32be() | 0
      else if (parts.type === 2) chain = parts.text()
    }
    const word = verdictWords.get(code)
    return word === undefined ? undefined : chain === '' ? word : `${word} ${chain}`
  }
  return undefined
}

function readMark(data: AttributeReader): string | undefined {
  while (data.next())
    if (data.type === 1 && data.length === 4) return `0x${data.u32().toString(16).padStart(8, '0')}`
  return undefined
}

/** Name and data of an expression. */
function readExpression(attributes: AttributeReader): readonly [string, AttributeReader | undefined] {
  let [name, data] = ['', undefined as AttributeReader | undefined]
  while (attributes.next()) {
    if (attributes.type === 1) name = attributes.text()
    else if (attributes.type === 2) data = attributes.nested()
  }
  return [name, data]
}

const nameKeys = new Map([
  [6, 'iifname'],
  [7, 'oifname'],
])
/** `iifname "tap*" drop`; undefined when the rule is another. Whoever made it, what the guard closes is read from it. */
function readClosing(list: AttributeReader): string | undefined {
  let [word, pattern, drops] = [undefined, undefined, false] as [
    string | undefined,
    string | undefined,
    boolean,
  ]
  for (let at = 0; list.next(); at++) {
    const [name, data] = readExpression(list.nested())
    if (!data) return undefined
    if (at === 0 && name === 'meta') {
      while (data.next()) if (data.type === 2) word = nameKeys.get(data.u32be())
    } else if (at === 1 && name === 'cmp') {
      while (data.next()) {
        if (data.type === 2 && data.u32be() !== 0) return undefined
        if (data.type !== 3) continue
        const value = Buffer.from(readValue(data.nested()) ?? '', 'hex').toString('latin1')
        const end = value.indexOf('\0')
        pattern = end < 0 ? `${value}*` : value.slice(0, end)
      }
    } else if (at === 2 && name === 'immediate') {
      while (data.next()) if (data.type === 2) drops = readVerdict(data.nested()) === 'drop'
    } else return undefined
  }
  return word !== undefined && pattern !== undefined && drops ? `${word} "${pattern}" drop` : undefined
}
