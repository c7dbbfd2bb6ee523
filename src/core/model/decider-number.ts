/** Numbers of deciders, by which targets count and tell who decided. */

import { digest } from '../digest.ts'
import { type Decider, deciderText } from './decider.ts'

/**
 * 1 to 2^32 - 1, the same everywhere and always. Two deciders can have one number: whoever reads it asks which deciders
 * there are, and knows neither of two.
 */
export function numberOf(by: Decider): number {
  const both = digest(deciderText(by))
  return (Number.parseInt(both.slice(0, 8), 16) ^ Number.parseInt(both.slice(8), 16)) >>> 0 || 1
}
