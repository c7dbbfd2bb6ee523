/** Fields of a body, one issue at a time. */
import { type JsonValue, objectOf } from '../../../src/core/json.ts'
import type { RequestError } from '../../../src/core/model/error.ts'
import { Body, type Problem } from '../../../src/dialects/body.ts'

export class Fields extends Body<[reason: string], RequestError, RequestError> {
  protected readonly maxIssues = 1

  /** What is no object has no fields: each that is needed is then missing. */
  static of(body: JsonValue | undefined): Fields {
    return new Fields(objectOf(body) ?? {})
  }

  protected isUnset(value: JsonValue | undefined): boolean {
    return value === undefined
  }

  protected words(_field: string, { kind }: Problem): [reason: string] {
    return [kind]
  }

  protected issue(path: readonly string[], field: string, [reason]: [reason: string]): RequestError {
    return { kind: 'invalid', field: [...path, field].join('.'), reason }
  }

  protected failure([first]: readonly [RequestError, ...RequestError[]]): RequestError {
    return first
  }
}
