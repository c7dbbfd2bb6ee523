/** Queries about counters and decisions → what the services are asked. */

import { outcomes } from '../../core/model/decision.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Direction } from '../../core/model/rule.ts'
import { ok, type Result } from '../../core/result.ts'
import type { DecisionFilter } from '../../service/decisions.ts'
import { choiceOf, momentOf, numberOf, textOf } from './decode-query.ts'

const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]

export interface RulesQuery {
  /** Days; absent: rules that are used, too. */
  readonly unused?: number
  readonly interface?: string
  readonly directions: readonly Direction[]
}

export function decodeRulesQuery(query: URLSearchParams): Result<RulesQuery, RequestError> {
  const unused = numberOf(query, 'unused', 36_500)
  if (!unused.ok) return unused
  const nic = textOf(query, 'interface')
  if (!nic.ok) return nic
  const direction = choiceOf(query, 'direction', directions)
  if (!direction.ok) return direction
  return ok({
    ...(unused.value !== undefined && { unused: unused.value }),
    ...(nic.value !== undefined && { interface: nic.value }),
    directions: direction.value === undefined ? directions : [direction.value],
  })
}

export interface DecisionsQuery {
  readonly filter: DecisionFilter
  /** Milliseconds since 1970. */
  readonly since: number
  readonly limit: number
}

export function decodeDecisionsQuery(query: URLSearchParams): Result<DecisionsQuery, RequestError> {
  const direction = choiceOf(query, 'direction', directions)
  if (!direction.ok) return direction
  const outcome = choiceOf(query, 'outcome', outcomes)
  if (!outcome.ok) return outcome
  const named: Partial<Record<'server' | 'interface' | 'policy' | 'rule', string>> = {}
  for (const name of ['server', 'interface', 'policy', 'rule'] as const) {
    const text = textOf(query, name)
    if (!text.ok) return text
    if (text.value !== undefined) named[name] = text.value
  }
  const since = momentOf(query, 'since')
  if (!since.ok) return since
  const limit = numberOf(query, 'limit', 1000)
  if (!limit.ok) return limit
  return ok({
    filter: {
      ...named,
      ...(direction.value !== undefined && { direction: direction.value }),
      ...(outcome.value !== undefined && { outcome: outcome.value }),
    },
    since: since.value ?? 0,
    limit: limit.value ?? 100,
  })
}

/** Whether a client asks for a stream of events: it names that type, and no other with more weight. */
export function wantsEvents(accept: string | string[] | undefined): boolean {
  const weights = new Map(
    String(accept ?? '')
      .toLowerCase()
      .split(',')
      .map((part) => {
        const [type = '', ...parameters] = part.split(';').map((each) => each.trim())
        const weight = parameters.find((each) => each.startsWith('q='))
        return [type, weight === undefined ? 1 : Number(weight.slice(2)) || 0] as const
      }),
  )
  const events = weights.get('text/event-stream') ?? 0
  return events > 0 && events >= (weights.get('application/json') ?? 0)
}
