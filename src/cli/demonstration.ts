/** When the demonstration, whose credentials are public, may be applied. */
import { createHash } from 'node:crypto'

/** What `serve` starts with when it is given no inventory. */
export interface Demonstration {
  /** The inventory file. */
  readonly text: string
  /** By which a store is known to hold it: the name of its account, and a token of that. */
  readonly account: string
  readonly token: string
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
