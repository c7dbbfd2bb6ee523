/**
 * Types of values in configuration files, with what a message says is expected: `accounts[0].name: expected …`. The
 * description stands in the page on the file.
 */
import { type TSchema, Type } from 'typebox'

/** Keys that are not known are refused. */
export const closed = { additionalProperties: false } as const

export const optional = <T extends TSchema>(type: T) => Type.Optional(type)

/** One line: no control characters, no line separators, no halves of characters. */
export const linePattern = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ud800-\\udfff]*$'

/** Text of 1 to `most` characters. */
export const line = (description: string, most = 255) =>
  Type.String({
    ...{ minLength: 1, maxLength: most, pattern: linePattern, description },
    expected: `text of 1 to ${most} characters in one line`,
  })

/** Usable in paths of APIs and in names of the kernel's objects. */
export const id = (description: string) =>
  Type.String({
    ...{ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$', description },
    expected: '1 to 100 letters, digits, dots, hyphens or underscores',
  })

export const list = <T extends TSchema>(items: T, description: string, more: object = {}) =>
  Type.Array(items, { description, ...more })

/** Both ends inclusive. */
export const whole = (description: string, maximum: number, minimum = 1) =>
  Type.Integer({ minimum, maximum, description })
