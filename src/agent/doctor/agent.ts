/** Whether an agent runs on this host, and what it says of itself. */
import type { AgentStanding } from '../../core/model/local.ts'
import type { Result } from '../../core/result.ts'
import { type Finding, type Findings, findingsOn } from './finding.ts'

const about = findingsOn('agent')

export interface AgentExpected {
  /** Whether this host is configured for one. */
  readonly configured: boolean
  /** A command that starts it. */
  readonly start: string
  /** As the service calls it; undefined: nobody has said. */
  readonly host: string | undefined
}

/** `said`: over its socket; `absent`: nothing listens there. */
export function examineAgent(
  said: Result<AgentStanding, { readonly absent: boolean; readonly text: string }>,
  { configured, start, host }: AgentExpected,
): Findings {
  if (!said.ok) {
    const { absent, text } = said.error
    if (!absent)
      return [about.failure(text, 'run the doctor as root or as the agent’s user; else restart it')]
    return [
      configured
        ? about.failure(`${text}: what is in force stays, and no guest starts that waits for it`, start)
        : about.warning(
            `${text}, and this host is not configured for one: what is closed stays closed`,
            start,
          ),
    ]
  }
  const { unclaimed, warnings } = said.value
  return [
    ofRound(said.value),
    ofService(said.value),
    unclaimed === 0
      ? about.ok('every device that the service was told of has an interface')
      : about.warning(
          `${unclaimed} ${unclaimed === 1 ? 'device is' : 'devices are'} no interface’s, and closed where the guard names them`,
          `portcullis host unclaimed ${host ?? 'HOST'}, on the service: it says of each why, and what adopts it`,
        ),
    ...warnings.map((each) => about.warning(`it says: ${each}`)),
  ]
}

function ofRound({ state, error }: AgentStanding): Finding {
  if (state === 'starting') return about.warning('it runs, and enforces nothing yet: all is closed')
  if (state === 'failing' || error !== null)
    return about.failure(`it runs, and cannot enforce: ${error ?? 'for no known reason'}`)
  return about.ok(state === 'applied' ? 'it runs, and enforces' : 'it runs, and is just applying a change')
}

function ofService({ silentMs }: AgentStanding): Finding {
  const remedy = 'what is enforced stays; look at the lines on the service, and at its log'
  if (silentMs === 0) return about.ok('it hears the service')
  return silentMs === null
    ? about.failure('it has heard no service since it started', remedy)
    : about.failure(`it has heard no service for ${Math.max(1, Math.round(silentMs / 1000))} s`, remedy)
}
