/**
 * Rules: one line of nft's language, as our compilers write it, as expressions of nf_tables that nft prints as that line, but for a map
 * within a key, which nft has no words for. Of the language only what we write is known: anything else throws, and nothing is guessed.
 */
import { MessageBuilder } from '../../netlink/message.ts'
import {
  after,
  elementKey,
  isMark,
  prefixLength,
  rangeOf,
  verdictOf,
  writeElement,
  writeEnd,
} from './elements.ts'
import {
  compare,
  doNotTrack,
  fill,
  firstRegister,
  type Holding,
  loadMeta,
  loadValue,
  log,
  lookUp,
  maskBits,
  move,
  outside,
  registerAt,
  reject,
  setLabel,
  setMeta,
  translate,
  useObject,
  verdict,
} from './expressions.ts'
import { type Field, fieldAt } from './fields.ts'
import { anonymousLayout, type SetLayout } from './keys.ts'
import { Loader, type Looked } from './loading.ts'
import { Recent } from './recent.ts'
import { bytesOf, types, type ValueType } from './types.ts'
import { comparisons, connection, connectionTimeout, type Family, meta } from './uapi.ts'

export interface AssembledRule {
  /** The value of the attribute that holds the expressions of a rule. */
  readonly expressions: Buffer
  /** What must be there before the rule. */
  readonly sets: readonly AnonymousSet[]
}

/** A set or map without a name, for one rule. */
export interface AnonymousSet {
  readonly layout: SetLayout
  /** Attributes of a list, of so many elements. */
  readonly elements: Uint8Array
  readonly size: number
  /** Where in the expressions its id in the transaction belongs: four bytes of network order, 0 so far. */
  readonly idAt: number
}

/** The kernel makes a name of it. */
export const anonymousName = (isMap: boolean): string => (isMap ? '__map%d' : '__set%d')

/** A chain that changes is sent whole, and several times on its way: most of its lines were there before. */
const recent = { inet: new Recent<AssembledRule>(8192), bridge: new Recent<AssembledRule>(8192) }

/**
 * The same object for the same line, now and then. Throws SyntaxError when the line is not of the language that we write,
 * RangeError when it is too long.
 */
export const assembleRule = (family: Family, line: string): AssembledRule =>
  recent[family].of(line, () => assemble(family, line))

function assemble(family: Family, line: string): AssembledRule {
  try {
    return new Assembler(family, line).assemble()
  } catch (error) {
    if (error instanceof SyntaxError) throw new SyntaxError(`${error.message}: ${line}`, { cause: error })
    throw error
  }
}

/** Used by one assembler at a time: nothing waits in between. */
const builder = new MessageBuilder()
const ofElements = new MessageBuilder()

const operators = { '<': comparisons.less, '>=': comparisons.greaterOrEqual } as const

/** How what was loaded is compared; `bits`: that none of the bits is set. */
interface How {
  readonly not: boolean
  readonly bits: boolean
}

class Assembler {
  readonly #words: readonly string[]
  readonly #loader: Loader
  readonly #sets: AnonymousSet[] = []
  #at = 0

  constructor(family: Family, line: string) {
    this.#words = line.split(' ')
    this.#loader = new Loader(builder, family)
  }

  assemble(): AssembledRule {
    builder.clear()
    while (this.#at < this.#words.length) this.#statement()
    this.#loader.settle()
    return { expressions: Buffer.from(builder.finish()), sets: this.#sets }
  }

  /** The next word; throws at the end of the line. */
  #next(): string {
    const word = this.#words[this.#at++]
    if (word === undefined) throw new SyntaxError('the line ends too early')
    return word
  }

  /** Whether the next words are these, which are then behind us. */
  #takes(...words: readonly string[]): boolean {
    if (!words.every((word, n) => this.#words[this.#at + n] === word)) return false
    this.#at += words.length
    return true
  }

  #expect(word: string): void {
    if (!this.#takes(word)) throw new SyntaxError(`${word} is missing`)
  }

  #end(): void {
    if (this.#at < this.#words.length)
      throw new SyntaxError(`nothing can follow ${this.#words[this.#at - 1]}`)
  }

  #statement(): void {
    const word = this.#words[this.#at]
    if (word === 'add' || word === 'update') this.#fill(this.#next() as 'add' | 'update')
    else if (word === 'accept' || word === 'drop' || word === 'return' || word === 'jump' || word === 'goto')
      this.#verdict()
    else if (this.#takes('reject')) this.#reject()
    else if (this.#takes('notrack')) {
      this.#loader.settle()
      doNotTrack(builder)
    } else if (this.#takes('ct', 'label', 'set')) {
      this.#loader.settle()
      setLabel(builder, connection.labels, this.#value(types.ct_label))
    } else if (this.#takes('ct', 'timeout', 'set')) this.#timeout()
    else if (this.#takes('meta', 'mark', 'set', 'meta', 'mark', '&')) this.#markBits()
    else if (this.#takes('meta', 'mark', 'set')) this.#mark()
    else if (this.#takes('log', 'prefix')) this.#log()
    else this.#match()
  }

  #verdict(): void {
    this.#loader.settle()
    verdict(builder, verdictOf(this.#words.slice(this.#at).join(' ')))
    this.#at = this.#words.length
  }

  #reject(): void {
    const { network, transport } = this.#loader
    this.#loader.settle()
    if (this.#takes('with', 'tcp', 'reset')) {
      if (transport !== 6) throw new SyntaxError('what is reset must be known to be TCP')
      reject(builder, 'reset', 0)
    } else if (this.#takes('with', 'icmpx')) reject(builder, 'either', this.#number(255))
    else {
      // nft would take the code of a family that is known, and reset what is known to be TCP.
      if (network !== undefined || transport === 6) throw new SyntaxError('the rejection is not said')
      reject(builder, 'either', 1)
    }
    this.#end()
  }

  #timeout(): void {
    const [, name] = /^"([A-Za-z0-9_.-]{1,255})"$/.exec(this.#next()) ?? []
    if (name === undefined) throw new SyntaxError('the name of a timeout is missing')
    this.#loader.settle()
    useObject(builder, connectionTimeout.type, name)
  }

  /** A number, or what a map has for a key. */
  #mark(): void {
    const number = this.#markNumber()
    if (number) {
      this.#loader.settle()
      loadValue(builder, number, firstRegister)
    } else {
      this.#loader.load(this.#key())
      this.#expect('map')
      translate(builder, setName(this.#next()), { from: firstRegister, to: firstRegister })
    }
    setMeta(builder, meta.mark)
  }

  /** Undefined when the next word is none. */
  #markNumber(): Uint8Array | undefined {
    return isMark(this.#words[this.#at] ?? '') ? this.#value(types.mark) : undefined
  }

  #log(): void {
    const [all, prefix] =
      /^"([A-Za-z0-9_. -]{1,127})" group /.exec(`${this.#words.slice(this.#at).join(' ')} `) ?? []
    if (all === undefined || prefix === undefined) throw new SyntaxError('a prefix and a group are missing')
    this.#at += all.split(' ').length - 1
    const group = this.#number(0xffff)
    this.#expect('snaplen')
    this.#loader.settle()
    log(builder, { prefix, group, bytes: this.#number(0xffff_ffff) })
  }

  /** `meta mark & a | b`: sets the bits of `b`, and clears others that are not in `a`. */
  #markBits(): void {
    const kept = this.#value(types.mark)
    const raised = this.#takes('|') ? this.#value(types.mark) : new Uint8Array(kept.length)
    const mask = kept.map((byte, n) => byte & ~(raised[n] as number))
    this.#loader.settle()
    loadMeta(builder, meta.mark, firstRegister)
    maskBits(builder, mask, raised, firstRegister)
    setMeta(builder, meta.mark)
  }

  #fill(how: 'add' | 'update'): void {
    const set = setName(this.#next())
    this.#expect('{')
    const key = this.#key()
    if (this.#takes('map')) {
      this.#loadCounted(key, setName(this.#next()))
      this.#expect('}')
      fill(builder, set, how, undefined)
      return
    }
    this.#loader.load(key)
    if (this.#takes('.')) {
      const number = this.#markNumber()
      if (!number) throw new SyntaxError('a number is missing')
      loadValue(builder, number, registerAt(wordsOf(key)))
    }
    const holding = this.#takes('}') ? undefined : this.#holding()
    fill(builder, set, how, holding)
  }

  /**
   * The first field, and behind it what a map has for all others. nft's grammar has no map within a key, and nft 1.0.6 aborts when it finds
   * one there in a rule. So the value comes to its place unseen by nft, which takes registers for what was loaded into them last, whatever
   * was moved: it prints that the map has a value that is not 0, which is all that decides, and a key that ends with 0.
   */
  #loadCounted([own, ...key]: readonly Looked[], map: string): void {
    if (!own || key.length === 0) throw new SyntaxError('a map is asked for nothing')
    const [behind, none] = [wordsOf([own]), new Uint8Array(4)]
    // Two words are moved at once: the last one of the key's first field, which is loaded behind, and the value.
    const [from, value] = [registerAt(behind + 1), registerAt(behind + 2)]
    this.#loader.load(key, behind + 1)
    translate(builder, map, { from, to: value })
    compare(builder, comparisons.unequal, none, value)
    loadValue(builder, none, registerAt(behind))
    move(builder, { from, to: registerAt(behind - 1), bytes: 8 })
    this.#loader.load([own])
  }

  #holding(): Holding {
    const holding = this.#takes('ct', 'count', 'over')
      ? { kind: 'connections' as const, most: this.#number(0xffff_ffff) }
      : this.#rate()
    this.#expect('}')
    return holding
  }

  #rate(): Holding {
    if (!this.#takes('limit', 'rate', 'over'))
      throw new SyntaxError('an element is held to what we do not know')
    const [, packets, unit] = /^([1-9]\d{0,8})\/(second|minute)$/.exec(this.#next()) ?? []
    if (packets === undefined) throw new SyntaxError('a rate is missing')
    this.#expect('burst')
    const burst = this.#number(0xffff_ffff)
    this.#expect('packets')
    return { kind: 'rate', packets: BigInt(packets), seconds: unit === 'second' ? 1n : 60n, burst }
  }

  /** Decimal. */
  #number(most: number): number {
    const word = this.#next()
    const value = Number(word)
    if (!/^(?:0|[1-9]\d{0,9})$/.test(word) || value > most)
      throw new SyntaxError(`${word} is no number up to ${most}`)
    return value
  }

  #value(type: ValueType): Uint8Array {
    return bytesOf(type, this.#next())
  }

  /** Fields with full stops between, some of them masked. A number behind them is left, with its full stop. */
  #key(): readonly Looked[] {
    const key: Looked[] = []
    do {
      const found = fieldAt(this.#words, this.#at)
      if (!found) throw new SyntaxError(`${this.#words[this.#at] ?? 'the end'} begins no field`)
      this.#at += found.length
      const { field } = found
      key.push(this.#takes('&') ? { field, mask: this.#value(field.type) } : { field })
    } while (!isMark(this.#words[this.#at + 1] ?? '') && this.#takes('.'))
    return key
  }

  #match(): void {
    const key = this.#key()
    const vmap = this.#takes('vmap')
    const not = !vmap && this.#takes('!=')
    const bits = !vmap && !not && this.#takes('!')
    if (!vmap && !not && !bits) this.#takes('==')
    const word = this.#next()
    if (word.startsWith('@') && !bits) {
      this.#loader.load(key)
      lookUp(builder, setName(word), { id: undefined, decides: vmap, not })
      if (vmap) this.#end()
      return
    }
    const [only, ...others] = key
    if (!only || others.length > 0) throw new SyntaxError('several fields can only be looked up')
    if (word === '{' && !bits) this.#among(only, vmap, not)
    else if (vmap) throw new SyntaxError('a map is missing')
    else if (only.mask ?? only.field.mask) this.#compareMasked(only, word, { not, bits })
    else if (only.field.flags) this.#compareBits(only.field, word, { not, bits })
    else if (bits) throw new SyntaxError('the field is no set of bits')
    else if (Object.hasOwn(operators, word) && !not) this.#compareNumber(only.field, word as '<' | '>=')
    else this.#compare(only.field, word, not)
  }

  #compareMasked(looked: Looked, word: string, { not, bits }: How): void {
    const { field, mask } = looked
    if (bits || field.flags || (mask && field.mask)) throw new SyntaxError('a field is masked twice')
    const value = bytesOf(field.type, word)
    if (mask && value.some((byte, n) => (byte & ~(mask[n] as number)) !== 0))
      throw new SyntaxError('the value has bits that are masked away')
    this.#loader.load([looked])
    compare(builder, not ? comparisons.unequal : comparisons.equal, value)
  }

  #compareBits(field: Field, word: string, { not, bits }: How): void {
    if (not) throw new SyntaxError('bits are not compared so')
    const value = bytesOf(field.type, word)
    const none = new Uint8Array(value.length)
    this.#loader.load([{ field }])
    maskBits(builder, value, none, firstRegister, true)
    compare(builder, bits ? comparisons.equal : comparisons.unequal, none)
  }

  #compareNumber(field: Field, operator: '<' | '>='): void {
    if (field.type.order !== 'network') throw new SyntaxError(`${operator} does not compare such a field`)
    const value = this.#value(field.type)
    this.#loader.load([{ field }])
    compare(builder, operators[operator], value)
  }

  #compare(field: Field, word: string, not: boolean): void {
    const { type } = field
    const how = not ? comparisons.unequal : comparisons.equal
    if (type === types.ifname && word.endsWith('*"')) {
      const value = bytesOf(type, `${word.slice(0, -2)}"`).subarray(0, word.length - 3)
      this.#loader.load([{ field }])
      compare(builder, how, value)
    } else if (type === types.ifname) this.#loader.compare(field, bytesOf(type, word), how)
    else if (word.includes('/')) this.#comparePrefix(field, word, how)
    else if (word.includes('-')) this.#compareRange(field, word, not)
    else this.#loader.compare(field, bytesOf(type, word), how)
  }

  #compareRange(field: Field, word: string, not: boolean): void {
    const { first, last } = rangeOf(field.type, word)
    this.#loader.load([{ field }])
    if (not) outside(builder, first, last)
    else {
      compare(builder, comparisons.greaterOrEqual, first)
      compare(builder, comparisons.lessOrEqual, last)
    }
  }

  /** Whole bytes are compared alone; of other prefixes the bits behind are masked away. */
  #comparePrefix(field: Field, word: string, how: number): void {
    const { type, place } = field
    const length = prefixLength(word, word.indexOf('/'), type)
    const { first, last } = rangeOf(type, word)
    if (length > 0 && length % 8 === 0 && place) {
      this.#loader.compareStart({ ...field, place }, first.subarray(0, length / 8), how)
      return
    }
    this.#loader.load([{ field }])
    const mask = first.map((byte, n) => ~(byte ^ (last[n] as number)))
    maskBits(builder, mask, new Uint8Array(mask.length), firstRegister, true)
    compare(builder, how, first)
  }

  /** `{ a, b }`, or `{ a : verdict }` of a map, behind the brace. */
  #among({ field, mask }: Looked, vmap: boolean, not: boolean): void {
    if (mask || field.mask) throw new SyntaxError('part of a field is looked up in sets with names alone')
    const end = this.#words.indexOf('}', this.#at)
    if (end < 0) throw new SyntaxError('a set does not end')
    const texts = this.#words.slice(this.#at, end).join(' ').split(', ')
    this.#at = end + 1
    const set = anonymousSet(field, vmap, texts)
    this.#loader.load([{ field }])
    lookUp(builder, anonymousName(vmap), { id: 0, decides: vmap, not })
    // The id is what a lookup ends with, but for eight bytes that say that it is inverted.
    this.#sets.push({ ...set, idAt: builder.length - (not ? 12 : 4) })
    if (vmap) this.#end()
  }
}

const wordsOf = (key: readonly Looked[]): number =>
  key.reduce((sum, { field }) => sum + ((field.type.bytes + 3) >> 2), 0)

function setName(word: string): string {
  if (!word.startsWith('@') || word.length < 2) throw new SyntaxError(`${word} is no set`)
  return word.slice(1)
}

function anonymousSet(field: Field, isMap: boolean, texts: readonly string[]): Omit<AnonymousSet, 'idAt'> {
  if (!isMap && texts.length < 2) throw new SyntaxError('a set of one value is that value')
  const interval = texts.some((text) => /^[^ ]*[/-]/.test(text))
  const layout = anonymousLayout(field, isMap, interval)
  const elements = texts.map((text) => {
    const [key = '', to, ...more] = text.split(' : ')
    if ((to !== undefined) !== isMap || more.length > 0) throw new SyntaxError(`${text} is no element`)
    return { key: elementKey(layout, key), to: to === undefined ? undefined : verdictOf(to) }
  })
  ofElements.clear()
  let size = elements.length
  if (interval) {
    elements.sort((a, b) => Buffer.compare(a.key.first, b.key.first))
    for (const [n, { key }] of elements.slice(1).entries()) {
      const next = after((elements[n] as (typeof elements)[number]).key.last)
      // nft would write one for both.
      if (!next || Buffer.compare(key.first, next) <= 0)
        throw new SyntaxError('ranges are no neighbours in a set')
    }
    // As nft counts: an end for each, and one at 0 where nothing begins there.
    size *= 2
    if (elements[0]?.key.first.some((byte) => byte !== 0)) {
      writeEnd(ofElements, new Uint8Array(layout.bytes))
      size++
    }
  }
  for (const { key, to } of elements) writeElement(ofElements, layout, key, to)
  return { layout, elements: Uint8Array.from(ofElements.finish()), size }
}
