/** Bodies about flexible IPs (contract: scaleway-more §3). */
import type { JsonValue } from '../../core/json.ts'
import type { Result } from '../../core/result.ts'
import type { Failure } from './errors.ts'
import { Fields, maxTags } from './fields.ts'
import { type IpType, ipTypes } from './wire.ts'

export interface NewIp {
  readonly type: IpType
  readonly tags: readonly string[]
  readonly server: string | undefined
  readonly project: string | undefined
  readonly organization: string | undefined
}

export function decodeNewIp(body: JsonValue | undefined): Result<NewIp, Failure> {
  const fields = Fields.of(body)
  const wanted = {
    type: fields.oneOf('type', ipTypes) ?? 'routed_ipv4',
    tags: fields.texts('tags', maxTags) ?? [],
    server: fields.uuid('server'),
    project: fields.uuid('project'),
    organization: fields.uuid('organization'),
  }
  return fields.result(() => wanted)
}

export interface IpChange {
  readonly tags: readonly string[] | undefined
  /** Null: detached from any. */
  readonly server: string | null | undefined
}

/** Absent keys keep their values. */
export function decodeIpChange(body: JsonValue | undefined): Result<IpChange, Failure> {
  const fields = Fields.of(body)
  const tags = fields.texts('tags', maxTags)
  const server = fields.given.server === null ? null : fields.uuid('server')
  // Nothing resolves names here, so none resolves to the address.
  if (fields.text('reverse', 255)) {
    fields.refuse('reverse', 'constraint', 'the name does not resolve to the address: no DNS is served')
  }
  return fields.result(() => ({ tags, server }))
}
