/** Credentials with limits, which an inventory does not give. */
import { randomUUID } from 'node:crypto'
import { secretHash } from '../../src/service/authenticate.ts'
import { noCredential } from '../../src/service/context.ts'
import type { CredentialRecord, Storage } from '../../src/storage/storage.ts'

export interface MoreCredential {
  /** Presented as a bearer token, or as the secret key where an access key is given. */
  readonly secret: string
  readonly accessKey?: string
  /** Name of the account. */
  readonly account: string
  readonly scopes?: readonly string[]
  readonly profiles?: readonly string[]
  readonly servers?: readonly string[]
}

/** Keeps them in a store whose accounts are there. */
export async function keepCredentials(storage: Storage, more: readonly MoreCredential[]): Promise<void> {
  const accounts = new Map((await storage.accounts()).map(({ name, id }) => [name, id]))
  const actor = { account: '', actor: 'test', dialect: 'system', requestId: '', at: Date.now() } as const
  for (const each of more) {
    const credential = recordOf(each, accounts)
    const done = await storage.run(
      'createCredential',
      { credential },
      { ...actor, account: credential.account },
    )
    if (!done.ok) throw new Error(done.error.kind)
  }
}

function recordOf(
  { secret, accessKey, account: name, scopes = ['read', 'write'], profiles, servers }: MoreCredential,
  accounts: ReadonlyMap<string, string>,
): CredentialRecord {
  const account = accounts.get(name)
  if (account === undefined) throw new Error(`no account ${name}`)
  const hash = secretHash(secret)
  return {
    ...{ ...noCredential, id: randomUUID(), account },
    ...{ kind: accessKey === undefined ? 'token' : 'secret-key', lookup: hash, hash },
    ...{ scopes, profiles: profiles ?? null, servers: servers ?? null, label: `${secret.slice(0, 4)}…` },
    attributes: accessKey === undefined ? {} : { accessKey },
  }
}
