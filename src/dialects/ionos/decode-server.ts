/** Bodies that create a server, with its volumes and NICs, or change one (contract: ionos §4, ionos-more §6). */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Given, nestedProperties, readersOf } from './body.ts'
import type { Template } from './catalogue.ts'
import { nestedNics } from './decode.ts'
import { decodeNewVolume, unsupported, type VolumeSetting } from './decode-volume.ts'
import { type Fields, flag, merged, type Table, text } from './fields.ts'
import type { WantedNic } from './wire.ts'

const reference = {
  type: 'json',
  objection: (value: JsonValue) =>
    idOf(value) === undefined ? 'Attribute value must be an object with the id of a resource' : undefined,
} as const

/** The id of a reference; undefined if the value is none. */
function idOf(value: JsonValue): string | undefined {
  const id = isObject(value) ? value.id : undefined
  return typeof id === 'string' && /^[\w.-]{1,64}$/.test(id) ? id.toLowerCase() : undefined
}

const table: Table = {
  name: text,
  hostname: { ...text, emptyIsNull: true },
  type: { type: 'text', immutable: true, oneOf: ['ENTERPRISE', 'CUBE', 'VCPU'] },
  cores: { type: 'integer', range: [1, 1024] },
  ram: {
    type: 'integer',
    range: [256, 1 << 24],
    objection: (value) =>
      Number(value) % 256 === 0 ? undefined : 'RAM of requested server is not a multiple of 256',
  },
  availabilityZone: { ...text, emptyIsNull: true },
  cpuFamily: { ...text, emptyIsNull: true },
  templateUuid: { ...text, emptyIsNull: true, immutable: true },
  placementGroupId: { ...text, emptyIsNull: true },
  nicMultiQueue: flag,
  bootCdrom: reference,
  bootVolume: reference,
}

/** A volume to create with its server, or the id of a present one to attach. */
export type WantedVolume = { readonly make: JsonObject } | { readonly attach: string }

/** A server's properties as stored; null where they are cleared. */
export interface ServerProperties {
  readonly name?: string
  readonly attributes: JsonObject
  /** Id of the boot volume, null for none; absent: no change. */
  readonly bootVolume?: string | null
}

export interface WantedServer {
  readonly properties: ServerProperties
  readonly volumes: readonly WantedVolume[]
  readonly nics: readonly WantedNic[]
}

export function decodeServer(
  body: Given,
  setting: Omit<VolumeSetting, 'template'>,
): Result<WantedServer, RequestError> {
  const { properties: fields, entities } = readersOf(body)
  const read = merged({ type: 'ENTERPRISE' }, fields.properties(table))
  const cube = read.type === 'CUBE'
  const template = cube ? templateOf(read, setting, fields) : undefined
  if (!cube) {
    fields.needs(['cores', 'ram'])
    if (read.templateUuid !== undefined)
      fields.refuse('templateUuid', 'Attribute is only allowed for a server of type CUBE')
  }
  const nics = nestedNics(entities)
  const volumes = (entities.items('volumes') ?? []).map((item): WantedVolume => {
    const { id } = item.given
    if (typeof id === 'string' && item.isAbsent('properties')) return { attach: id }
    const of = { ...setting, ...(template && { template }) }
    return { make: decodeNewVolume(nestedProperties(item), of) }
  })
  const sound = fields.result(() => undefined)
  if (!sound.ok) return sound
  for (const volume of volumes) {
    const refused = 'make' in volume ? unsupported(volume.make) : undefined
    if (refused) return err(refused)
  }
  const given = cube
    ? { ...read, cores: template?.cores ?? null, ram: template?.ram ?? null }
    : {
        ...read,
        cpuFamily:
          read.cpuFamily ??
          setting.offered.inLocation(setting.location).cpuArchitecture[0]?.cpuFamily ??
          null,
      }
  return ok({ properties: split(given), volumes, nics })
}

function templateOf(
  read: JsonObject,
  { offered }: Omit<VolumeSetting, 'template'>,
  fields: Fields,
): Template | undefined {
  for (const name of ['cores', 'ram'])
    if (read[name] !== undefined)
      fields.refuse(name, 'Attribute is not allowed: the template of the Cube decides')
  const { templateUuid: id } = read
  const template = typeof id === 'string' ? offered.templates.get(id.toLowerCase()) : undefined
  if (id === undefined) fields.report('templateUuid', { kind: 'missing' })
  else if (!template) fields.refuse('templateUuid', `No template has the id '${id}'`)
  return template
}

/** The properties that change; `old`: the server as the API shows it. */
export function decodeServerChange(body: Given, old: JsonObject): Result<ServerProperties, RequestError> {
  const { properties: fields } = readersOf(body)
  const read = fields.properties(table, old)
  const cube = old.type === 'CUBE'
  for (const name of ['cores', 'ram']) {
    if (read[name] === null) fields.report(name, { kind: 'missing' })
    else if (cube && read[name] !== undefined && read[name] !== old[name])
      fields.refuse(name, 'Attribute is not allowed in update requests: the template of the Cube decides')
  }
  // A server that is not a Cube always has a CPU family, so null clears nothing.
  const { cpuFamily, ...rest } = read
  return fields.result(() => split(cpuFamily === null && !cube ? rest : read))
}

function split({ name, bootVolume, bootCdrom, ...attributes }: JsonObject): ServerProperties {
  return {
    ...(name !== undefined && { name: String(name ?? '') }),
    ...(bootVolume !== undefined && { bootVolume: idOf(bootVolume) ?? null }),
    attributes: { ...attributes, ...(bootCdrom !== undefined && { bootCdrom: idOf(bootCdrom) ?? null }) },
  }
}
