/** Times on the command line: how long from now, or when. */
import { InvalidArgumentError, Option } from 'commander'

const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** `90m`, `12h`, `30d`: seconds. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (digits === '') throw new InvalidArgumentError('Expected a duration such as 90s, 15m, 12h or 30d.')
  return Number(digits) * units[unit as keyof typeof units]
}

/** A duration from now on, or a moment of RFC 3339: milliseconds since 1970. */
export function parseUntil(text: string): number {
  if (/^\d{1,9}[smhd]$/.test(text)) return Date.now() + parseDuration(text) * 1000
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(at)) {
    throw new InvalidArgumentError(
      'Expected a duration such as 30d, or a moment such as 2027-01-31T12:00:00Z.',
    )
  }
  return at
}

export const expiresOption = () =>
  new Option('--expires <when>', 'refused from then on: 30d from now, or 2027-01-31T12:00:00Z').argParser(
    parseUntil,
  )

export const overlapOption = () =>
  new Option('--overlap <duration>', 'how long the secret before holds on: 0s to 30d')
    .default(86_400, '24h')
    .argParser(parseDuration)
