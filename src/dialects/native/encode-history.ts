/** What has been changed → JSON. */
import type { JsonObject } from '../../core/json.ts'
import type { FieldChange } from '../../core/model/field-diff.ts'
import type { PolicyDiff, SeenRule } from '../../core/model/policy-diff.ts'
import type { RevisionDiff } from '../../service/history.ts'
import type { Reverted } from '../../service/revert.ts'
import type { AuditEvent, RevisionRecord } from '../../storage/storage.ts'

export function encodeRevision({ revision, at, ...event }: RevisionRecord): JsonObject {
  const { actor, dialect, requestId, operation, resource, id, server, policy } = event
  const what = { operation, resource, id, server, policy }
  return { revision, at: new Date(at).toISOString(), actor, dialect, requestId, ...what }
}

export function encodeEvent(event: AuditEvent): JsonObject {
  return { ...encodeRevision(event), before: event.before, after: event.after }
}

export function encodeDiff({ event, fields, policies, more }: RevisionDiff): JsonObject {
  return {
    ...encodeRevision(event),
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
