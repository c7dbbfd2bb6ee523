/**
 * The interface of a dialect: a table of routes and a way to spell every error.
 *
 * The server mounts it: it authenticates, limits and reads the body, and calls the handler. A dialect does no I/O
 * but through the services, knows no HTTP framework, no store, and no other dialect.
 */
import type { TSchema } from 'typebox'
import type { JsonValue } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import type { Context, Scope } from '../service/context.ts'
import type { Services } from '../service/services.ts'
import type { Manifest } from './manifest.ts'

export interface Answer {
  readonly status: number
  /** Absent: no body and no Content-Type. A Buffer is sent as it is, anything else as JSON. */
  readonly body?: JsonValue | Buffer
  /** With the stream's own media type. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * In place of a body: its pieces are sent as they come, each when the one before has been taken. It ends by itself or when
   * the signal is aborted: nobody reads any more, or may; or the service ends.
   */
  readonly stream?: (signal: AbortSignal) => AsyncIterable<string>
}

export interface DialectRequest extends Context {
  readonly services: Services
  /** What the dialect offers, of its own type (catalogue.ts); undefined for dialects that have no catalogue. */
  readonly catalogue: unknown
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Where the client reaches this service: `http://host:port`, or the configured public URL; no slash at the end. */
  readonly baseUrl: string
  /** Path as called, without the query. */
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Undefined when the request had no body. */
  readonly body: JsonValue | undefined
  /** The body of a route with `rawBody`; empty without one. */
  readonly bytes?: Buffer
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Route {
  readonly method: Method
  /** Below the mount's prefix, `:name` for a parameter: `/server/:uuid/firewall_rule`. */
  readonly path: string
  /** Unique in the dialect; names the route in metrics, logs and the credential matrix: `createRule`. */
  readonly operation: string
  /** `none`: answered without a credential; `any`: with any that is valid. */
  readonly scope: Scope | 'none' | 'any'
  /** Answered to operators that act in no account, too: then over all accounts. */
  readonly operators?: true
  /** Statuses of success: what the golden file of routes lists. */
  readonly success: readonly number[]
  readonly summary: string
  /** Of the longest body it takes; absent: the server's own limit, which is for bodies of everything else. */
  readonly maxBodyBytes?: number
  /** The body is opaque bytes, whatever media type is declared: it is in `bytes`. */
  readonly rawBody?: true
  /** Checked before the handler runs, and the source of the OpenAPI document; dialects with their own order of checks leave it out. */
  readonly schema?: {
    readonly query?: TSchema
    readonly body?: TSchema
    readonly answer?: TSchema
    /** It can answer with a stream of events, too: their names, and what each is. */
    readonly events?: Readonly<Record<string, string>>
    /** Its answer has an entity tag; another method than GET may insist on one. */
    readonly entity?: true
    /** A request with an `Idempotency-Key` is done once. */
    readonly once?: true
  }
  readonly handler: (request: DialectRequest) => Promise<Answer>
}

/** What is served for one provider: its manifest, and its API. */
export interface Dialect extends Manifest {
  /** Answers credentials that are limited to other dialects, too, and shows them what is of those. */
  readonly overAll?: true
  /** Where it is mounted; the routes exist below each: `['/1.3', '/1.2']`. */
  readonly prefixes: readonly string[]
  /** Below which paths are its own where the prefixes do not tell: products beside each other. */
  readonly roots?: readonly string[]
  /** Of every answer with a body that names no other. */
  readonly contentType: string
  /** Paths that are this dialect's to refuse though none of its prefixes: `/1.4/…` is an unknown version of UpCloud's. */
  readonly claims?: (path: string) => RequestError | undefined
  readonly routes: readonly Route[]
  /** Most bytes of a body; absent: as of all (server/body.ts). */
  readonly bodyLimit?: number
  /** Paths whose errors have a form of their own, for the page on errors; absent: all are alike. */
  readonly errorPaths?: readonly string[]
  /** Every kind of error in this dialect's words, status and envelope. */
  readonly error: (
    error: RequestError,
    request: Pick<DialectRequest, 'path' | 'requestId' | 'headers'> & { readonly method?: string },
  ) => Answer
}

/** One or more: the first spells errors of paths that are no dialect's. */
export type Dialects = readonly [Dialect, ...Dialect[]]
