/** Whose things a request makes: an operator that acts in no account names one. */

import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { inAccount, isOverAll } from '../../service/context.ts'
import type { DialectRequest } from '../dialect.ts'

/** The request in the account that it names; only operators that act in none may name one. */
export async function actingIn(
  request: DialectRequest,
  account: string | undefined,
): Promise<Result<DialectRequest, RequestError>> {
  if (!isOverAll(request.principal)) {
    return account === undefined
      ? ok(request)
      : invalid('only an operator that acts in no account may name one')
  }
  if (account === undefined)
    return invalid(
      'an operator names the account that it is made in: here, or by On-Behalf-Of (--on-behalf-of)',
    )
  const found = await request.services.accounts.get(account)
  if (!found.ok) return invalid('there is no such account')
  return found.value.closed ? invalid('the account is closed') : ok(inAccount(request, account))
}

const invalid = (reason: string) => err<RequestError>({ kind: 'invalid', field: 'account', reason })
