/** Bodies about servers → what the services take (contract: scaleway §3 B). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Result } from '../../core/result.ts'
import type { Catalogue } from './catalogue.ts'
import type { Failure } from './errors.ts'
import { Fields, mostCharacters, mostTags, objectOf } from './fields.ts'

export interface WantedDisk {
  /** On the server: "0", "1", … */
  readonly slot: string
  readonly type: string
  /** Bytes. */
  readonly size: number
  readonly name: string | undefined
  readonly boot: boolean
}

export interface WantedServer {
  readonly name: string
  readonly commercialType: string
  /** As it is asked for: whether there is such an image is the caller's to see. */
  readonly image: string | undefined
  readonly project: string | undefined
  readonly organization: string | undefined
  readonly group: string | undefined
  readonly ips: readonly string[]
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly disks: readonly WantedDisk[]
  readonly attributes: JsonObject
}

const serverKeys: ReadonlySet<string> = new Set(['security_group'])

const volumeTypes = ['l_ssd', 'b_ssd', 'scratch', 'sbs_volume'] as const
const bootTypes = ['local', 'bootscript', 'rescue'] as const
const mostDisks = 16
/** 10 TB, and what an image takes. */
const mostBytes = 10_000_000_000_000
const rootBytes = 10_000_000_000

export function decodeNewServer(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<WantedServer, Failure> {
  const fields = Fields.of(body)
  const name = fields.required('name', fields.text('name', mostCharacters.name) || undefined)
  const commercialType = fields.required('commercial_type', decodeType(fields, catalogue))
  const image = fields.text('image', 100)?.toLowerCase() || undefined
  const ipv6 = fields.boolean('enable_ipv6') ?? false
  const ipv4 = fields.boolean('dynamic_ip_required') ?? false
  const wanted = {
    image,
    project: fields.uuid('project'),
    organization: fields.uuid('organization'),
    group: fields.text('security_group', 100) || undefined,
    ips: fields.texts('public_ips', { items: 10, characters: 100 }) ?? [],
    ...{ ipv4, ipv6 },
    disks: decodeDisks(fields, image, catalogue),
    attributes: { image: image ?? null, ...decodeCommon(fields) },
  }
  return fields.result(() => ({ ...wanted, name: name ?? '', commercialType: commercialType ?? '' }))
}

export interface ServerFields {
  readonly name?: string
  readonly group?: string
  readonly attributes: JsonObject
}

/** What is absent stays. A server always has a group, so null is no group to have. */
export function decodeServerChange(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<ServerFields, Failure> {
  const fields = Fields.of(body)
  const name = fields.text('name', mostCharacters.name)
  if (name === '') fields.refuse('name', 'required', 'a value is required')
  const commercialType = decodeType(fields, catalogue)
  const given = fields.given.security_group
  const group = objectOf(given)?.id
  if (given !== undefined && typeof group !== 'string') {
    fields.refuse('security_group', 'format', 'expected an object with the id of a group')
  }
  const attributes = {
    ...decodeCommon(fields),
    ...(commercialType !== undefined && { commercial_type: commercialType }),
  }
  return fields.result(() => ({
    ...(name !== undefined && { name }),
    ...(typeof group === 'string' && { group }),
    attributes,
  }))
}

/** Kept as they are given, and answered again. */
function decodeCommon(fields: Fields): JsonObject {
  fields.refuseUnknown(serverKeys, /security|firewall|filter|rule|acl/i)
  const kept = {
    tags: fields.texts('tags', mostTags),
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

/** By slot; the first is there also when nobody asks for it, of the kind that the image is for. */
function decodeDisks(
  fields: Fields,
  image: string | undefined,
  { images }: Catalogue,
): readonly WantedDisk[] {
  const kind = image && images.get(image)?.type === 'instance_local' ? 'l_ssd' : 'sbs_volume'
  const root = { slot: '0', type: kind, size: rootBytes, name: undefined, boot: false }
  if (fields.isAbsent('volumes')) return image ? [root] : []
  const slots = Object.entries(objectOf(fields.given.volumes) ?? {})
  if (!objectOf(fields.given.volumes) || slots.length > mostDisks) {
    fields.refuse('volumes', 'constraint', `expected at most ${mostDisks} volumes by slot`)
    return []
  }
  const disks = slots.flatMap(([slot, entry]): WantedDisk[] => {
    if (!/^(0|[1-9]\d?)$/.test(slot)) {
      fields.refuse('volumes', 'format', 'slots are numbers from 0')
      return []
    }
    const each = fields.inside(entry, `volumes.${slot}`)
    if (!each) return []
    const size = each.integer('size')
    if (size !== undefined && (size < 0 || size > mostBytes)) {
      each.refuse('size', 'constraint', `value must be 0 to ${mostBytes}`)
    }
    return [
      {
        slot,
        type: each.oneOf('volume_type', volumeTypes) ?? kind,
        size: size || rootBytes,
        name: each.text('name', mostCharacters.name) || undefined,
        boot: each.boolean('boot') ?? false,
      },
    ]
  })
  return disks.some(({ slot }) => slot === '0') || !image ? disks : [root, ...disks]
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
