/** Runs one write, whichever engine drives its statements. */
import type { Job } from '../driver.ts'
import { type Program, watched } from '../statement.ts'
import type { RevisionRecord } from '../storage.ts'
import { programs } from './index.ts'

export interface Running {
  readonly steps: Program<unknown>
  /** What it has recorded so far: true when its transaction is committed, and only if the program keeps what it wrote. */
  readonly changes: readonly RevisionRecord[]
}

export function running(job: Job): Running {
  const program = programs[job.program] as (args: Job['args'], actor: Job['actor']) => Program<unknown>
  const changes: RevisionRecord[] = []
  const steps = watched(program(job.args, job.actor), ({ change }) => {
    if (change) changes.push(change)
  })
  return { steps, changes }
}
