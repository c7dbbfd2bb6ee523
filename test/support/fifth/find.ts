/** From what a path names to what it means. */
import type { RequestError } from '../../../src/core/model/error.ts'
import { err, ok, type Result } from '../../../src/core/result.ts'
import type { DialectRequest } from '../../../src/dialects/dialect.ts'
import { routesSpelledBy } from '../../../src/dialects/route.ts'
import { errorAnswer } from './errors.ts'

export const profile = 'fifth'

export const routesOf = routesSpelledBy(errorAnswer)

const numberIn = (text = ''): number | undefined => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined)

/** Id of the server in the path's slot. */
export async function findServer(request: DialectRequest): Promise<Result<string, RequestError>> {
  const { slot = '' } = request.params
  const number = numberIn(slot)
  if (number === undefined) return err({ kind: 'not-found', resource: 'server', id: slot })
  const found = await request.services.servers.find(request, profile, number)
  return found.ok ? ok(found.value.server.id) : found
}

/** The place that the path names; 1 is the first. */
export function placeIn({ params: { place = '' } }: DialectRequest): Result<number, RequestError> {
  const number = numberIn(place)
  return number === undefined ? err({ kind: 'not-found', resource: 'rule', id: place }) : ok(number)
}
