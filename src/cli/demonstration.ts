/** When the demonstration, whose credentials are public, may be served and applied. */
import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIpv4Mapped, parseAddress } from '../core/net/address.ts'

/** What `serve` starts with when it is given no inventory. */
export interface Demonstration {
  /** The inventory file. */
  readonly text: string
  /** By which a store is known to hold it: the name of its account, and a token of that. */
  readonly account: string
  readonly token: string
}

/**
 * Why the demonstration cannot be served there, in one line; undefined when it can. Its credentials are public, so it
 * is for programs on the same machine only.
 */
export async function notToBeShown(host: string): Promise<string | undefined> {
  const addresses = await lookup(host, { all: true }).catch(() => [{ address: host }])
  if (addresses.length > 0 && addresses.every(({ address }) => isLoopback(address))) return undefined
  return `without --inventory there is only the demonstration, whose credentials are public: ${host} is not loopback, so name an inventory`
}

function isLoopback(text: string): boolean {
  const address = parseAddress(text)
  if (!address.ok) return false
  const { family, value } = address.value
  const ipv4 = family === 'ipv4' ? value : isIpv4Mapped(address.value) ? value & 0xffffffffn : undefined
  return ipv4 === undefined ? value === 1n : ipv4 >> 24n === 127n
}

/** What there is of a store here. */
export interface Inventoried {
  accounts(): Promise<readonly { readonly name: string; readonly origin: 'inventory' | 'api' | null }[]>
  credential(kind: 'token', lookup: string): Promise<unknown>
}

/**
 * Whether a store holds nothing, or the demonstration and no other inventory: it may then be applied without ending anything else.
 * What was made through the API beside it stays.
 */
export async function mayDemonstrate(
  store: Inventoried,
  { account, token }: Pick<Demonstration, 'account' | 'token'>,
): Promise<boolean> {
  const accounts = await store.accounts()
  if (accounts.length === 0) return true
  const known = await store.credential('token', createHash('sha256').update(token).digest('hex'))
  return (
    known !== undefined && accounts.every(({ name, origin }) => name === account || origin !== 'inventory')
  )
}
