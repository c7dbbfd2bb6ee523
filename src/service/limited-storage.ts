/**
 * The store as a credential with limits may see it: what is beyond them is not there, and what is wider is not written.
 *
 * Services of such a credential are made over this view and know nothing of limits. Every read and every program has its
 * line here or in the two tables it is made of: one that is new does not compile until somebody has decided.
 */
import { err } from '../core/result.ts'
import type { ProgramName, Programs, Storage } from '../storage/storage.ts'
import { limitedReads } from './limited-reads.ts'
import { limitedWrites, type Refusal } from './limited-writes.ts'
import type { Limits } from './limits.ts'

export function limitStorage(storage: Storage, limits: Limits): Storage {
  const reads = limitedReads(storage, limits)
  const writes = limitedWrites(storage, reads, limits)
  return {
    ...reads,
    async run<P extends ProgramName>(
      program: P,
      args: Programs[P]['args'],
      actor: Parameters<Storage['run']>[2],
    ) {
      const refusal = await (writes[program] as (args: Programs[P]['args']) => Promise<Refusal>)(args)
      return refusal ? err(refusal) : storage.run(program, args, actor)
    },
    engine: storage.engine,
    onCommit: storage.onCommit,
    onTransaction: storage.onTransaction,
    activity: storage.activity,
    size: storage.size,
    clock: storage.clock,
    check: storage.check,
    close: storage.close,
  }
}
