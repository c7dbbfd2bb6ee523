/** Bodies about native policies → what the services are asked. */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { PolicySettings } from '../../core/model/policy.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { PolicyChoices } from '../../storage/storage.ts'
import { lineProblem } from './lines.ts'
import { manifest } from './manifest.ts'
import type { NewPolicy, PolicyChange } from './schemas-policies.ts'

interface Change {
  readonly name?: string
  readonly settings: Partial<PolicySettings>
  readonly choices: PolicyChoices
  readonly attributes: JsonObject
}

const choiceKeys = ['cutFlows', 'logAllowed', 'log'] as const
const ownKeys = ['name', 'description', 'labels', 'enabled', 'stateful', 'filters', 'defaults', ...choiceKeys]

export function decodePolicy(given: PolicyChange | NewPolicy): Result<Change, RequestError> {
  const { name, description, labels, enabled, stateful, filters, defaults = {} } = given
  if (name === '') return invalid('name', 'expected 1 to 255 characters')
  const texts = { name, description, ...prefixed('labels', labels) }
  for (const [field, text] of Object.entries(texts)) {
    const problem = text === undefined ? undefined : lineProblem(text)
    if (problem !== undefined) return invalid(field, problem)
  }
  for (const key of Object.keys(labels ?? {})) {
    if (key.length < 1 || key.length > 63 || lineProblem(key) !== undefined)
      return invalid('labels', 'expected keys of 1 to 63 characters in one line')
  }
  const { ingress, egress } = defaults
  return ok({
    ...(name !== undefined && { name }),
    settings: {
      ...(enabled !== undefined && { enabled }),
      ...(stateful !== undefined && { stateful }),
      // In one order: it is compared.
      ...(filters && { filters: (['ingress', 'egress'] as const).filter((each) => filters.includes(each)) }),
      ...(ingress && { defaultIngress: ingress }),
      ...(egress && { defaultEgress: egress }),
    },
    choices: choicesOf(given),
    attributes: {
      ...(description !== undefined && { description }),
      ...(labels && { labels }),
    },
  })
}

export function choicesOf({ cutFlows, logAllowed, log }: PolicyChange | NewPolicy): PolicyChoices {
  return {
    ...(cutFlows !== undefined && { cutFlows }),
    ...(logAllowed !== undefined && { logAllowed }),
    ...(log && { log }),
  } as PolicyChoices
}

/** Fails if the body says of what cannot be changed here that it is otherwise than in the answer. */
export function checkFixed(given: PolicyChange, answered: JsonObject): Result<void, RequestError> {
  const isOwn = answered.profile === manifest.profile
  const changeable: readonly string[] = isOwn ? ownKeys : choiceKeys
  for (const [key, value] of Object.entries(given)) {
    if (changeable.includes(key) || isDeepStrictEqual(value, answered[key])) continue
    return invalid(key, isOwn ? 'cannot be changed' : `is changed through the API of ${answered.profile}`)
  }
  return ok(undefined)
}

const prefixed = (name: string, of: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [`${name}.${key}`, value]))

const invalid = (field: string, reason: string) => err<RequestError>({ kind: 'invalid', field, reason })
