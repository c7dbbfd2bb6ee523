/** Words that the schemas of the native API share. */
import { Type } from 'typebox'
import { cutFlows } from '../../core/model/policy.ts'

/** Nothing but what is named. */
export const closed = { additionalProperties: false } as const

/** `description` is of both. */
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(type: T, description?: string) =>
  Type.Union([type, Type.Null()], description === undefined ? {} : { description })

export const oneOf = (...values: readonly string[]) => Type.Union(values.map((value) => Type.Literal(value)))

/** One of these, as a request gives it: what is wrong with another is one violation, not one for each. */
export const choiceOf = <T extends string | null>(values: readonly T[], description?: string) =>
  Type.Unsafe<T>({ enum: [...values], ...(description !== undefined && { description }) })

export const Direction = oneOf('ingress', 'egress')
export const Action = oneOf('allow', 'deny', 'reject')
export const DateTime = Type.String({ format: 'date-time' })

export const mostPerPage = 1000
export const usualPerPage = 100

/** Members of the query of every list. */
export const pageQuery = {
  cursor: Type.Optional(
    Type.String({ maxLength: 1024, description: '`next` of the page before; absent: the first page' }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: mostPerPage, default: usualPerPage })),
}

/** Member of the answer of every list. */
export const nextPage = {
  next: nullable(Type.String({ description: '`cursor` of the next page; null at the end' })),
}

/** What becomes of tracked connections; null: as is said elsewhere. */
export const CutFlows = (description: string) => choiceOf([...cutFlows, null], description)
