/** A resource of the API with the path to it, and the interfaces whose enforcement a change to it waits for. */
import type { JsonObject } from '../../core/json.ts'
import type { Pending, PendingOf } from '../../service/enforcement.ts'
import type { Authorship } from './authorship.ts'
import type { Kind } from './wire.ts'

export interface Resource {
  readonly kind: Kind
  readonly id: string
  /** Below the base: `/datacenters/…`. */
  readonly path: string
  readonly authorship: Authorship
  readonly properties: JsonObject
  /** Rendered without `entities`, as in the answer that creates a LAN. */
  readonly bare?: true
  /** Interfaces whose pending changes make this resource BUSY. */
  readonly affects: Affects
  /** Nested collections by name; an absent one is empty. */
  readonly children: Readonly<Record<string, () => Promise<readonly Resource[]>>>
}

/** Selects interfaces by zone, server, interface or policy; an empty selector selects none. */
export interface Affects {
  readonly zone?: string
  readonly server?: string
  readonly interface?: string
  readonly policy?: string
}

/** Whether the selector selects the interface of this pending change. */
export const selects = (affects: Affects, pending: Pending): boolean =>
  pending.server === affects.server ||
  pending.interface === affects.interface ||
  pending.zone === affects.zone ||
  pending.policies.some(({ id }) => id === affects.policy)

/** The narrowest query that finds all pending changes of a selector; an empty query finds every one. */
export function pendingOf({ zone, ...affects }: Affects): PendingOf {
  return zone === undefined && Object.keys(affects).length === 1 ? affects : {}
}
