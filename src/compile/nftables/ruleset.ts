/** An nftables ruleset as values: chains of rules, named sets and maps, and the maps from device to verdict. */
import type { Family } from '../../core/net/address.ts'
import type { arpForm } from '../../core/semantics/evaluate-frame.ts'
import type { Rejection } from '../../core/semantics/rejection.ts'
import type { Range } from '../../core/sets/range.ts'
import type { Tracking } from './untracked.ts'

export type NftMatch =
  | { readonly kind: 'family'; readonly family: Family }
  /** Any of these IP protocols. */
  | { readonly kind: 'protocol'; readonly protocols: readonly number[] }
  | {
      readonly kind: 'address'
      readonly family: Family
      readonly side: 'source' | 'destination'
      readonly ranges: readonly Range<bigint>[]
      /** Holds for packets of the family that are not in the ranges. */
      readonly not?: true
    }
  /** `protocol` undefined: of whatever protocol an earlier match has allowed. */
  | {
      readonly kind: 'port'
      readonly protocol: number | undefined
      readonly side: 'source' | 'destination'
      readonly ranges: readonly Range<number>[]
    }
  | {
      readonly kind: 'icmp'
      readonly family: Family
      readonly field: 'type' | 'code'
      readonly value: number
    }
  | { readonly kind: 'source-mac'; readonly mac: string; readonly not?: true }
  /** The address that a neighbour solicitation or advertisement is about; only of these. */
  | { readonly kind: 'target'; readonly ranges: readonly Range<bigint>[] }
  /** How the interface identifier of an IPv6 source, or of a target, was chosen. */
  | {
      readonly kind: 'identifier'
      readonly of: 'source' | 'target'
      readonly as: 'derived' | 'small'
      readonly not?: true
    }
  /** TTL or hop limit. */
  | { readonly kind: 'hop-limit'; readonly family: Family; readonly value: number }
  /** Addressed to an address of this host. */
  | { readonly kind: 'to-host' }
  /** In a bridge: an answer to what the VM has asked; to one heard as its neighbour; to one that gave it an address. */
  | { readonly kind: 'remembered'; readonly as: 'asked' | 'neighbour' | 'server' }
  /** Any of these types; a tagged frame is of its tag's. */
  | { readonly kind: 'ether-type'; readonly types: readonly number[] }
  /** Any of these values in a field of ARP. */
  | { readonly kind: 'arp-form'; readonly field: keyof typeof arpForm; readonly values: readonly number[] }
  /** What ARP says of its sender. */
  | { readonly kind: 'arp-mac'; readonly mac: string }
  | { readonly kind: 'arp-address'; readonly ranges: readonly Range<bigint>[] }
  /** The packet has every field of the key, and an element of the set holds them. `not`: it has them, and none does. */
  | { readonly kind: 'in-set'; readonly set: NftSet; readonly not?: true }

/** A part of a packet that a named set looks up. A packet without it is in no set, and in the complement of none. */
export type NftKeyField =
  | { readonly kind: 'protocol' }
  | {
      readonly kind: 'address'
      readonly family: Family
      readonly side: 'source' | 'destination'
      /** Of how many leading bits, at least one and fewer than all; the others are 0 in elements. Absent: of all. */
      readonly length?: number
    }
  /** `protocol` absent: the port of whatever protocol an earlier match or another field of the key allows. */
  | { readonly kind: 'port'; readonly side: 'source' | 'destination'; readonly protocol?: number }
  | { readonly kind: 'icmp'; readonly family: Family; readonly field: 'type' | 'code' }
  | { readonly kind: 'source-mac' }
  /** The address that a neighbour solicitation or advertisement is about; the only field of its key. */
  | { readonly kind: 'target' }
  /** The IPv4 address that ARP says its sender has. */
  | { readonly kind: 'arp-address' }
  /** Index of the device at a hook; only the first field of a key. */
  | { readonly kind: 'device'; readonly hook: Hook }

export interface NftElement {
  /** One range for each field of the key, in its order; addresses and MACs as bigint, everything else as number. */
  readonly key: readonly Range<number | bigint>[]
  /** Id of the rule that decides about its packets; absent where no rule does. */
  readonly rule?: string
}

interface Keyed<E extends NftElement> {
  /** Unique in its table, and made of the content or of a policy's id: what keeps its name keeps its key. */
  readonly name: string
  /** At least one field. */
  readonly key: readonly NftKeyField[]
  /** Whether elements may be ranges; without it each holds one value a field, and the kernel hashes them. */
  readonly interval: boolean
  /** Disjoint: the kernel refuses elements that overlap. */
  readonly elements: readonly E[]
}
export type NftSet = Keyed<NftElement>
export type NftMap = Keyed<NftElement & { readonly verdict: NftVerdict }>
/** A map to numbers of what decides, as marks. */
export type NftNumbers = Keyed<NftElement & { readonly number: number }>

export type NftVerdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string }
  /** The chain ends here, and its caller goes on. */
  | { readonly kind: 'return' }
  /** The packet does not pass, and its sender is told so. */
  | { readonly kind: 'reject'; readonly with: Exclude<Rejection, 'silence'> }

/** What decides: its number (numbers.ts), or the map that has it for a packet; a rule holds for no packet that is in none of its elements. */
export type NftDeciding = number | NftNumbers

/** What a rule does with the packets that it holds for. */
export interface NftEnding {
  /** Counts them at the hook, for their device and what decides. Where there is no room to count, the rule does not hold. */
  readonly counts?: { readonly hook: Hook; readonly by: NftDeciding }
  /** Marks them with what decides: only what dies, since marks of what passes belong to others. */
  readonly marks?: NftDeciding
  readonly verdict: NftVerdict
}

export type NftRule =
  | ({ readonly matches: readonly NftMatch[] } & NftEnding)
  /** The verdict of the element that holds the packet; the rule does not match where none does. */
  | { readonly matches: readonly NftMatch[]; readonly lookup: NftMap }
  /** Established, related and invalid packets meet their verdicts, new ones go on. */
  | { readonly state: { readonly passed: NftVerdict; readonly invalid: NftVerdict } }
  /** Marks the packet as judged at that hook, and lets it pass. */
  | { readonly pass: Hook }
  /** Refuses what begins a connection beyond the limit of its device. */
  | { readonly limit: Hook }
  /** Counts the packet for its device and what decides, by its number or by the packet's mark, and goes on. */
  | { readonly count: Hook; readonly by: number | 'mark' }
  /** The same for the MAC of the receiver that rejects it, in a bridge, by the packet's mark. */
  | { readonly countAnswer: true }
  /** Counts the packet for its device as one that would not have passed, and goes on. */
  | { readonly observe: Hook }
  /** In nft's own words, about frames and fragments, or what decides nothing: whole IP packets pass it by. */
  | { readonly words: string }

export interface NftChain {
  readonly name: string
  readonly rules: readonly NftRule[]
}

export type Hook = 'from-vm' | 'to-vm'

export interface NftRuleset {
  /** By name. They carry the named sets and maps that their rules look packets up in. */
  readonly chains: ReadonlyMap<string, NftChain>
  /** Index of the device → what happens to packets from it, or to it. */
  readonly devices: Readonly<Record<Hook, ReadonlyMap<number, NftVerdict>>>
  /** Index of the device → what is asked first about packets that this host itself sends to it. */
  readonly link: ReadonlyMap<number, NftVerdict>
  /** Indexes of devices on which nothing is dropped, and what would have been is counted. */
  readonly observed: ReadonlySet<number>
  /** Index of the device → tracked connections that its VM may begin, and others towards it; absent: no limit. */
  readonly limits: ReadonlyMap<number, number>
  /** Whose packets are tracked and whose are not; absent: all are. Never in family bridge. */
  readonly tracking?: Tracking
  /** Only in family bridge. */
  readonly bridge?: {
    /** Index of the device → what happens to frames that are no IP packets. */
    readonly frames: Readonly<Record<Hook, ReadonlyMap<number, NftVerdict>>>
    /** MAC of a VM that rejects → where it is found out whether it rejects this packet, at its sender's port. */
    readonly answers: ReadonlyMap<string, NftVerdict>
  }
}
