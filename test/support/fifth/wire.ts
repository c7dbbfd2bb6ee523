/** The made-up provider's JSON. */
import type { JsonObject } from '../../../src/core/json.ts'

/** A rule as it is sent, stored and answered. */
export interface WireRule extends JsonObject {
  readonly port: number
}
