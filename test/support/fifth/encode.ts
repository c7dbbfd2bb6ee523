/** A stored rule → the made-up provider's JSON: what it was given. */
import type { JsonObject } from '../../../src/core/json.ts'
import type { RuleRecord } from '../../../src/storage/storage.ts'

export const encodeRule = ({ spec }: RuleRecord): JsonObject => spec
