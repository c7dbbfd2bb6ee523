/** Bodies about servers → what the services take (contract: scaleway §3 B). */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { Result } from '../../core/result.ts'
import type { Catalogue } from './catalogue.ts'
import { decodeSize } from './decode-volume.ts'
import { type Failure, uuidPattern } from './errors.ts'
import { Fields, maxCharacters, maxTags } from './fields.ts'
import { type VolumeType, volumeTypes } from './wire.ts'

/** A volume for a slot of a server: one there is, or a new one. */
export interface WantedVolume {
  /** Where the body names it: `volumes.0.id`. */
  readonly argument: string
  /** "0", "1", … */
  readonly slot: string
  /** Undefined: a new one. */
  readonly id: string | undefined
  readonly type: VolumeType | undefined
  /** Bytes. */
  readonly size: number | undefined
  readonly name: string | undefined
  /** Id of the snapshot to make it from. */
  readonly snapshot: string | undefined
  readonly boot: boolean
}

export interface WantedServer {
  readonly name: string
  readonly commercialType: string
  /** Id or label, as it is asked for: whether there is such an image is the caller's to see. */
  readonly image: string | undefined
  readonly project: string | undefined
  readonly organization: string | undefined
  readonly group: string | undefined
  /** Ids of flexible IPs, in order. */
  readonly ips: readonly string[]
  readonly ipv6: boolean
  /** With the root volume, when there is an image. */
  readonly volumes: readonly WantedVolume[]
  readonly placementGroup: string | undefined
  readonly attributes: JsonObject
}

const serverKeys: ReadonlySet<string> = new Set(['security_group'])

const bootTypes = ['local', 'bootscript', 'rescue'] as const
export const maxVolumes = 16

export function decodeNewServer(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<WantedServer, Failure> {
  const fields = Fields.of(body)
  const name = fields.required('name', fields.text('name', maxCharacters.name) || undefined)
  const commercialType = fields.required('commercial_type', decodeType(fields, catalogue))
  if (['commercial_type', 'image', 'volumes'].every((key) => fields.isAbsent(key))) {
    for (const key of ['image', 'volumes']) fields.required(key, undefined)
  }
  const image = fields.text('image', 100)?.toLowerCase() || undefined
  const ipv6 = fields.boolean('enable_ipv6') ?? false
  const wanted = {
    image,
    project: fields.uuid('project'),
    organization: fields.uuid('organization'),
    group: fields.text('security_group', 100) || undefined,
    ips: decodeIps(fields) ?? legacyIp(fields),
    ipv6,
    volumes: withRoot(decodeVolumes(fields) ?? [], image),
    placementGroup: decodePlacementGroup(fields) ?? undefined,
    attributes: decodeCommon(fields),
  }
  return fields.result(() => ({ ...wanted, name: name ?? '', commercialType: commercialType ?? '' }))
}

export interface ServerFields {
  readonly name?: string
  readonly group?: string
  /** All its volumes from now on. */
  readonly volumes?: readonly WantedVolume[]
  /** Ids of all its IPs from now on, in order. */
  readonly ips?: readonly string[]
  readonly placementGroup?: string
  readonly commercialType?: string
  readonly attributes: JsonObject
}

/** What is absent stays. A server always has a group, so null is no group to have. */
export function decodeServerChange(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<ServerFields, Failure> {
  const fields = Fields.of(body)
  const name = fields.text('name', maxCharacters.name)
  if (name === '') fields.refuse('name', 'required', 'a value is required')
  const commercialType = decodeType(fields, catalogue)
  const given = fields.given.security_group
  const group = objectOf(given)?.id
  if (given !== undefined && typeof group !== 'string') {
    fields.refuse('security_group', 'format', 'expected an object with the id of a group')
  }
  const volumes = decodeVolumes(fields)
  for (const { argument, id } of volumes ?? []) {
    if (id === undefined) fields.refuse(argument, 'required', 'a value is required')
  }
  const placementGroup = decodePlacementGroup(fields)
  const ips = decodeIps(fields)
  const attributes = decodeCommon(fields)
  return fields.result(() => ({
    ...(name !== undefined && { name }),
    ...(typeof group === 'string' && { group }),
    ...(volumes && { volumes }),
    ...(ips && { ips }),
    ...(placementGroup && { placementGroup }),
    ...(commercialType !== undefined && { commercialType }),
    attributes,
  }))
}

/** Kept as they are given, and answered again. */
function decodeCommon(fields: Fields): JsonObject {
  fields.refuseUnknownAbout(serverKeys, /security|firewall|filter|rule|acl/i)
  // No system is behind it that could encrypt a password.
  if (fields.text('admin_password_encryption_ssh_key_id', 100)) {
    fields.refuse('admin_password_encryption_ssh_key_id', 'constraint', 'is not supported')
  }
  const kept = {
    tags: fields.texts('tags', maxTags),
    boot_type: fields.oneOf('boot_type', bootTypes),
    protected: fields.boolean('protected'),
    dynamic_ip_required: fields.boolean('dynamic_ip_required'),
    enable_ipv6: fields.boolean('enable_ipv6'),
  }
  return Object.fromEntries(
    Object.entries(kept).filter(
      (entry): entry is [string, NonNullable<(typeof entry)[1]>] => entry[1] !== undefined,
    ),
  )
}

function decodeType(fields: Fields, { types }: Catalogue): string | undefined {
  const type = fields.text('commercial_type', 100)
  if (type === undefined || type === '') return undefined
  if (Object.hasOwn(types, type)) return type
  const known = Object.keys(types).join(', ')
  return fields.refuse('commercial_type', 'constraint', `expected one of ${known}`)
}

/** By slot; undefined when the body says nothing of them. */
function decodeVolumes(fields: Fields): readonly WantedVolume[] | undefined {
  if (fields.isAbsent('volumes')) return undefined
  const slots = Object.entries(objectOf(fields.given.volumes) ?? {})
  if (!objectOf(fields.given.volumes) || slots.length > maxVolumes) {
    return fields.refuse('volumes', 'constraint', `expected at most ${maxVolumes} volumes by slot`)
  }
  const seen = new Set<string>()
  return slots.flatMap(([slot, entry]): WantedVolume[] => {
    if (!/^(0|[1-9]\d?)$/.test(slot)) {
      fields.refuse('volumes', 'format', 'slots are numbers from 0')
      return []
    }
    const each = fields.inside(entry, `volumes.${slot}`)
    if (!each) return []
    const id = each.uuid('id')
    if (id !== undefined && seen.has(id)) each.refuse('id', 'constraint', 'the same volume is there twice')
    if (id !== undefined) seen.add(id)
    return [
      {
        ...{ argument: `volumes.${slot}.id`, slot, id },
        type: each.oneOf('volume_type', volumeTypes),
        size: decodeSize(each),
        name: each.text('name', maxCharacters.name) || undefined,
        snapshot: each.text('base_snapshot', 100) || undefined,
        boot: each.boolean('boot') ?? false,
      },
    ]
  })
}

const root: WantedVolume = {
  ...{ argument: 'volumes.0.id', slot: '0', id: undefined, type: undefined, size: undefined },
  ...{ name: undefined, snapshot: undefined, boot: false },
}

/** The root volume is there also when nobody asks for it. */
const withRoot = (volumes: readonly WantedVolume[], image: string | undefined): readonly WantedVolume[] =>
  image === undefined || volumes.some(({ slot }) => slot === '0') ? volumes : [root, ...volumes]

/** Flexible ones. */
export const maxIps = 10
/** With those of its own that an answer shows beside them: an interface has at most 1000. */
const maxShownIps = 1100

/** Ids, or objects that have them, as answers do. */
function decodeIps(fields: Fields): readonly string[] | undefined {
  const { public_ips: given } = fields.given
  if (given === undefined || given === null) return undefined
  if (!Array.isArray(given)) return fields.refuse('public_ips', 'constraint', 'expected a list')
  const ids = given.map((each) => (typeof each === 'string' ? each : objectOf(each)?.id))
  const known = ids.filter((id) => typeof id === 'string' && id.length <= 100) as string[]
  if (known.length < ids.length) return fields.refuse('public_ips', 'format', 'expected ids of IPs')
  const unique = [...new Set(known.map((id) => id.toLowerCase()))]
  if (unique.length <= maxShownIps) return unique
  return fields.refuse('public_ips', 'constraint', `at most ${maxIps}`)
}

/** The one IP that clients of before named. */
function legacyIp(fields: Fields): readonly string[] {
  const id = fields.text('public_ip', 100)
  return id ? [id.toLowerCase()] : []
}

/** Null: out of any. */
function decodePlacementGroup(fields: Fields): string | null | undefined {
  const { placement_group: given } = fields.given
  if (given === undefined || given === null) return given
  if (typeof given === 'string' && uuidPattern.test(given)) return given.toLowerCase()
  return fields.refuse('placement_group', 'constraint', 'not a valid value')
}

export const serverActions = [
  'poweron',
  'poweroff',
  'stop_in_place',
  'reboot',
  'terminate',
  'backup',
] as const
export type PerformedAction = Exclude<(typeof serverActions)[number], 'backup'>

export function decodeAction(body: JsonValue | undefined): Result<PerformedAction, Failure> {
  const fields = Fields.of(body)
  const action = fields.required('action', fields.oneOf('action', serverActions))
  // Nothing is kept that could be restored: an answer that it is would be believed.
  if (action === 'backup') fields.refuse('action', 'constraint', 'backups are not made here')
  return fields.result(() => action as PerformedAction)
}
