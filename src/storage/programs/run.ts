/** Runs one write, whichever engine drives its statements. */

import { err } from '../../core/result.ts'
import type { Job } from '../driver.ts'
import { keeps, type Program, watched } from '../statement.ts'
import type { RevisionRecord } from '../storage.ts'
import { remember } from './common.ts'
import { programs } from './index.ts'
import { createTally, type Tally } from './usage.ts'

export interface Running {
  readonly steps: Program<unknown>
  /** What it has recorded so far: true when its transaction is committed, and only if the program keeps what it wrote. */
  readonly changes: readonly RevisionRecord[]
}

export function running(job: Job): Running {
  const changes: RevisionRecord[] = []
  const tally = createTally()
  const steps = watched(settled(job, tally), ({ changes: recorded = [], counts }) => {
    changes.push(...recorded)
    if (counts) tally.add(counts)
  })
  return { steps, changes }
}

function* settled(job: Job, tally: Tally): Program<unknown> {
  const result = yield* once(job)
  if (!result.ok) return result
  const refused = yield* tally.settle(job.program, keeps(result))
  return refused ? err(refused) : result
}

function* once({ program: name, args, actor }: Job): Program<unknown> {
  const remembered = yield* remember(actor)
  if (!remembered.ok) return remembered
  const program = programs[name] as (args: Job['args'], actor: Job['actor']) => Program<unknown>
  return yield* program(args, actor)
}
