/** Reads bodies of both generations. Of what is wrong with one, the first issue is answered; only `undefined` is absent. */
import { type JsonValue, objectOf } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { Body, type Problem } from '../body.ts'

type Words = readonly [reason: string, code?: string | undefined]

export class Fields extends Body<Words, RequestError, RequestError> {
  protected readonly maxIssues = 1

  static of(body: JsonValue | undefined): Fields {
    const object = objectOf(body)
    const fields = new Fields(object ?? {})
    if (!object) {
      const reason = body === undefined ? 'a JSON body is needed' : 'the body must be a JSON object'
      fields.add({ kind: 'malformed', reason })
    }
    return fields
  }

  protected isUnset(value: JsonValue | undefined): boolean {
    return value === undefined
  }

  protected words(_field: string, problem: Problem): Words {
    switch (problem.kind) {
      case 'missing':
        return ['is required']
      case 'unknown':
        return ['is not known']
      case 'too-long':
        return [`at most ${problem.max} characters`]
      case 'one-of':
        return [`expected ${problem.allowed.join(', ')}`]
      case 'type':
        return [`expected ${expected[problem.expected]}`]
    }
  }

  protected issue(path: readonly string[], field: string, [reason, code]: Words): RequestError {
    return { kind: 'invalid', field: [...path, field].join('.'), reason, ...(code && { code }) }
  }

  protected failure([first]: readonly [RequestError, ...RequestError[]]): RequestError {
    return first
  }

  /** Text; `""`, `"-"` and null are how clients say that a field is not set. */
  optionalText(key: string): string | undefined {
    return isUnset(this.given[key]) ? undefined : this.text(key)
  }

  /** The caller's condition on what it changes; null is none. */
  digest(): string | undefined {
    return this.given.digest === null ? undefined : this.text('digest')
  }
}

const expected = {
  object: 'an object',
  text: 'text',
  boolean: 'true or false',
} as const

export const isUnset = (value: JsonValue | undefined): boolean =>
  value === undefined || value === null || value === '' || value === '-'
