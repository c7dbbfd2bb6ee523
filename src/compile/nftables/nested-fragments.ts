/**
 * Fragments of IPv6 behind a fragment header that says the packet is whole. Where packets are routed the kernel puts
 * fragments together before us, but looks at the first fragment header alone. Of these the later ones have no ports, so
 * no rule about ports would hold for them.
 */
import type { Direction } from '../../core/model/rule.ts'
import { words } from './bridge.ts'
import { endingText } from './endings.ts'
import { fragmentsChain, type Purpose } from './names.ts'
import type { NftChain, NftEnding, NftRule } from './ruleset.ts'

export const toNestedFragments = (direction: Direction, purpose: Purpose): NftRule[] =>
  words(`exthdr frag 1 jump ${fragmentsChain(direction, 6, purpose)}`)

export const nestedFragmentsOf = (direction: Direction, purpose: Purpose, deny: NftEnding): NftChain => ({
  name: fragmentsChain(direction, 6, purpose),
  rules: words('@th,0,64 >= 0x0 return', endingText(deny)),
})
