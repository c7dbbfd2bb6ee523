/** Bodies of server requests → what the services take (contract: upcloud §3.3). */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ServerChange } from '../../service/services.ts'
import type { Catalogue } from './catalogue.ts'
import { decodeInterfaces, refusedInterfaces, type WantedNic } from './decode-interfaces.ts'
import { decodeDisks, type WantedDisk } from './decode-storages.ts'
import { type Failure, invalid, missing, unknownAttribute } from './errors.ts'
import { decodeLabels, filtering, integer, isAbsent, isLine, unwrapObject } from './fields.ts'

export interface WantedServer {
  readonly title: string
  readonly zone: string
  readonly firewall: boolean
  readonly attributes: JsonObject
  readonly nics: readonly WantedNic[]
  readonly disks: readonly WantedDisk[]
}

/** Kept as they are given, and answered again. */
const kept = [
  ...['boot_order', 'metadata', 'nic_model', 'remote_access_enabled', 'remote_access_password'],
  ...['remote_access_type', 'simple_backup', 'timezone', 'video_model'],
] as const

/** Attributes of POST, those without a meaning here included. */
const known: ReadonlySet<string> = new Set([
  ...kept,
  ...['avoid_host', 'core_number', 'firewall', 'host', 'hostname', 'interfaces', 'ip_addresses', 'labels'],
  ...[
    'login_user',
    'memory_amount',
    'networking',
    'password_delivery',
    'plan',
    'server_group',
    'storage_devices',
  ],
  ...['tags', 'title', 'user_data', 'zone'],
])

export function decodeNewServer(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<WantedServer, Failure> {
  const wrapped = unwrapObject(body, 'server')
  if (!wrapped.ok) return wrapped
  const given = wrapped.value
  const unknown = Object.keys(given).find((key) => !known.has(key))
  if (unknown !== undefined) return err(unknownAttribute(unknown))
  const refused = refusedInterfaces(given)
  if (refused) return err(refused)
  for (const key of ['zone', 'hostname', 'title']) if (isAbsent(given[key])) return err(missing(key))
  const { zone } = given
  if (!catalogue.zones.some(({ id }) => id === zone)) return err(invalid('zone'))
  const common = decodeCommon(given, catalogue)
  if (!common.ok) return common
  const nics = decodeInterfaces(given)
  if (!nics.ok) return nics
  const disks = decodeDisks(given.storage_devices, common.value.attributes.plan, catalogue)
  if (!disks.ok) return disks
  const { title, firewall = false, attributes } = common.value
  // Without a plan or a size it is the smallest there is, without a plan.
  const size =
    'plan' in attributes || 'core_number' in attributes ? {} : { core_number: 1, memory_amount: 1024 }
  return ok({
    title: title ?? '',
    zone: String(zone),
    firewall,
    attributes: { remote_access_password: randomBytes(6).toString('base64url'), ...size, ...attributes },
    nics: nics.value,
    disks: disks.value,
  })
}

/** The actions of a private firewall, and of the public one's default: not here yet, and nothing that could be left out in silence. */
const privateFirewall: Readonly<Record<string, readonly string[]>> = {
  firewall_private: ['on', 'off'],
  firewall_private_default_incoming_action: ['accept', 'drop'],
  firewall_private_default_outgoing_action: ['accept', 'drop'],
  firewall_public_default_incoming_action: ['accept', 'drop'],
  firewall_public_default_outgoing_action: ['accept', 'drop'],
}

/** What of filtering cannot be had; undefined when nothing such is asked for. */
function refusedFiltering(given: JsonObject): RequestError | undefined {
  for (const [key, value] of Object.entries(given)) {
    if (key === 'firewall' || !filtering.test(key.slice(0, 100))) continue
    const values = Object.hasOwn(privateFirewall, key) ? privateFirewall[key] : undefined
    if (!values) return unknownAttribute(key)
    const possible = values.some((each) => each === value)
    return invalid(
      key,
      undefined,
      possible
        ? `${key} is not supported: private interfaces are not filtered, and what no rule matches is accepted.`
        : `${key} must be ${values.join(' or ')}, and is not supported.`,
    )
  }
  return undefined
}

/** Size and plan are one choice of three attributes. */
const sizeKeys = ['plan', 'core_number', 'memory_amount']

/** What of a body differs from what the server answers: what is sent back as it was read changes nothing. */
function differing(given: JsonObject, answered: JsonObject): JsonObject {
  // The switch is compared where it is written: somebody may turn it meanwhile.
  const differs = (key: string) => key === 'firewall' || !isDeepStrictEqual(given[key], answered[key])
  const size = sizeKeys.some((key) => !isAbsent(given[key]) && differs(key))
  const kept = Object.keys(given).filter((key) => (sizeKeys.includes(key) ? size : differs(key)))
  return Object.fromEntries(kept.map((key) => [key, given[key] as JsonValue]))
}

/**
 * The body of PUT: clients send back nearly all they were given, so what has no meaning here is let pass, but for what
 * concerns filtering. `answered` is the server as GET answers it.
 */
export function decodeServerChange(
  body: JsonValue | undefined,
  answered: JsonObject,
  catalogue: Catalogue,
): Result<ServerChange, RequestError> {
  const wrapped = unwrapObject(body, 'server')
  if (!wrapped.ok) return wrapped
  const refused = refusedFiltering(wrapped.value) ?? refusedInterfaces(wrapped.value, answered)
  if (refused) return err(refused)
  const { zone } = wrapped.value
  // It stays where it is, and clients say so.
  if (!isAbsent(zone) && zone !== answered.zone && !catalogue.zones.some(({ id }) => id === zone)) {
    return err(invalid('zone'))
  }
  const common = decodeCommon(differing(wrapped.value, answered), catalogue)
  if (!common.ok) return common
  const { title, firewall, attributes } = common.value
  return ok({
    ...(title !== undefined && { name: title }),
    ...(firewall !== undefined && { chain: { enabled: firewall } }),
    // A plan takes the place of a size of one's own, and the other way round.
    attributes: { ...('plan' in attributes && { core_number: null, memory_amount: null }), ...attributes },
  })
}

/** The body of stop and restart; absent means the defaults. */
export function decodeStop(body: JsonValue | undefined, key: string): Result<undefined, RequestError> {
  if (body === undefined) return ok(undefined)
  const wrapped = unwrapObject(body, key)
  if (!wrapped.ok) return wrapped
  const { stop_type: type } = wrapped.value
  return isAbsent(type) || type === 'soft' || type === 'hard' ? ok(undefined) : err(invalid('stop_type'))
}

interface Common {
  readonly title?: string
  readonly firewall?: boolean
  readonly attributes: JsonObject
}

function decodeCommon(given: JsonObject, { plans }: Catalogue): Result<Common, RequestError> {
  const attributes: Record<string, JsonValue> = {}
  const { firewall = null, title, hostname, labels, plan } = given
  if (firewall !== null && firewall !== 'on' && firewall !== 'off') return err(invalid('firewall'))
  if (!isAbsent(title) && !isLine(title, 255)) return err(invalid('title', 'SERVER_TITLE_INVALID'))
  if (!isAbsent(hostname)) {
    if (!isLine(hostname, 128) || !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(hostname)) {
      return err(invalid('hostname'))
    }
    attributes.hostname = hostname
  }
  if (!isAbsent(labels)) {
    const decoded = decodeLabels(labels)
    if (!decoded) return err(invalid('labels'))
    attributes.labels = decoded as unknown as JsonValue
  }
  // A plan that is not one of ours is the name of a size of one's own, as the service itself calls it.
  if (!isAbsent(plan) && plan !== 'custom') {
    const offered = plans.find(({ name }) => name === plan)
    if (!offered) return err(invalid('plan'))
    attributes.plan = plan
    // For when the catalogue no longer lists the plan.
    attributes.planSize = { cores: offered.core_number, memory: offered.memory_amount }
  } else {
    for (const [key, most] of [
      ['core_number', 200],
      ['memory_amount', 1_048_576],
    ] as const) {
      if (isAbsent(given[key])) continue
      const value = integer(given[key], 1, most)
      if (value === undefined) return err(invalid(key))
      attributes[key] = value
    }
    // Half a size is completed by the smallest other half.
    if (attributes.core_number !== undefined) attributes.memory_amount ??= 1024
    if (attributes.memory_amount !== undefined) attributes.core_number ??= 1
  }
  for (const key of kept) {
    const value = given[key]
    if (isAbsent(value)) continue
    if (!isLine(value, 1000)) return err(invalid(key))
    attributes[key] = value
  }
  for (const key of ['metadata', 'remote_access_enabled']) {
    if (key in attributes && attributes[key] !== 'yes' && attributes[key] !== 'no') return err(invalid(key))
  }
  // Terraform splits anything but "no" at the comma.
  if ('simple_backup' in attributes && !/^(no|\d{4},\w+)$/.test(String(attributes.simple_backup))) {
    return err(invalid('simple_backup'))
  }
  return ok({
    ...(isAbsent(title) ? {} : { title: String(title) }),
    ...(firewall !== null && { firewall: firewall === 'on' }),
    attributes,
  })
}
