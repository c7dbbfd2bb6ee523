/** Disks of a new server, and changes of a storage (contract: upcloud §3.3; upcloud-more §3.5). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Catalogue } from './catalogue.ts'
import { invalid, missing, unknownAttribute } from './errors.ts'
import { decodeLabels, integer, isAbsent, isLine, listOf, objectOf, unwrapObject } from './fields.ts'
import type { WireLabel } from './wire.ts'

/** What a storage can be told again after it is made. */
export interface StorageChange {
  readonly title?: string
  /** GiB. */
  readonly size?: number
  /** As given; empty: none. */
  readonly backupRule?: JsonObject
  readonly labels?: readonly WireLabel[]
}

export interface WantedDisk extends StorageChange {
  /** A storage of the account's that is attached as it is. */
  readonly existing?: string
  readonly title: string
  readonly size: number
  readonly tier: string
}

const mostDisks = 16
/** GiB. */
const mostSize = 4096
/** Days. */
const mostRetention = 1095

const tiers: ReadonlySet<JsonValue> = new Set(['maxiops', 'standard', 'archive', 'hdd'])

/** Disks are of the tier of the server's plan, unless the body says otherwise. */
export function decodeDisks(
  devices: JsonValue | undefined,
  plan: JsonValue | undefined,
  { plans, templates }: Catalogue,
): Result<readonly WantedDisk[], RequestError> {
  if (isAbsent(devices)) return ok([])
  const list = listOf(objectOf(devices)?.storage_device, mostDisks)
  if (!list) return err(invalid('storage_devices'))
  const disks: WantedDisk[] = []
  const usualTier = plans.find(({ name }) => name === plan)?.storage_tier ?? 'maxiops'
  for (const [index, element] of list.entries()) {
    const { action, storage, tier, encrypted } = element
    if (action !== 'clone' && action !== 'create' && action !== 'attach') return err(invalid('action'))
    if (action !== 'create' && typeof storage !== 'string') return err(missing('storage'))
    const change = decodeChange(element)
    if (!change.ok) return change
    if (action === 'create' && change.value.size === undefined) return err(missing('size'))
    if (!isAbsent(encrypted) && encrypted !== 'no') {
      return err(invalid('encrypted', undefined, 'Storages are not encrypted here: encrypted must be no.'))
    }
    if (!isAbsent(tier) && !tiers.has(tier)) return err(invalid('tier'))
    // A clone is as large as what it is of, unless it is to be larger.
    const origin = templates.find(({ uuid, title }) => uuid === storage || title === storage)
    if (origin && change.value.size !== undefined && change.value.size < origin.size) {
      return err(
        invalid('size', undefined, `size must not be below ${origin.size}, the size of ${origin.title}`),
      )
    }
    disks.push({
      ...(action === 'attach' && { existing: String(storage).toLowerCase() }),
      title: `disk${index + 1}`,
      size: origin?.size ?? 10,
      tier: isAbsent(tier) ? usualTier : String(tier),
      ...change.value,
    })
  }
  return ok(disks)
}

/**
 * The body of PUT. `answered` is the storage as GET answers it: what is sent back as it was read changes nothing, and
 * nothing else than title, size, backup rule and labels can change.
 */
export function decodeStorageChange(
  body: JsonValue | undefined,
  answered: JsonObject,
): Result<StorageChange, RequestError> {
  const wrapped = unwrapObject(body, 'storage')
  if (!wrapped.ok) return wrapped
  const given = wrapped.value
  const unknown = Object.keys(given).find(
    (key) => !changeable.has(key) && !isDeepStrictEqual(given[key], answered[key]),
  )
  if (unknown !== undefined) return err(unknownAttribute(unknown))
  const change = decodeChange(given)
  if (!change.ok) return change
  if (change.value.size !== undefined && change.value.size < Number(answered.size)) {
    return err(invalid('size', undefined, `size must not be below ${answered.size}, the size it has`))
  }
  return change
}

const changeable: ReadonlySet<string> = new Set(['title', 'size', 'backup_rule', 'labels'])

function decodeChange({ title, size, backup_rule, labels }: JsonObject): Result<StorageChange, RequestError> {
  if (!isAbsent(title) && !isLine(title, 255)) return err(invalid('title', 'STORAGE_TITLE_INVALID'))
  const gibibytes = isAbsent(size) ? undefined : integer(size, 1, mostSize)
  if (!isAbsent(size) && gibibytes === undefined) {
    return err(invalid('size', undefined, `size must be a whole number from 1 to ${mostSize}`))
  }
  const rule = isAbsent(backup_rule) ? ok(undefined) : decodeBackupRule(backup_rule)
  if (!rule.ok) return rule
  const decoded = isAbsent(labels) ? undefined : decodeLabels(labels)
  if (!isAbsent(labels) && !decoded) return err(invalid('labels'))
  return ok({
    ...(!isAbsent(title) && { title }),
    ...(gibibytes !== undefined && { size: gibibytes }),
    ...(rule.value && { backupRule: rule.value }),
    ...(decoded && { labels: decoded }),
  })
}

const intervals: ReadonlySet<JsonValue> = new Set(['daily', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])

/** `{}` is no rule. */
function decodeBackupRule(value: JsonValue): Result<JsonObject, RequestError> {
  const rule = objectOf(value)
  if (!rule) return err(invalid('backup_rule'))
  if (Object.keys(rule).length === 0) return ok({})
  const unknown = Object.keys(rule).find((key) => key !== 'interval' && key !== 'time' && key !== 'retention')
  if (unknown !== undefined) return err(unknownAttribute(unknown))
  for (const key of ['interval', 'time', 'retention']) if (isAbsent(rule[key])) return err(missing(key))
  const { interval = null, time, retention } = rule
  if (!intervals.has(interval)) return err(invalid('interval'))
  if (typeof time !== 'string' || !/^([01]\d|2[0-3])[0-5]\d$/.test(time)) return err(invalid('time'))
  const days = integer(retention, 1, mostRetention)
  if (days === undefined) return err(invalid('retention'))
  return ok({ interval, time, retention: String(days) })
}
