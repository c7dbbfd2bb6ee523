/** The closed list of what can go wrong with a request; each dialect maps every kind to its own words. */

export type ResourceKind =
  | 'server'
  | 'rule'
  | 'policy'
  | 'storage'
  | 'ip-address'
  | 'interface'
  | 'document'
  | 'revision'
  | 'route'
  | 'account'
  | 'credential'
  | 'binding'
  | 'host'
  | 'request'

export interface Violation {
  readonly field: string
  readonly reason: string
}

/** Bad request, request timeout, expectation failed, request header fields too large (RFC 9110 §15.5, RFC 6585). */
export type ProtocolStatus = 400 | 408 | 417 | 431

export type RequestError =
  /** No credential, or one that is not valid. */
  | { readonly kind: 'unauthenticated' }
  /** Whole seconds, at least 1. `reason` is a sentence; absent: too many logins fail. */
  | { readonly kind: 'too-many-requests'; readonly retryAfter: number; readonly reason?: string }
  /** The credential lacks the scope, or the resource is another account's and the dialect says so. */
  | { readonly kind: 'forbidden'; readonly resource?: ResourceKind; readonly id?: string }
  /** Also when the caller may not know that it exists. */
  | { readonly kind: 'not-found'; readonly resource: ResourceKind; readonly id: string }
  | { readonly kind: 'method-not-allowed'; readonly allowed: readonly string[] }
  /** No request as HTTP has it, or more of one than is taken: it was not looked at any further. */
  | { readonly kind: 'protocol'; readonly status: ProtocolStatus; readonly reason: string }
  /** The body cannot be read at all: broken JSON, wrong encoding, too deep. */
  | { readonly kind: 'malformed'; readonly reason: string }
  | { readonly kind: 'unsupported-media-type'; readonly mediaType: string }
  | { readonly kind: 'too-large'; readonly limit: number }
  /** `code` is the dialect's own when it has one for the case; `violations` are all there are, where more than one is told. */
  | {
      readonly kind: 'invalid'
      readonly field: string
      readonly reason: string
      readonly code?: string
      readonly violations?: readonly Violation[]
    }
  /**
   * The resource is in a state that does not permit the operation; `inUse`: something else needs it; `stale`: it is not of the
   * revision any more that the request names.
   */
  | {
      readonly kind: 'conflict'
      readonly resource: ResourceKind
      readonly reason: string
      readonly inUse?: true
      readonly stale?: true
      /** Which of them, when the request names several. */
      readonly id?: string
    }
  /** A pool of addresses has only `left` more, fewer than are needed. */
  | { readonly kind: 'pool-empty'; readonly pool: string; readonly left: number }
  /** `of`: of all that the account has, which is its quota; absent: within what is written. */
  | {
      readonly kind: 'limit-reached'
      readonly resource: ResourceKind
      readonly limit: number
      readonly of?: 'account'
    }
  /** `cause` is for the log, never for the caller. */
  | { readonly kind: 'unavailable'; readonly cause: unknown }
  | { readonly kind: 'internal'; readonly cause: unknown }
