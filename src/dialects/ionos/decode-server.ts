/** Bodies that create a server, with its volumes and NICs, or change one (contract: ionos §4, ionos-more §6). */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Given, itemsOf, nestedProperties } from './body.ts'
import type { Template } from './catalogue.ts'
import { nestedNics } from './decode.ts'
import { decodeNewVolume, unsupported, type VolumeSetting } from './decode-volume.ts'
import { violated } from './errors.ts'
import { flag, merged, readProperties, type Table, text, Violations } from './fields.ts'
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
  { properties, at, entities }: Given,
  setting: Omit<VolumeSetting, 'template'>,
): Result<WantedServer, RequestError> {
  const violations = new Violations()
  const read = merged({ type: 'ENTERPRISE' }, readProperties(table, properties, at, violations))
  const cube = read.type === 'CUBE'
  const template = cube ? templateOf(read, at, setting, violations) : undefined
  if (!cube) {
    for (const name of ['cores', 'ram'])
      if ((properties[name] ?? null) === null)
        violations.add(`${at}.${name}`, `Attribute '${name}' is required`)
    if (read.templateUuid !== undefined)
      violations.add(`${at}.templateUuid`, 'Attribute is only allowed for a server of type CUBE')
  }
  const nics = nestedNics(entities, violations)
  const volumes = (itemsOf(entities, 'volumes', '(root)', violations) ?? []).map(
    ({ item, at: where }): WantedVolume => {
      if (typeof item.id === 'string' && (item.properties ?? null) === null) return { attach: item.id }
      const given = nestedProperties(item, where, violations)
      const of = { ...setting, ...(template && { template }) }
      return { make: decodeNewVolume(given, `${where}.properties`, of, violations) }
    },
  )
  if (violations.count > 0) return err(violated(violations.list))
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
  at: string,
  { offered }: Omit<VolumeSetting, 'template'>,
  violations: Violations,
): Template | undefined {
  for (const name of ['cores', 'ram'])
    if (read[name] !== undefined)
      violations.add(`${at}.${name}`, 'Attribute is not allowed: the template of the Cube decides')
  const { templateUuid: id } = read
  const template = typeof id === 'string' ? offered.templates.get(id.toLowerCase()) : undefined
  if (id === undefined) violations.add(`${at}.templateUuid`, "Attribute 'templateUuid' is required")
  else if (!template) violations.add(`${at}.templateUuid`, `No template has the id '${id}'`)
  return template
}

/** The properties that change; `old`: the server as the API shows it. */
export function decodeServerChange(
  { properties, at }: Given,
  old: JsonObject,
): Result<ServerProperties, RequestError> {
  const violations = new Violations()
  const read = readProperties(table, properties, at, violations, old)
  const cube = old.type === 'CUBE'
  for (const name of ['cores', 'ram']) {
    if (read[name] === null) violations.add(`${at}.${name}`, `Attribute '${name}' is required`)
    else if (cube && read[name] !== undefined && read[name] !== old[name])
      violations.add(
        `${at}.${name}`,
        'Attribute is not allowed in update requests: the template of the Cube decides',
      )
  }
  if (violations.count > 0) return err(violated(violations.list))
  // A server that is not a Cube always has a CPU family, so null clears nothing.
  const { cpuFamily, ...rest } = read
  return ok(split(cpuFamily === null && !cube ? rest : read))
}

function split({ name, bootVolume, bootCdrom, ...attributes }: JsonObject): ServerProperties {
  return {
    ...(name !== undefined && { name: String(name ?? '') }),
    ...(bootVolume !== undefined && { bootVolume: idOf(bootVolume) ?? null }),
    attributes: { ...attributes, ...(bootCdrom !== undefined && { bootCdrom: idOf(bootCdrom) ?? null }) },
  }
}
