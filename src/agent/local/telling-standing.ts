/** Tells whoever operates the host how its agent is, as of its last round: nothing is waited for. */
import type { AgentStanding } from '../../core/model/local.ts'
import type { Standing } from './standing.ts'

/** `present`: names of the devices that the kernel has now. */
export async function tellStanding(
  standing: Standing,
  present: () => Promise<readonly string[]>,
): Promise<AgentStanding> {
  const names = new Set(await present())
  const words = standing.host()
  return {
    answer: 'standing',
    state: words?.state ?? 'starting',
    error: words?.error ?? null,
    silentMs: standing.silentMs(),
    unclaimed: standing.unclaimed().filter((name) => names.has(name)).length,
    warnings: words?.warnings ?? [],
  }
}
