/** Bodies about volumes → what is stored of them (contract: scaleway-more §5). */
import type { JsonValue } from '../../core/json.ts'
import type { Result } from '../../core/result.ts'
import type { Failure } from './errors.ts'
import { Fields, maxCharacters, maxTags } from './fields.ts'
import { type VolumeAttributes, type VolumeType, volumeTypes } from './wire.ts'

/** 10 TB. */
const maxBytes = 10_000_000_000_000
const blockIops = [5000, 15_000]

export interface NewVolume {
  readonly name: string
  readonly size: number
  readonly tags: readonly string[]
  readonly iops?: number
  readonly project: string | undefined
  readonly organization: string | undefined
  /** Id of the snapshot to make it from. */
  readonly snapshot: string | undefined
}

/** A local volume, of the instance product. */
export function decodeNewVolume(body: JsonValue | undefined): Result<NewVolume, Failure> {
  const fields = Fields.of(body)
  const name = fields.required('name', fields.text('name', maxCharacters.name) || undefined)
  const snapshot = fields.text('base_snapshot', 100) || undefined
  fields.oneOf('volume_type', ['l_ssd'])
  const size = decodeSize(fields)
  if (snapshot === undefined) fields.required('size', size)
  const rest = {
    tags: fields.texts('tags', maxTags) ?? [],
    project: fields.uuid('project'),
    organization: fields.uuid('organization'),
    snapshot,
  }
  return fields.result(() => ({ ...rest, name: name ?? '', size: size ?? 0 }))
}

/** A volume of the block storage product. */
export function decodeNewBlockVolume(body: JsonValue | undefined): Result<NewVolume, Failure> {
  const fields = Fields.of(body)
  const name = fields.required('name', fields.text('name', maxCharacters.name) || undefined)
  const rest = {
    tags: fields.texts('tags', maxTags) ?? [],
    project: fields.uuid('project_id'),
    organization: undefined,
    iops: decodeIops(fields) ?? 5000,
  }
  const empty = fields.isAbsent('from_empty')
    ? undefined
    : fields.inside(fields.given.from_empty, 'from_empty')
  const from = fields.isAbsent('from_snapshot')
    ? undefined
    : fields.inside(fields.given.from_snapshot, 'from_snapshot')
  if (!empty && !from) fields.required('from_empty', undefined)
  const size = empty?.required('size', decodeSize(empty))
  const snapshot = from?.required('snapshot_id', from.text('snapshot_id', 100) || undefined)
  return fields.result(() => ({ ...rest, name: name ?? '', size: size ?? 0, snapshot }))
}

export type VolumeChange = Partial<Pick<VolumeAttributes, 'name' | 'size' | 'tags' | 'iops'>>

/** Absent keys keep their values. Only block volumes have `iops`. */
export function decodeVolumeChange(body: JsonValue | undefined): Result<VolumeChange, Failure> {
  const fields = Fields.of(body)
  const name = fields.text('name', maxCharacters.name)
  if (name === '') fields.refuse('name', 'required', 'a value is required')
  const tags = fields.texts('tags', maxTags)
  const iops = decodeIops(fields)
  const size = decodeSize(fields)
  return fields.result(() => ({
    ...(name !== undefined && { name }),
    ...(tags && { tags }),
    ...(size !== undefined && { size }),
    ...(iops !== undefined && { iops }),
  }))
}

/** 0 says nothing: clients whose types cannot be absent send it. */
export function decodeSize(fields: Fields): number | undefined {
  const size = fields.integer('size')
  if (size === undefined || size === 0) return undefined
  return size > 0 && size <= maxBytes
    ? size
    : fields.refuse('size', 'constraint', `value must be 0 to ${maxBytes}`)
}

function decodeIops(fields: Fields): number | undefined {
  const iops = fields.integer('perf_iops')
  if (iops === undefined || iops === 0 || blockIops.includes(iops)) return iops || undefined
  return fields.refuse('perf_iops', 'constraint', `expected one of ${blockIops.join(', ')}`)
}

export interface VolumeRequest {
  readonly id: string
  readonly type: VolumeType | undefined
  readonly boot: boolean
}

/** Which volume to attach or to detach. */
export function decodeVolumeRequest(body: JsonValue | undefined): Result<VolumeRequest, Failure> {
  const fields = Fields.of(body)
  const id = fields.required('volume_id', fields.uuid('volume_id'))
  const type = fields.oneOf('volume_type', volumeTypes)
  const boot = fields.boolean('boot') ?? false
  return fields.result(() => ({ id: id ?? '', type, boot }))
}
