/** What packets have met: counters of everything that decides, and samples of what was decided. */
import { ok } from '../../core/result.ts'
import { isOperator } from '../../service/context.ts'
import type { Step } from '../../service/hits.ts'
import { interfaceCalled } from '../../service/pick.ts'
import type { Route } from '../dialect.ts'
import { decisionEvents } from './decision-events.ts'
import { decodeDecisionsQuery, decodeRulesQuery, wantsEvents } from './decode-traffic.ts'
import { encodeDecision, encodeInterfaceRules } from './encode-traffic.ts'
import { answering, identifier, routesOf } from './endpoint.ts'
import { DecisionList, DecisionQuery, RuleCounts, RuleCountsQuery } from './schemas-traffic.ts'

const dayMs = 24 * 60 * 60 * 1000

const rules = routesOf([
  {
    method: 'GET',
    path: '/servers/:id/rules',
    operators: true,
    operation: 'listServerRules',
    summary:
      'Everything that decides about the packets of a server, in its order, with what it has counted; `unused` lists rules that nothing hits',
    schema: { query: RuleCountsQuery, answer: RuleCounts },
    handle: async (request) => {
      const id = identifier(request, 'server')
      if (!id.ok) return id
      const query = decodeRulesQuery(request.query)
      if (!query.ok) return query
      const found = await request.services.hits.rulesOf(request, id.value)
      if (!found.ok) return found
      const { server, interfaces } = found.value
      const { unused, interface: called, directions } = query.value
      const only = called === undefined ? undefined : interfaceCalled(called, interfaces)
      if (only?.ok === false) return only
      const listed =
        unused === undefined ? () => true : (step: Step) => isUnused(step, request.now - unused * dayMs)
      return ok({
        server: server.id,
        interfaces: (only ? [only.value] : interfaces).map((each) =>
          encodeInterfaceRules(each, listed, directions),
        ),
      })
    },
  },
])

/** A rule that is used where its policy is shared is used; one of which it is not known is not called unused. */
const isUnused = ({ rule, unusedSince, sum }: Step, before: number): boolean =>
  rule !== undefined && unusedSince !== null && unusedSince <= before && (sum?.lastHit ?? 0) <= before

const decisions = answering([
  {
    method: 'GET',
    path: '/decisions',
    operators: true,
    operation: 'listDecisions',
    summary:
      'Samples of packets that were denied, rejected, or let pass where that is told: the last 1,000 of each interface, newest first; with `Accept: text/event-stream` as they come',
    schema: {
      ...{ query: DecisionQuery, answer: DecisionList },
      events: {
        decision: 'a decision, as in the list; its id is for `Last-Event-ID`',
        lost: 'how many were not sent before the next, because they came faster than they were read: `{"lost":12}`',
        error: 'a problem, after which the stream ends',
      },
    },
    handle: async (request) => {
      const query = decodeDecisionsQuery(request.query)
      if (!query.ok) return query
      const { filter, since, limit } = query.value
      const service = request.services.decisions
      const events = wantsEvents(request.headers.accept)
      const kept = await service.recent(request, { ...filter, limit: events ? 1 : limit })
      if (!kept.ok) return kept
      if (!events) {
        const newest = kept.value.filter(({ at }) => at >= since).toReversed()
        return ok({
          status: 200,
          body: { decisions: newest.map((each) => encodeDecision(each, isOperator(request.principal))) },
        })
      }
      const last = request.headers['last-event-id']
      // Nothing has the empty id: all that are kept come first.
      const after = typeof last === 'string' && last !== '' ? last : since > 0 ? '' : undefined
      return ok({
        status: 200,
        headers: {
          ...{ 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
          // Proxies of the kind of nginx would keep events until there are many.
          'x-accel-buffering': 'no',
        },
        stream: (signal) =>
          decisionEvents(
            service,
            request,
            { ...filter, ...(after !== undefined && { after }) },
            since,
            signal,
          ),
      })
    },
  },
])

export const trafficRoutes: readonly Route[] = [...rules, ...decisions]
