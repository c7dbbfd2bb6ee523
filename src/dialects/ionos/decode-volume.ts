/** A volume's properties, and those that its image or its Cube's template decides (contract: ionos-more §5). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Given, readersOf } from './body.ts'
import type { Offered, Template } from './catalogue.ts'
import { impossible } from './errors.ts'
import { type Fields, flag, merged, type Table, text, uuidPattern } from './fields.ts'

/** Accepts any case and echoes the client's, because Terraform compares it. */
const licence = /^(linux|rhel|other|unknown|windows(20\d\d)?)$/i

const plugs = {
  ...{ cpuHotPlug: flag, ramHotPlug: flag, nicHotPlug: flag, nicHotUnplug: flag },
  ...{ discVirtioHotPlug: flag, discVirtioHotUnplug: flag },
}

const table: Table = {
  name: text,
  type: {
    ...({ type: 'text', immutable: true } as const),
    oneOf: ['HDD', 'SSD', 'SSD Standard', 'SSD Premium', 'DAS', 'ISO'],
  },
  size: {
    type: 'number',
    range: [0, 1 << 24],
    objection: (value) => (Number(value) > 0 ? undefined : 'Attribute value must be greater than 0'),
  },
  availabilityZone: { type: 'text', emptyIsNull: true, oneOf: ['AUTO', 'ZONE_1', 'ZONE_2', 'ZONE_3'] },
  image: {
    ...({ type: 'text', emptyIsNull: true, immutable: true } as const),
    objection: (value) => (uuidPattern.test(String(value)) ? undefined : 'Attribute value must be a UUID'),
  },
  imageAlias: { type: 'text', emptyIsNull: true, immutable: true },
  bus: { type: 'text', emptyIsNull: true, oneOf: ['VIRTIO', 'IDE', 'UNKNOWN'] },
  licenceType: {
    type: 'text',
    emptyIsNull: true,
    objection: (value) =>
      licence.test(String(value))
        ? undefined
        : `Attribute value '${value}' not allowed. Expected one of [LINUX, RHEL, WINDOWS, WINDOWS<year>, OTHER, UNKNOWN]`,
  },
  ...plugs,
  ...{ exposeSerial: flag, requireLegacyBios: flag },
  bootOrder: { type: 'text', emptyIsNull: true, oneOf: ['AUTO', 'NONE', 'PRIMARY'] },
  backupunitId: { type: 'text', emptyIsNull: true },
}

/** Secrets of guests, which never start here: checked, never stored. Only a create takes them. */
const secrets: Table = {
  imagePassword: { type: 'text', emptyIsNull: true, immutable: true, range: [0, 255] },
  sshKeys: { type: 'texts', emptyIsNull: true, immutable: true, range: [0, 100], longest: 16_384 },
  userData: {
    ...({ type: 'text', emptyIsNull: true, immutable: true, range: [0, 1 << 17] } as const),
    objection: (value) =>
      /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(String(value)) ? undefined : 'Attribute value must be base64 text',
  },
}

/** What a new volume depends on. */
export interface VolumeSetting {
  readonly offered: Offered
  /** Of the datacenter; aliases of images depend on it. */
  readonly location: string
  /** Of the Cube that is created with the volume; absent without one. */
  readonly template?: Template
}

/** A new volume as stored: without secrets and unset properties. */
export function decodeNewVolume(fields: Fields, setting: VolumeSetting): JsonObject {
  const { imageAlias = null, ...read } = fields.properties(table)
  fields.properties(secrets)
  const image = imageOf(read.image ?? null, imageAlias, setting, fields)
  const das = read.type === 'DAS'
  if (das && !setting.template)
    fields.refuse('type', "Attribute value 'DAS' is only allowed for a volume made with its Cube")
  if (das && (read.size ?? null) !== null)
    fields.refuse('size', 'Attribute is not allowed: the template of the Cube decides')
  const size = (das ? setting.template?.storageSize : (read.size ?? image?.size)) ?? null
  if (size === null && !das) fields.report('size', { kind: 'missing' })
  const licenceType = read.licenceType ?? image?.licenceType ?? null
  if (licenceType === null && imageAlias === null)
    fields.refuse('licenceType', "Attribute 'licenceType' is required where no image is given")
  const requireLegacyBios = read.requireLegacyBios ?? image?.properties?.requireLegacyBios ?? null
  const taken = { size, licenceType, requireLegacyBios, image: image?.id ?? null }
  return merged(plugsOf(image), { ...read, ...taken })
}

interface KnownImage {
  readonly id: string
  readonly size?: number
  readonly licenceType: string
  readonly properties?: JsonObject
}

function imageOf(
  id: JsonValue,
  alias: JsonValue,
  { offered, location }: VolumeSetting,
  fields: Fields,
): KnownImage | undefined {
  if (id !== null && alias !== null) {
    fields.refuse('imageAlias', 'Attribute is not allowed together with image')
  } else if (typeof alias === 'string') {
    const found = offered.imageOfAlias(location, alias)
    if (!found) fields.refuse('imageAlias', `No image in ${location} has the alias '${alias}'`)
    return found
  } else if (typeof id === 'string') {
    // Users' files name images of the vendor that the catalogue does not have.
    return offered.images.get(id.toLowerCase()) ?? { id, licenceType: 'UNKNOWN' }
  }
  return undefined
}

/** Devices that can be plugged while a guest runs: all for an unknown image, none without an image. */
const plugsOf = (image: KnownImage | undefined): JsonObject =>
  Object.fromEntries(
    Object.keys(plugs).map((name) => [name, image !== undefined && (image.properties?.[name] ?? true)]),
  )

/** Properties that an update may clear. */
const clearable = new Set(['name', 'availabilityZone', 'bus'])

/** The properties that change; `old`: the volume as the API shows it. */
export function decodeVolumeChange(body: Given, old: JsonObject): Result<JsonObject, RequestError> {
  const { properties: fields } = readersOf(body)
  const read = fields.properties(table, old)
  fields.properties(secrets, old)
  const { size } = read
  if (typeof size === 'number' && old.type === 'DAS' && size !== old.size)
    fields.refuse('size', 'Attribute is not allowed in update requests: the template of the Cube decides')
  else if (typeof size === 'number' && size < Number(old.size))
    fields.refuse('size', `Attribute value must be at least ${old.size}: volumes do not shrink`)
  const sound = fields.result(() => undefined)
  if (!sound.ok) return sound
  const refused = unsupported(read)
  if (refused) return err(refused)
  return ok(
    Object.fromEntries(Object.entries(read).filter(([name, value]) => value !== null || clearable.has(name))),
  )
}

/** Refuses well-formed properties that this service does not implement. */
export const unsupported = ({ backupunitId = null }: JsonObject): RequestError | undefined =>
  backupunitId === null ? undefined : impossible('backup units are not kept here: backupunitId must be null')
