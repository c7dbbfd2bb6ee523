/** Bodies of server requests → what the services take (contract: upcloud §3.3). */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type InterfaceType, interfaceTypes } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ServerChange } from '../../service/services.ts'
import type { Catalogue } from './catalogue.ts'
import { isAbsent, isShort, objectOf, unwrap } from './decode.ts'
import { invalid, missing, requestInvalid, unknownAttribute } from './errors.ts'
import type { WireLabel } from './wire.ts'

export interface WantedNic {
  readonly type: InterfaceType
  readonly families: readonly ('IPv4' | 'IPv6')[]
}

export interface WantedDisk {
  /** A storage of the account's that is attached as it is. */
  readonly existing?: string
  readonly title: string
  /** GiB. */
  readonly size: number
  readonly tier: string
}

export interface WantedServer {
  readonly title: string
  readonly zone: string
  readonly firewall: boolean
  readonly attributes: JsonObject
  readonly nics: readonly WantedNic[]
  readonly disks: readonly WantedDisk[]
}

/** What upctl leaves to the service: an address of each kind. */
const defaultNics: readonly WantedNic[] = [
  { type: 'utility', families: ['IPv4'] },
  { type: 'public', families: ['IPv4'] },
  { type: 'public', families: ['IPv6'] },
]

const mostNics = 10
const mostDisks = 16

/** Kept as they are given, and answered again. */
const kept = [
  ...['boot_order', 'metadata', 'nic_model', 'remote_access_enabled', 'remote_access_password'],
  ...['remote_access_type', 'simple_backup', 'timezone', 'video_model'],
] as const

/** Attributes of POST, those without a meaning here included. */
const known: ReadonlySet<string> = new Set([
  ...kept,
  ...['avoid_host', 'core_number', 'firewall', 'host', 'hostname', 'interfaces', 'labels', 'login_user'],
  ...['memory_amount', 'networking', 'password_delivery', 'plan', 'server_group', 'storage_devices'],
  ...['tags', 'title', 'user_data', 'zone'],
])

export function decodeNewServer(
  body: JsonValue | undefined,
  catalogue: Catalogue,
): Result<WantedServer, RequestError> {
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
  const nics = decodeNics(given.networking)
  if (!nics.ok) return nics
  const disks = decodeDisks(given.storage_devices, catalogue)
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

/** Words in the names of attributes that are about what passes: one that is unknown here is refused, because ignoring it opens more than was meant. */
const filtering = /firewall|filter|security|ruleset|stateful|default_\w*action/i

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

/**
 * Interfaces check the sender of what leaves them, or do not, as the operator says: a body that says otherwise is refused.
 * `answered` is the server that it is of; without one it is a new server, whose interfaces check.
 */
function refusedInterfaces(given: JsonObject, answered?: JsonObject): RequestError | undefined {
  const [wanted, there] = [interfacesOf(given), interfacesOf(answered ?? {})]
  if (!wanted) return invalid('networking')
  for (const nic of wanted) {
    const key = 'source_ip_filtering'
    const unknown = Object.keys(nic).find((each) => each !== key && filtering.test(each.slice(0, 100)))
    if (unknown !== undefined) return unknownAttribute(unknown)
    const same = there?.find(({ index }) => String(index) === String(nic.index))
    const done = answered ? same?.[key] : 'yes'
    if (isAbsent(nic[key]) || nic[key] === done) continue
    const reason = done
      ? `${key} is ${done} here: the operator of the host decides it.`
      : `${key} is of an interface that the server does not have.`
    return invalid(key, undefined, reason)
  }
  return undefined
}

/** Undefined when it is anything but `{"interfaces":{"interface":[…]}}`. */
const interfacesOf = ({ networking }: JsonObject): readonly JsonObject[] | undefined =>
  isAbsent(networking)
    ? []
    : listOf(objectOf(objectOf(networking)?.interfaces)?.interface, Number.POSITIVE_INFINITY)

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
    if (!plans.some(({ name }) => name === plan)) return err(invalid('plan'))
    attributes.plan = plan
  } else {
    for (const [key, most] of [
      ['core_number', 200],
      ['memory_amount', 1_048_576],
    ] as const) {
      if (isAbsent(given[key])) continue
      const value = Number(given[key])
      if (!/^[1-9]\d{0,6}$/.test(String(given[key])) || value > most) return err(invalid(key))
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

/** `{"label":[{"key","value"}]}`; undefined when it is not that. */
function decodeLabels(value: JsonValue): readonly WireLabel[] | undefined {
  const list = Array.isArray(value) ? value : (objectOf(value)?.label ?? [])
  if (!Array.isArray(list) || list.length > 50) return undefined
  const labels: WireLabel[] = []
  for (const element of list as readonly JsonValue[]) {
    const { key, value: text = '' } = objectOf(element) ?? {}
    if (!isLine(key, 32) || typeof text !== 'string' || !isShort(text, 255)) return undefined
    labels.push({ key, value: text })
  }
  return labels
}

function decodeNics(networking: JsonValue | undefined): Result<readonly WantedNic[], RequestError> {
  if (isAbsent(networking)) return ok(defaultNics)
  const interfaces = objectOf(objectOf(networking)?.interfaces)
  const list = listOf(interfaces?.interface, mostNics)
  if (!list) return err(invalid('networking'))
  const nics: WantedNic[] = []
  for (const element of list) {
    const type = interfaceTypes.find((each) => each === element.type)
    if (!type) return err(invalid('type', 'INTERFACE_TYPE_INVALID'))
    const addresses = isAbsent(element.ip_addresses)
      ? []
      : listOf(objectOf(element.ip_addresses)?.ip_address, 5)
    if (!addresses) return err(invalid('ip_addresses'))
    const families: WantedNic['families'][number][] = []
    for (const { family = 'IPv4' } of addresses) {
      if (family !== 'IPv4' && (family !== 'IPv6' || type !== 'public')) return err(invalid('family'))
      families.push(family)
    }
    nics.push({ type, families: families.length > 0 ? families : ['IPv4'] })
  }
  return ok(nics)
}

const tiers: ReadonlySet<JsonValue> = new Set(['maxiops', 'standard', 'archive', 'hdd'])

function decodeDisks(
  devices: JsonValue | undefined,
  { templates }: Catalogue,
): Result<readonly WantedDisk[], RequestError> {
  if (isAbsent(devices)) return ok([])
  const list = listOf(objectOf(devices)?.storage_device, mostDisks)
  if (!list) return err(invalid('storage_devices'))
  const disks: WantedDisk[] = []
  for (const [index, element] of list.entries()) {
    const { action, storage, title, size, tier, encrypted } = element
    if (action !== 'clone' && action !== 'create' && action !== 'attach') return err(invalid('action'))
    if (action !== 'create' && typeof storage !== 'string') return err(missing('storage'))
    const given = isAbsent(size) ? undefined : Number(size)
    if (given !== undefined && !(Number.isInteger(given) && given >= 1 && given <= 4096))
      return err(invalid('size'))
    if (action === 'create' && given === undefined) return err(missing('size'))
    if (!isAbsent(encrypted) && encrypted !== 'no') {
      return err(invalid('encrypted', undefined, 'Storages are not encrypted here: encrypted must be no.'))
    }
    if (!isAbsent(tier) && !tiers.has(tier)) return err(invalid('tier'))
    if (!isAbsent(title) && !isLine(title, 255)) return err(invalid('title', 'STORAGE_TITLE_INVALID'))
    // A clone is as large as what it is of, unless it is to be larger.
    const origin = templates.find(({ uuid, title }) => uuid === storage || title === storage)
    disks.push({
      ...(action === 'attach' && { existing: String(storage) }),
      title: isAbsent(title) ? `disk${index + 1}` : String(title),
      size: given ?? origin?.size ?? 10,
      tier: isAbsent(tier) ? 'maxiops' : String(tier),
    })
  }
  return ok(disks)
}

function unwrapObject(body: JsonValue | undefined, key: string): Result<JsonObject, RequestError> {
  const wrapped = unwrap(body, key)
  if (!wrapped.ok) return wrapped
  const object = objectOf(wrapped.value)
  return object ? ok(object) : err(requestInvalid(`${key} must be an object.`))
}

/** Objects, at most so many; undefined when it is anything else. */
function listOf(value: JsonValue | undefined, most: number): readonly JsonObject[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined
  const objects = (value as readonly JsonValue[]).map(objectOf)
  return objects.every((each) => each !== undefined) ? objects : undefined
}

/** One line of text, at most so many characters. */
const isLine = (value: JsonValue | undefined, most: number): value is string =>
  typeof value === 'string' && value !== '' && isShort(value, most) && !/\p{Cc}/u.test(value)
