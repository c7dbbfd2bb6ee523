/** Tells the log what this process committed: a line for each write that changed something, however much it changed. */
import type { Storage } from '../../storage/storage.ts'

interface Log {
  info(fields: object, text: string): void
}

/** Answers how to stop. */
export function logChanges(storage: Pick<Storage, 'onTransaction'>, log: Log): () => void {
  return storage.onTransaction(({ changes }) => {
    for (const [first, ...others] of changes) {
      // Who logs in changes nothing; whoever may not is told of in numbers.
      if (!first || first.operation.startsWith('login.')) continue
      const { at: _, credential, server, policy, requestId, ...fields } = first
      const more = {
        ...(credential && { credential: credential.id, credentialLabel: credential.label }),
        ...(server !== null && { server }),
        ...(policy !== null && { policy }),
        ...(requestId !== '' && { reqId: requestId }),
        // The inventory says what it did to credentials in events of their own, which the audit has.
        ...(others.length > 0 && { lastRevision: others.at(-1)?.revision }),
      }
      log.info(printable({ ...fields, ...more }), 'changed')
    }
  })
}

/**
 * Characters that JSON leaves as they are and that a terminal, or who reads the log in one, could be misled by: DEL and C1
 * controls, line separators, and what turns the direction of text.
 */
const misleading = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Names are the tenants': what could do something where the log is read is written as its number. */
const printable = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string'
        ? value.replace(misleading, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
        : value,
    ]),
  )
