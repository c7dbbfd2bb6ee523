/** Ranges of layer-4 ports as text: `443`, `8000-8080`. */
import { err, ok, type Result } from '../result.ts'
import type { Range } from '../sets/range.ts'

/** Parses one port or first-last, both ends inclusive, 0 to 65535; no blanks, no signs, no leading zeros. */
export function parsePortRange(text: string): Result<Range<number>> {
  const match = /^(0|[1-9]\d{0,4})(?:-(0|[1-9]\d{0,4}))?$/.exec(text)
  if (!match) return err('expected a port or first-last')
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  // Either end may be the one that is too high: `70000-80` is not merely the wrong way round.
  if (first > 65535 || last > 65535) return err('ports end at 65535')
  if (last < first) return err('first port is above last')
  return ok({ first, last })
}

/** A single port is printed alone. */
export function formatPortRange({ first, last }: Range<number>): string {
  return first === last ? String(first) : `${first}-${last}`
}
