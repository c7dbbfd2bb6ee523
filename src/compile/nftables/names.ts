/** Names in the kernel: told from the model's ids, readable, and never more than nft can take. */
import type { Direction } from '../../core/model/rule.ts'
import type { Hook } from './ruleset.ts'

export const table = 'inet portcullis'

/** Releases devices that are ports of a bridge, where `table` does not see their packets. */
export const bridgeTable = 'bridge portcullis'

/** What keeps devices closed until `table` has judged their packets: one text in both families. */
export const guardTables = ['inet portcullis-guard', 'bridge portcullis-guard'] as const

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

/** `part` is told only where there are several. An observed list differs in what its rules do. */
export function policyChain(policy: string, direction: Direction, part: number, observed: boolean): string {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(policy))
    throw new Error(`no policy can be called ${JSON.stringify(policy)}`)
  const of = `policy.${policy}.${part === 0 ? '' : `${part}.`}${short[direction]}`
  return observed ? `observed.${of}` : of
}

/** `kind` tells apart what is essential on one interface and not on another; `protocol` what is asked about one protocol. */
export const essentialsChain = (direction: Direction, kind: string, protocol?: number): string =>
  `essentials.${kind}.${short[direction]}${protocol === undefined ? '' : `.${protocol}`}`

/** What may be sent from an address that is not the sender's own. */
export const unownedChain = (observed: boolean): string => `${observed ? 'observed.' : ''}unowned`

/** Where packets go that pass: it marks them as judged. */
export const passChain = (direction: Direction): string => `pass.${short[direction]}`

/** Where packets of stateful policies are looked up among the known connections. */
export const stateChain = (direction: Direction, observed: boolean): string =>
  `${observed ? 'observed.' : ''}state.${short[direction]}`

/** Where packets of observed devices go that would not have passed. */
export const denialChain = (direction: Direction): string => `observed.denied.${short[direction]}`

/** Where packets go that do not pass and whose sender is told. */
export const rejectionChain = 'rejection'

/** A chain that nothing enters: its state rule makes the kernel track connections and put fragments together. */
export const trackingChain = 'tracking'

/** What connection tracking cannot follow, dropped where a policy is stateful. */
export const untrackedChain = (direction: Direction, observed: boolean): string =>
  `${observed ? 'observed.' : ''}untracked.${short[direction]}`
