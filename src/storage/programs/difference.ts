/** What an event keeps of a list of rules before and after: where it is less, only the rules that differ. */
import type { JsonObject, JsonValue } from '../../core/json.ts'

/**
 * Where both sides have `rules`, they become `ruleCount` and `changedRules`, each with its position. Either list follows
 * from the other: take out what is at the positions of the one side, then put in what the other side has, in order.
 */
export function shortened(before: JsonValue, after: JsonValue): [JsonValue, JsonValue] {
  const [old, now] = [listIn(before), listIn(after)]
  if (!old || !now) return [before, after]
  const [oldTexts, nowTexts] = [old, now].map((list) => list.map((rule) => JSON.stringify(rule))) as [
    string[],
    string[],
  ]
  const shorter = Math.min(old.length, now.length)
  let head = 0
  while (head < shorter && oldTexts[head] === nowTexts[head]) head++
  let tail = 0
  while (tail < shorter - head && oldTexts[old.length - 1 - tail] === nowTexts[now.length - 1 - tail]) tail++
  const sameLength = old.length === now.length
  const changed = (list: readonly JsonValue[]) =>
    list.flatMap((rule, index) => {
      if (index < head || index >= list.length - tail) return []
      if (sameLength && oldTexts[index] === nowTexts[index]) return []
      return [{ position: index + 1, ...(rule as JsonObject) }]
    })
  const [changedOld, changedNow] = [changed(old), changed(now)]
  if (changedOld.length + changedNow.length === old.length + now.length) return [before, after]
  return [instead(before, old.length, changedOld), instead(after, now.length, changedNow)]
}

function listIn(value: JsonValue): readonly JsonValue[] | undefined {
  const { rules } = (typeof value === 'object' && !Array.isArray(value) && value ? value : {}) as JsonObject
  return Array.isArray(rules) ? rules : undefined
}

function instead(value: JsonValue, ruleCount: number, changedRules: readonly JsonObject[]): JsonObject {
  const { rules: _, ...rest } = value as JsonObject
  return { ...rest, ruleCount, changedRules }
}
