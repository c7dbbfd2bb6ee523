/** Names in the kernel: told from the model's ids, readable, and never more than nft can take. */
import type { Direction } from '../../core/model/rule.ts'
import type { Hook } from './ruleset.ts'

export const table = 'inet portcullis'

/** Packets that come from a VM are its egress, and the other way round. */
export const hookOf = { egress: 'from-vm', ingress: 'to-vm' } as const satisfies Record<Direction, Hook>

const short = { ingress: 'in', egress: 'out' } as const satisfies Record<Direction, string>

/** A network device as we accept it: what the kernel takes, without characters that mean something to nft. */
export function isDeviceName(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,15}$/.test(text) && text !== '.' && text !== '..'
}

/** Throws on names that `isDeviceName` refuses: they are kept out at the rim, and must not be guessed at here. */
export function interfaceChain(device: string, direction: Direction): string {
  if (!isDeviceName(device)) throw new Error(`no device can be called ${JSON.stringify(device)}`)
  return `${short[direction]}.${device}`
}

/** `part` is told only where there are several. */
export function policyChain(policy: string, direction: Direction, part: number): string {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(policy))
    throw new Error(`no policy can be called ${JSON.stringify(policy)}`)
  return `policy.${policy}.${part === 0 ? '' : `${part}.`}${short[direction]}`
}

/** `kind` tells apart what is essential on one interface and not on another. */
export const essentialsChain = (direction: Direction, kind: string): string =>
  `essentials.${kind}.${short[direction]}`

/** Where packets go that do not pass and whose sender is told. */
export const rejectionChain = 'rejection'

/** A chain that nothing enters: its state rule makes the kernel track connections and put fragments together. */
export const trackingChain = 'tracking'

/** What connection tracking cannot follow, dropped where a policy is stateful. */
export const untrackedChain = 'untracked'
