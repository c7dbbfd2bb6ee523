/** What an account says for all of its policies that say nothing themselves, kept among its attributes. */
import type { JsonObject } from '../core/json.ts'
import { type CutFlows, cutFlows } from '../core/model/policy.ts'

/** Key of an account's attributes. */
export const cutFlowsKey = 'cutFlows'

/** Undefined: nothing, which means `never`. */
export const cutFlowsOf = (attributes: JsonObject): CutFlows | undefined =>
  cutFlows.find((each) => each === attributes[cutFlowsKey])
