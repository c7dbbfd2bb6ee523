/** Routes whose handlers answer failures as values, which their dialect then spells. */
import type { Result } from '../core/result.ts'
import type { Answer, DialectRequest, Route } from './dialect.ts'

export type RouteMaker<E> = (
  method: Route['method'],
  path: string,
  operation: string,
  success: number,
  summary: string,
  handle: (request: DialectRequest) => Promise<Result<Answer, E>>,
) => Route

/** What only reads needs the scope to read, everything else the one to write. */
export const routesSpelledBy =
  <E>(spell: (failure: E, request: DialectRequest) => Answer): RouteMaker<E> =>
  (method, path, operation, success, summary, handle) => ({
    ...{ method, path, operation, summary, success: [success] },
    scope: method === 'GET' ? 'read' : 'write',
    handler: async (request) => {
      const answer = await handle(request)
      return answer.ok ? answer.value : spell(answer.error, request)
    },
  })
