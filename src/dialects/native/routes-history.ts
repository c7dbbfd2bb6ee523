/** Who changed what, how it differs, and how it is undone. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { isOperator, isOverAll } from '../../service/context.ts'
import type { HistoryQuery as Query } from '../../service/history.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { momentOf, numberOf, textOf } from './decode-query.ts'
import { encodeDiff, encodeEvent, encodeReverted, encodeRevision } from './encode-history.ts'
import { bodyOf, identifier, resources, routesOf } from './endpoint.ts'
import {
  Event,
  EventList,
  HistoryQuery,
  Reverted,
  RevertRequest,
  RevisionDiff,
  RevisionList,
} from './schemas-history.ts'

export const historyRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/revisions',
      operation: 'listRevisions',
      summary: 'Committed changes, newest first',
      operators: true,
      schema: { query: HistoryQuery, answer: RevisionList },
      handle: async (request) => {
        const query = decodeQuery(request)
        if (!query.ok) return query
        const { items, next } = await request.services.history.revisions(request, query.value)
        return ok({ revisions: items.map((each) => encodeRevision(each, request.principal)), next })
      },
    },
    {
      method: 'GET',
      path: '/revisions/:revision',
      operation: 'getRevision',
      summary: 'One change, with what was before and after',
      operators: true,
      schema: { answer: Event },
      handle: async (request) => {
        const revision = revisionOf(request)
        if (!revision.ok) return revision
        const event = await request.services.history.revision(request, revision.value)
        return event.ok ? ok(encodeEvent(event.value, request.principal)) : event
      },
    },
    {
      method: 'GET',
      path: '/revisions/:revision/diff',
      operation: 'getRevisionDiff',
      summary: 'How one change differs from what was before: rules, settings and fields',
      operators: true,
      schema: { answer: RevisionDiff },
      handle: async (request) => {
        const revision = revisionOf(request)
        if (!revision.ok) return revision
        const diff = await request.services.history.diff(request, revision.value)
        return diff.ok ? ok(encodeDiff(diff.value, request.principal)) : diff
      },
    },
    {
      method: 'GET',
      path: '/audit',
      operation: 'listAudit',
      summary:
        'Committed changes with what was before and after, newest first; about a megabyte at most, then go on at `next`',
      operators: true,
      schema: { query: HistoryQuery, answer: EventList },
      handle: async (request) => {
        const query = decodeQuery(request)
        if (!query.ok) return query
        const { items, next } = await request.services.history.audit(request, query.value)
        return ok({ events: items.map((each) => encodeEvent(each, request.principal)), next })
      },
    },
  ]),
  ...resources([
    {
      method: 'POST',
      path: '/policies/:id/revert',
      operation: 'revertPolicy',
      summary:
        'Give a policy the rules and settings that it had after a revision, as a new revision; its name, texts and attachments stay',
      schema: { body: RevertRequest, answer: Reverted },
      handle: async (request, condition) => {
        const id = identifier(request, 'policy')
        if (!id.ok) return id
        const body = bodyOf<RevertRequest>(request)
        if (!body.ok) return body
        const done = await request.services.reverts.revert(request, id.value, { ...body.value, ...condition })
        return done.ok ? ok({ body: encodeReverted(done.value), revision: done.value.revision }) : done
      },
    },
  ]),
]

function revisionOf({ params }: DialectRequest): Result<number, RequestError> {
  const { revision: text = '' } = params
  const revision = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(revision)) return ok(revision)
  return err({ kind: 'not-found', resource: 'revision', id: text })
}

/** All that are given are wanted together. */
function decodeQuery({ query, principal }: DialectRequest): Result<Query, RequestError> {
  if (query.has('account') && !isOverAll(principal)) {
    const reason = 'only an operator that acts in no account may ask for it'
    return err({ kind: 'invalid', field: 'account', reason })
  }
  if (query.has('credential') && !isOperator(principal)) {
    const reason = 'only operators are told which credential acted'
    return err({ kind: 'invalid', field: 'credential', reason })
  }
  const given: Record<string, string | number> = {}
  const read = {
    before: numberOf(query, 'before', Number.MAX_SAFE_INTEGER),
    limit: numberOf(query, 'limit', 1000),
    since: momentOf(query, 'since'),
    until: momentOf(query, 'until'),
    account: textOf(query, 'account'),
    ...{ server: textOf(query, 'server'), policy: textOf(query, 'policy') },
    ...{ actor: textOf(query, 'actor'), dialect: textOf(query, 'dialect') },
    ...{ operation: textOf(query, 'operation'), credential: textOf(query, 'credential') },
  }
  for (const [name, value] of Object.entries(read)) {
    if (!value.ok) return value
    if (value.value !== undefined) given[name] = value.value
  }
  return ok({ limit: 100, ...given })
}
