/** What the kernel should do to a packet for a verdict. */
import type { Fate } from '../../src/compile/nftables/interpret.ts'
import type { Action } from '../../src/core/model/rule.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { rejectionOf } from '../../src/core/semantics/rejection.ts'

/** `told`: whether a sender can be told there that its packet is rejected. */
export function fate(action: Action, packet: Packet, told = true): Fate {
  if (action !== 'reject') return action === 'allow' ? 'accept' : 'drop'
  const rejection = rejectionOf(packet)
  return rejection === 'silence' || !told ? 'drop' : rejection
}
