/** What has been changed → JSON. */
import type { JsonObject } from '../../core/json.ts'
import type { FieldChange } from '../../core/model/field-diff.ts'
import type { PolicyDiff, SeenRule } from '../../core/model/policy-diff.ts'
import { isOperator, type Principal } from '../../service/context.ts'
import type { RevisionDiff } from '../../service/history.ts'
import type { Reverted } from '../../service/revert.ts'
import type { AuditEvent, RevisionRecord } from '../../storage/storage.ts'

/** Whose it is and which credential acted is told to operators alone: tenants know an operator as one. */
export function encodeRevision({ revision, at, ...event }: RevisionRecord, reader: Principal): JsonObject {
  const {
    account,
    actor,
    credential = null,
    dialect,
    requestId,
    operation,
    resource,
    id,
    server,
    policy,
  } = event
  return {
    ...{ revision, at: new Date(at).toISOString(), actor },
    ...(isOperator(reader) && {
      account: account === '' ? null : account,
      credential: credential && { ...credential },
    }),
    ...{ dialect, requestId, operation, resource, id, server, policy },
  }
}

export function encodeEvent(event: AuditEvent, reader: Principal): JsonObject {
  return { ...encodeRevision(event, reader), before: event.before, after: event.after }
}

export function encodeDiff({ event, fields, policies, more }: RevisionDiff, reader: Principal): JsonObject {
  return {
    ...encodeRevision(event, reader),
    fields: fields.map(encodeField),
    policies: policies.map(({ policy, profile, name, server, change, ...diff }) => ({
      ...{ policy, profile, name, server, change },
      ...encodePolicyDiff(diff),
    })),
    more,
  }
}

export function encodeReverted({ policy, revision, changed, diff }: Reverted): JsonObject {
  return { policy, revision, changed, diff: encodePolicyDiff(diff) }
}

function encodePolicyDiff({ added, removed, changed, moved, settings }: PolicyDiff): JsonObject {
  return {
    added: added.map(encodeSeen),
    removed: removed.map(encodeSeen),
    changed: changed.map(({ before, after, fields }) => ({
      ...{ before: encodeSeen(before), after: encodeSeen(after), fields: fields.map(encodeField) },
    })),
    moved: moved.map(({ before, after }) => ({ before: encodeSeen(before), after: encodeSeen(after) })),
    settings: settings.map(encodeField),
  }
}

const encodeSeen = ({ rule, position, text }: SeenRule): JsonObject => ({ rule, position, text })

const encodeField = ({ field, before, after }: FieldChange): JsonObject => ({ field, before, after })
