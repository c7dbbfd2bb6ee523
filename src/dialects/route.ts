/** Tables of routes whose handlers answer failures as values, which their dialect then spells. */
import type { Result } from '../core/result.ts'
import type { Answer, DialectRequest, Route } from './dialect.ts'

/** A route whose handler takes a dialect's own `Call` and may fail with a value of `Failure`. */
export interface Endpoint<Failure, Call extends readonly unknown[] = [DialectRequest]>
  extends Omit<Route, 'scope' | 'success' | 'handler'> {
  /** Absent: `read` for GET, `write` for the other methods. */
  readonly scope?: Route['scope']
  /** Status of success. */
  readonly success: number
  readonly handle: (...call: Call) => Promise<Result<Answer, Failure>>
}

/** Turns a table of endpoints into routes, in the same order; `spell` answers what their handlers fail with. */
export const routesSpelledBy =
  <Failure>(spell: (failure: Failure, request: DialectRequest) => Answer) =>
  (endpoints: readonly Endpoint<Failure>[]): readonly Route[] =>
    endpoints.map(({ handle, success, ...route }) => ({
      scope: route.method === 'GET' ? 'read' : 'write',
      ...route,
      success: [success],
      handler: async (request) => {
        const answer = await handle(request)
        return answer.ok ? answer.value : spell(answer.error, request)
      },
    }))
