/**
 * Loads what a rule looks at, and asks before what nft 1.0.6 asks without being told: the protocol before a field of its
 * header, say. Fields that are neighbours in the packet are compared at once, as there.
 */
import type { MessageBuilder } from '../../netlink/message.ts'
import { compare, firstRegister, loadMeta, loadPayload, maskBits, registerAt } from './expressions.ts'
import type { Field, Needs, Network } from './fields.ts'
import { bytesOf, types } from './types.ts'
import { bases, comparisons, type Family, meta } from './uapi.ts'

/** A field, or the bits of it that the mask has. */
export interface Looked {
  readonly field: Field
  readonly mask?: Uint8Array
}

/** A comparison that its neighbour in the packet may join. */
interface Waiting {
  readonly base: number
  readonly offset: number
  readonly bytes: Uint8Array
}

const frameTypes = { ip: 0x0800, ip6: 0x86dd, arp: 0x0806 } as const satisfies Record<Network, number>
const networks: ReadonlyMap<number, Network> = new Map(
  Object.entries(frameTypes).map(([network, type]) => [type, network as Network]),
)
const familyNumbers = { ip: 2, ip6: 10 } as const
/** Registers of four bytes. */
const registers = 16
/** What one comparison holds. */
const mostAtOnce = 16
/** The kernel reads so many bytes faster than more. */
const fastBytes = 4

/** For one rule. Throws SyntaxError where a rule asks for what excludes itself. */
export class Loader {
  readonly #builder: MessageBuilder
  readonly #family: Family
  /** What the packet is known to be, from what was asked so far. */
  #ethernet: boolean
  #network: Network | undefined
  #transport: number | undefined
  #waiting: Waiting | undefined

  constructor(builder: MessageBuilder, family: Family) {
    this.#builder = builder
    this.#family = family
    this.#ethernet = family === 'bridge'
  }

  get network(): Network | undefined {
    return this.#network
  }

  get transport(): number | undefined {
    return this.#transport
  }

  /** Loads fields side by side, each from a word of its own: the first one into the register that is `from` words behind the first. */
  load(key: readonly Looked[], from = 0): void {
    for (const { field } of key) this.#ask(field.needs)
    this.settle()
    let words = from
    for (const { field, mask = field.mask } of key) {
      const register = registerAt(words)
      field.load(this.#builder, register)
      if (mask) maskBits(this.#builder, mask, new Uint8Array(mask.length), register)
      words += (field.type.bytes + 3) >> 2
    }
    if (words > registers) throw new SyntaxError('a key is longer than all registers')
  }

  /** Compares a whole field with a value. */
  compare(field: Field, bytes: Uint8Array, how: number): void {
    if (field.place && how === comparisons.equal) {
      this.#ask(field.needs)
      this.#wait({ ...field.place, bytes })
    } else {
      this.load([{ field }])
      compare(this.#builder, how, bytes)
    }
    if (how === comparisons.equal) this.#learn(field, bytes)
  }

  /** Compares the first bytes of a field that stands in the packet. */
  compareStart(
    { place, needs }: Field & Required<Pick<Field, 'place'>>,
    bytes: Uint8Array,
    how: number,
  ): void {
    this.#ask(needs)
    this.settle()
    loadPayload(this.#builder, place.base, place.offset, bytes.length, firstRegister)
    compare(this.#builder, how, bytes)
  }

  /** Writes what waits for a neighbour: before anything else is written. */
  settle(): void {
    if (!this.#waiting) return
    const { base, offset, bytes } = this.#waiting
    this.#waiting = undefined
    loadPayload(this.#builder, base, offset, bytes.length, firstRegister)
    compare(this.#builder, comparisons.equal, bytes)
  }

  #learn({ type, place }: Field, [first = 0, second = 0]: Uint8Array): void {
    if (type === types.nf_proto) {
      this.#network = first === familyNumbers.ip ? 'ip' : first === familyNumbers.ip6 ? 'ip6' : undefined
    } else if (type === types.ether_type && place?.base !== bases.network)
      this.#network = networks.get(256 * first + second)
    else if (type === types.inet_proto && !place) this.#transport = first
  }

  #ask({ ethernet, network, ofFrame = false, transport }: Needs): void {
    if (ethernet && !this.#ethernet) {
      this.#askMeta(meta.iiftype, bytesOf(types.iface_type, '1'))
      this.#ethernet = true
    }
    if (network !== undefined && network !== this.#network) {
      if (this.#network !== undefined) throw new SyntaxError(`nothing is of ${this.#network} and ${network}`)
      this.#askNetwork(network, ofFrame)
      this.#network = network
    }
    if (transport !== undefined && transport !== this.#transport) {
      if (this.#transport !== undefined)
        throw new SyntaxError(`nothing is of protocols ${this.#transport} and ${transport}`)
      this.#askMeta(meta.l4proto, Uint8Array.of(transport))
      this.#transport = transport
    }
  }

  #askNetwork(network: Network, ofFrame: boolean): void {
    const type = bytesOf(types.ether_type, String(frameTypes[network]))
    if (this.#family === 'bridge' ? ofFrame : this.#ethernet)
      this.#wait({ base: bases.link, offset: 12, bytes: type })
    else if (this.#family === 'bridge') this.#askMeta(meta.protocol, type)
    else if (network === 'arp') throw new SyntaxError('ARP is not seen in this family')
    else this.#askMeta(meta.nfproto, Uint8Array.of(familyNumbers[network]))
  }

  #askMeta(key: number, bytes: Uint8Array): void {
    this.settle()
    loadMeta(this.#builder, key, firstRegister)
    compare(this.#builder, comparisons.equal, bytes)
  }

  #wait({ base, offset, bytes }: Waiting): void {
    const before = this.#waiting
    if (before && before.base === base && before.offset + before.bytes.length === offset) {
      const total = before.bytes.length + bytes.length
      const fast = before.bytes.length <= fastBytes && bytes.length <= fastBytes
      if (total <= mostAtOnce && (total <= fastBytes || !fast)) {
        this.#waiting = { base, offset: before.offset, bytes: Buffer.concat([before.bytes, bytes]) }
        return
      }
    }
    this.settle()
    this.#waiting = { base, offset, bytes }
  }
}
