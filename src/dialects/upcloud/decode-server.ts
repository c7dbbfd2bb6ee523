/** Bodies of server requests → what the services take (contract: upcloud §3.3). */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { ok, type Result } from '../../core/result.ts'
import type { ServerChange } from '../../service/servers.ts'
import type { Catalogue } from './catalogue.ts'
import { decodeInterfaces, refusedInterfaces, type WantedNic } from './decode-interfaces.ts'
import { decodeDisks, type WantedDisk } from './decode-storages.ts'
import { type Failure, invalid, unknownAttribute } from './errors.ts'
import { decodeLabels, Fields, filtering, isAbsent, isLine } from './fields.ts'

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
  const fields = Fields.of(body, 'server')
  fields.refuseUnknown(known)
  const refused = refusedInterfaces(fields.given)
  if (refused) fields.add(refused)
  fields.needs(['zone', 'hostname', 'title'])
  const zone = fields.read('zone', (value) => catalogue.zones.find(({ id }) => id === value)?.id)
  const { title = '', firewall = false, attributes } = decodeCommon(fields, catalogue)
  const nics = decodeInterfaces(fields)
  const disks = decodeDisks(fields, attributes.plan, catalogue)
  if (zone === undefined) return fields.failed()
  // Without a plan or a size it is the smallest there is, without a plan.
  const size =
    'plan' in attributes || 'core_number' in attributes ? {} : { core_number: 1, memory_amount: 1024 }
  return fields.result(() => ({
    title,
    zone: String(zone),
    firewall,
    attributes: { remote_access_password: randomBytes(6).toString('base64url'), ...size, ...attributes },
    nics,
    disks,
  }))
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
): Result<ServerChange, Failure> {
  const fields = Fields.of(body, 'server')
  const refused = refusedFiltering(fields.given) ?? refusedInterfaces(fields.given, answered)
  if (refused) fields.add(refused)
  const { zone } = fields.given
  // It stays where it is, and clients say so.
  if (!isAbsent(zone) && zone !== answered.zone && !catalogue.zones.some(({ id }) => id === zone)) {
    fields.refuse('zone')
  }
  const changed = fields.beside(differing(fields.given, answered))
  const { title, firewall, attributes } = decodeCommon(changed, catalogue)
  return fields.result(() => ({
    ...(title !== undefined && { name: title }),
    ...(firewall !== undefined && { chain: { enabled: firewall } }),
    // A plan takes the place of a size of one's own, and the other way round.
    attributes: { ...('plan' in attributes && { core_number: null, memory_amount: null }), ...attributes },
  }))
}

/** The body of stop and restart; absent means the defaults. */
export function decodeStop(body: JsonValue | undefined, key: string): Result<undefined, Failure> {
  if (body === undefined) return ok(undefined)
  const fields = Fields.of(body, key)
  fields.read('stop_type', (type) => (type === 'soft' || type === 'hard' ? type : undefined))
  return fields.result(() => undefined)
}

interface Common {
  readonly title?: string
  readonly firewall?: boolean
  readonly attributes: JsonObject
}

function decodeCommon(fields: Fields, { plans }: Catalogue): Common {
  const attributes: Record<string, JsonValue> = {}
  const { firewall = null, plan } = fields.given
  if (firewall !== null && firewall !== 'on' && firewall !== 'off') fields.refuse('firewall')
  const title = fields.line('title', 255, 'SERVER_TITLE_INVALID')
  const hostname = fields.read('hostname', asHostname)
  if (hostname !== undefined) attributes.hostname = hostname
  const labels = fields.read('labels', decodeLabels)
  if (labels) attributes.labels = labels as unknown as JsonValue
  // A plan that is not one of ours is the name of a size of one's own, as the service itself calls it.
  if (!isAbsent(plan) && plan !== 'custom') {
    const offered = fields.read('plan', (value) => plans.find(({ name }) => name === value))
    attributes.plan = plan
    // For when the catalogue no longer lists the plan.
    if (offered) attributes.planSize = { cores: offered.core_number, memory: offered.memory_amount }
  } else {
    for (const [key, most] of [
      ['core_number', 200],
      ['memory_amount', 1_048_576],
    ] as const) {
      const value = fields.integer(key, 1, most)
      if (value !== undefined) attributes[key] = value
    }
    // Half a size is completed by the smallest other half.
    if (attributes.core_number !== undefined) attributes.memory_amount ??= 1024
    if (attributes.memory_amount !== undefined) attributes.core_number ??= 1
  }
  for (const key of kept) {
    const value = fields.line(key, 1000)
    if (value !== undefined) attributes[key] = value
  }
  for (const key of ['metadata', 'remote_access_enabled']) {
    if (key in attributes && attributes[key] !== 'yes' && attributes[key] !== 'no') fields.refuse(key)
  }
  // Terraform splits anything but "no" at the comma.
  if ('simple_backup' in attributes && !/^(no|\d{4},\w+)$/.test(String(attributes.simple_backup))) {
    fields.refuse('simple_backup')
  }
  return {
    ...(title !== undefined && { title }),
    ...(firewall !== null && { firewall: firewall === 'on' }),
    attributes,
  }
}

const asHostname = (value: JsonValue): string | undefined =>
  isLine(value, 128) && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value) ? value : undefined
