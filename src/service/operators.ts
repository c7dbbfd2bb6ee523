/** Credentials of operators: made, rotated and ended on the machine, in the store itself. Through an API nobody makes one. */
import { randomUUID } from 'node:crypto'
import { err, ok } from '../core/result.ts'
import type { Actor, CredentialRecord, Storage } from '../storage/storage.ts'
import { noCredential } from './context.ts'
import type { WithSecret } from './credentials.ts'
import type { Outcome } from './outcome.ts'
import { type NewSecret, newToken } from './secrets.ts'

export interface NewOperator {
  /** Unique among operators. */
  readonly name: string
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
}

export interface OperatorService {
  /** By name. */
  list(): Promise<readonly CredentialRecord[]>
  /** `secret`: absent: a new one. With `first` only where there is none yet: `conflict` (credential). */
  create(
    wanted: NewOperator,
    now: number,
    options?: { readonly secret?: NewSecret; readonly first?: true },
  ): Outcome<WithSecret>
  /** The secret that it has holds on for `overlap` seconds. */
  rotate(name: string, overlap: number, now: number): Outcome<WithSecret>
  revoke(name: string, now: number): Outcome<unknown>
}

/** `by`: what the audit calls who does it. */
export function createOperatorService(storage: Storage, by: string): OperatorService {
  const actorAt = (at: number): Actor => ({ account: '', actor: by, dialect: 'system', requestId: '', at })

  async function list(): Promise<readonly CredentialRecord[]> {
    const all: CredentialRecord[] = []
    const limit = 1000
    for (let after: readonly string[] | null = null; ; ) {
      const page: readonly CredentialRecord[] = await storage.credentialPage(
        { holder: 'operator', now: 0 },
        { after, limit },
      )
      all.push(...page)
      const last = page.at(-1)
      if (page.length < limit || !last) break
      after = [last.id]
    }
    return all.sort((a, b) => (a.label < b.label ? -1 : 1))
  }

  async function called(name: string): Outcome<CredentialRecord> {
    const found = (await list()).find(({ id, label }) => label === name || id === name)
    return found ? ok(found) : err({ kind: 'not-found', resource: 'credential', id: name })
  }
  const targetOf = ({ id, revision }: CredentialRecord) => ({ id, account: null, ifRevision: revision })

  return {
    list,
    async create({ name, expiresAt }, now, { secret = newToken(), first } = {}) {
      const credential: CredentialRecord = {
        ...{ ...noCredential, ...secret.stored, id: randomUUID(), holder: 'operator', label: name },
        ...{ expiresAt, createdAt: now },
      }
      const done = await storage.run(
        'createCredential',
        { credential, ...(first && { first }) },
        actorAt(now),
      )
      return done.ok
        ? ok({ credential: { ...credential, revision: done.value.revision }, secret: secret.told })
        : done
    },
    async rotate(name, overlap, now) {
      const found = await called(name)
      if (!found.ok) return found
      const { stored, told } = newToken()
      const args = { target: targetOf(found.value), secret: stored, until: now + overlap * 1000 }
      const done = await storage.run('rotateCredential', args, actorAt(now))
      if (!done.ok) return done
      const credential = await storage.credentialById(found.value.id)
      return ok({ credential: credential ?? found.value, secret: told })
    },
    async revoke(name, now) {
      const found = await called(name)
      return found.ok
        ? storage.run('revokeCredential', { target: targetOf(found.value) }, actorAt(now))
        : found
    },
  }
}
