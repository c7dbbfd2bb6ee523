/** The messages that nft sends for a script, and messages of ours, in a form that can be compared. */
import { spawnSync } from 'node:child_process'
import { MessageBuilder } from '../../src/agent/netlink/message.ts'
import { writeCommands } from '../../src/agent/nftables/netlink/commands.ts'
import { readIdentity } from '../../src/agent/nftables/netlink/identity.ts'
import { chain, elementList, messages, object, rule, set } from '../../src/agent/nftables/netlink/uapi.ts'
import type { Command } from '../../src/compile/nftables/commands.ts'
import { scriptOf } from '../../src/compile/nftables/commands.ts'

/** Type and value; a value is hexadecimal, or attributes. */
type Attribute = readonly [number, string | readonly Attribute[]]
export interface Message {
  readonly type: number
  readonly family: number
  readonly attributes: readonly Attribute[]
}

/** What a transaction says, without what may differ: ids in it, our user data, the order of elements. */
export interface Said {
  readonly chains: Record<string, unknown>
  readonly sets: Record<string, unknown>
  readonly elements: Record<string, readonly string[]>
  /** By chain; each with the sets without names that come before it. */
  readonly rules: Record<string, unknown[]>
  readonly objects: Record<string, unknown>
}

export function saidByUs(commands: readonly Command[]): Said {
  const builder = new MessageBuilder()
  writeCommands(builder, commands)
  return saidIn(read(builder.finish()))
}

/** Nothing is changed. Throws with nft's words when nft or the kernel refuses it. */
export function saidByNft(netns: string, commands: readonly Command[]): Said {
  const script = scriptOf(commands)
  const { status, stdout, stderr } = spawnSync(
    'ip',
    ['netns', 'exec', netns, 'nft', '-c', '--debug=mnl', '-f', '-'],
    { input: script, maxBuffer: 1 << 30, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`${stderr.slice(0, 1000)}\n${script.slice(0, 1000)}`)
  return saidIn(read(bytesOf(stdout)).filter(({ type }) => types.has(type)))
}
const types: ReadonlySet<number> = new Set(Object.values(messages))

/** What `--debug=mnl` prints, four bytes a line, as bytes again; the messages without their headers' numbers. */
function bytesOf(text: string): Buffer {
  const parts: Buffer[] = []
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nft colours what it prints.
  for (const line of text.replace(/\x1b\[[\d;]*m/g, '').split('\n')) {
    const [, length] = /^\|\s+(\d{10})\s+\|\s+\| message length/.exec(line) ?? []
    const [, type] = /^\| (\d{5}) \| .* \|\s+\|\s+type \| flags/.exec(line) ?? []
    const [, size, flags, kind] = /^\|(\d{5})\|(..)\|(\d{5})\|/.exec(line) ?? []
    const [, data] = /^\| ((?:[0-9a-f]{2} ){4}) \|/.exec(line) ?? []
    const word = Buffer.alloc(4)
    if (length !== undefined) word.writeUInt32LE(Number(length))
    else if (type !== undefined) word.writeUInt16LE(Number(type))
    else if (size !== undefined) {
      word.writeUInt16LE(Number(size))
      word.writeUInt16LE(Number(kind) | (flags?.startsWith('N') ? 0x8000 : 0), 2)
    } else if (data !== undefined) word.write(data.replaceAll(' ', ''), 'hex')
    else if (!/\| (?:sequence number| {4}port ID )/.test(line)) continue
    parts.push(word)
  }
  return Buffer.concat(parts)
}

function read(bytes: Buffer): Message[] {
  const all: Message[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    all.push({
      type: bytes.readUInt16LE(at + 4),
      family: bytes.readUInt8(at + 16),
      attributes: attributesOf(bytes.subarray(at + 20, at + length)),
    })
    at += (length + 3) & ~3
  }
  return all
}

function attributesOf(bytes: Buffer): Attribute[] {
  const all: Attribute[] = []
  for (let at = 0; at < bytes.length; ) {
    const [length, type] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)]
    const value = bytes.subarray(at + 4, at + length)
    all.push([type & 0x3fff, type & 0x8000 ? attributesOf(value) : value.toString('hex')])
    at += (length + 3) & ~3
  }
  return all
}

const textOf = (value: string | readonly Attribute[] | undefined): string =>
  Buffer.from(typeof value === 'string' ? value : '', 'hex')
    .toString()
    .replace(/\0$/, '')

function saidIn(all: readonly Message[]): Said {
  const said: Said = { chains: {}, sets: {}, elements: {}, rules: {}, objects: {} }
  let anonymous: unknown[] = []
  for (const { type, family, attributes } of all) {
    const value = (of: number) => attributes.find(([each]) => each === of)?.[1]
    const without = (...left: number[]) => {
      const rest = attributes.filter(([each]) => !left.includes(each)).toSorted(([a], [b]) => a - b)
      return [family, ...rest]
    }
    if (type === messages.newChain) said.chains[textOf(value(chain.name))] = without(chain.userData)
    else if (type === messages.newObject) said.objects[textOf(value(object.name))] = without()
    else if (type === messages.newSet) {
      const name = textOf(value(set.name))
      // 18: expressions, of which nft says once more what it says as one.
      const declared = without(set.id, set.userData, 18)
      const userData = notOurs(Buffer.from(value(set.userData) as string, 'hex'))
      if (name.startsWith('__')) anonymous.push(declared, userData)
      else said.sets[name] = [declared, userData]
    } else if (type === messages.newElements) {
      const name = textOf(value(elementList.set))
      const elements = (value(elementList.elements) as readonly Attribute[])
        .map(([, each]) => JSON.stringify(each))
        .filter((each) => name.startsWith('__') || !isLeadingEnd(each))
      if (name.startsWith('__')) anonymous.push(elements)
      // nft says the elements of a new set twice.
      else said.elements[name] = [...new Set([...(said.elements[name] ?? []), ...elements])].toSorted()
    } else if (type === messages.newRule) {
      const name = textOf(value(rule.chain))
      const list = value(rule.expressions) as readonly Attribute[]
      const expressions = withoutIds(list.filter((each) => !turnsOneByte(each)))
      said.rules[name] ??= []
      said.rules[name].push([family, anonymous, expressions])
      anonymous = []
    }
  }
  return said
}

/** Nothing is in a set up to its first element: nft says so to sets that are new, and only to those. */
const isLeadingEnd = (element: string): boolean => /^\[\[3,"00000001"\],\[1,\[\[1,"0+"\]\]\]\]$/.test(element)

/** Sets are found by their names; ids in the transaction are for those without. */
function withoutIds(expressions: readonly Attribute[]): readonly Attribute[] {
  const ids: Record<string, number> = { lookup: 4, dynset: 2 }
  return expressions.map(([type, value]) => {
    if (typeof value === 'string') return [type, value]
    const [name, data] = value
    const id = ids[textOf(name?.[1])]
    if (id === undefined || !name || !data || typeof data[1] === 'string') return [type, value]
    return [type, [name, [data[0], data[1].filter(([each]) => each !== id)]]]
  })
}

/** nft 1.0.6 turns the bytes of a protocol in some keys, as if it were a number of two: the kernel turns none of one byte. */
function turnsOneByte([, value]: Attribute): boolean {
  if (typeof value === 'string') return false
  const [name, data] = value
  if (textOf(name?.[1]) !== 'byteorder' || !data || typeof data[1] === 'string') return false
  return data[1].some(([type, length]) => type === 4 && length === '00000001')
}

/** User data up to our entry, which is the last. */
function notOurs(bytes: Buffer): string {
  const ours = readIdentity(bytes) ? 10 : 0
  return bytes.toString('hex', 0, bytes.length - ours)
}
