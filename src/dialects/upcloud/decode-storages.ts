/** Disks of a new server, and changes of a storage (contract: upcloud §3.3; upcloud-more §3.5). */
import { isDeepStrictEqual } from 'node:util'
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { Result } from '../../core/result.ts'
import type { Catalogue } from './catalogue.ts'
import type { Failure } from './errors.ts'
import { decodeLabels, Fields, isAbsent, listOf } from './fields.ts'
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

const maxDisks = 16
/** GiB. */
const maxSize = 4096
/** Days. */
const maxRetention = 1095

const tiers = ['maxiops', 'standard', 'archive', 'hdd']

/** Disks are of the tier of the server's plan, unless the body says otherwise. */
export function decodeDisks(
  fields: Fields,
  plan: JsonValue | undefined,
  { plans, templates }: Catalogue,
): readonly WantedDisk[] {
  if (fields.isAbsent('storage_devices')) return []
  const list = listOf(objectOf(fields.given.storage_devices)?.storage_device, maxDisks)
  if (!list) return fields.refuse('storage_devices') ?? []
  const usualTier = plans.find(({ name }) => name === plan)?.storage_tier ?? 'maxiops'
  return list.map((element, index) => {
    const disk = fields.beside(element)
    const { action, storage, encrypted } = element
    if (action !== 'clone' && action !== 'create' && action !== 'attach') disk.refuse('action')
    if (action !== 'create' && typeof storage !== 'string') disk.report('storage', { kind: 'missing' })
    const change = decodeChange(disk)
    if (action === 'create') disk.needs(['size'])
    if (!isAbsent(encrypted) && encrypted !== 'no') {
      disk.refuse('encrypted', undefined, 'Storages are not encrypted here: encrypted must be no.')
    }
    const tier = disk.read('tier', (value) => tiers.find((each) => each === value))
    // A clone is as large as what it is of, unless it is to be larger.
    const template = templates.find(({ uuid, title }) => uuid === storage || title === storage)
    if (template && change.size !== undefined && change.size < template.size) {
      const reason = `size must not be below ${template.size}, the size of ${template.title}`
      disk.refuse('size', undefined, reason)
    }
    return {
      ...(action === 'attach' && { existing: String(storage).toLowerCase() }),
      title: `disk${index + 1}`,
      size: template?.size ?? 10,
      tier: tier ?? usualTier,
      ...change,
    }
  })
}

/**
 * The body of PUT. `answered` is the storage as GET answers it: what is sent back as it was read changes nothing, and
 * nothing else than title, size, backup rule and labels can change.
 */
export function decodeStorageChange(
  body: JsonValue | undefined,
  answered: JsonObject,
): Result<StorageChange, Failure> {
  const fields = Fields.of(body, 'storage')
  for (const [key, value] of Object.entries(fields.given)) {
    if (!changeable.has(key) && !isDeepStrictEqual(value, answered[key]))
      fields.report(key, { kind: 'unknown' })
  }
  const change = decodeChange(fields)
  if (change.size !== undefined && change.size < Number(answered.size)) {
    fields.refuse('size', undefined, `size must not be below ${answered.size}, the size it has`)
  }
  return fields.result(() => change)
}

const changeable: ReadonlySet<string> = new Set(['title', 'size', 'backup_rule', 'labels'])

function decodeChange(fields: Fields): StorageChange {
  const title = fields.line('title', 255, 'STORAGE_TITLE_INVALID')
  const wrongSize = `size must be a whole number from 1 to ${maxSize}`
  const size = fields.integer('size', 1, maxSize, undefined, wrongSize)
  const rule = fields.read('backup_rule', objectOf)
  const backupRule = rule && decodeBackupRule(fields.beside(rule))
  const labels = fields.read('labels', decodeLabels)
  return {
    ...(title !== undefined && { title }),
    ...(size !== undefined && { size }),
    ...(backupRule && { backupRule }),
    ...(labels && { labels }),
  }
}

const ruleKeys = ['interval', 'time', 'retention']
const intervals = ['daily', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** `{}` is no rule. */
function decodeBackupRule(fields: Fields): JsonObject | undefined {
  if (Object.keys(fields.given).length === 0) return {}
  fields.refuseUnknown(new Set(ruleKeys))
  fields.needs(ruleKeys)
  const interval = fields.read('interval', (value) => intervals.find((each) => each === value))
  const time = fields.read('time', asTime)
  const days = fields.integer('retention', 1, maxRetention)
  if (interval === undefined || time === undefined || days === undefined) return undefined
  return { interval, time, retention: String(days) }
}

/** Hours and minutes. */
const asTime = (value: JsonValue): string | undefined =>
  typeof value === 'string' && /^([01]\d|2[0-3])[0-5]\d$/.test(value) ? value : undefined
