/** Runs one write, whichever engine drives its statements. */
import type { Job } from '../driver.ts'
import { type Program, watched } from '../statement.ts'
import type { RevisionRecord } from '../storage.ts'
import { remember } from './common.ts'
import { programs } from './index.ts'

export interface Running {
  readonly steps: Program<unknown>
  /** What it has recorded so far: true when its transaction is committed, and only if the program keeps what it wrote. */
  readonly changes: readonly RevisionRecord[]
}

export function running(job: Job): Running {
  const changes: RevisionRecord[] = []
  const steps = watched(once(job), ({ change }) => {
    if (change) changes.push(change)
  })
  return { steps, changes }
}

function* once({ program: name, args, actor }: Job): Program<unknown> {
  const remembered = yield* remember(actor)
  if (!remembered.ok) return remembered
  const program = programs[name] as (args: Job['args'], actor: Job['actor']) => Program<unknown>
  return yield* program(args, actor)
}
