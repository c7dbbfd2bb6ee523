/** What this dialect stores in documents and attributes: LANs, volumes, IP blocks, slots, flow logs. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import type { DocumentRecord } from '../../storage/storage.ts'

export interface Lan {
  /** Its number. */
  readonly id: string
  readonly body: JsonObject
}

export interface Volume {
  readonly id: string
  readonly zone: string
  /** Its properties, and under `server` the id of the server that it is attached to. */
  readonly body: JsonObject
}

export function volumeOf({ id, body }: DocumentRecord): Volume {
  const [zone = '', own = ''] = id.split('/')
  return { id: own, zone, body }
}

export const isDas = ({ body }: Volume): boolean => body.type === 'DAS'

export const serverOf = ({ body }: Volume): string | undefined =>
  typeof body.server === 'string' ? body.server : undefined

/** A volume of a server, as stored with the server. */
export interface Attachment {
  readonly id: string
  readonly deviceNumber: number
  readonly pciSlot: number
}

/** A server's volumes in order of attachment. */
export const attachmentsOf = ({ volumes }: JsonObject): readonly (Attachment & JsonObject)[] =>
  Array.isArray(volumes) ? (volumes as readonly (Attachment & JsonObject)[]) : []

/** NICs of an inventory, and those of older stores, are counted from 5. */
export const pciSlotOf = ({ attributes, index }: Pick<Interface, 'attributes' | 'index'>): number =>
  typeof attributes.pciSlot === 'number' ? attributes.pciSlot : index + 4

export const lanNumber = ({ attributes }: Pick<Interface, 'attributes'>): string =>
  String(attributes.lan ?? 1)

/** A NIC's flow logs, stored in its attributes, in order. */
export const flowLogsOf = ({ flowLogs }: JsonObject): readonly JsonObject[] =>
  Array.isArray(flowLogs) ? flowLogs.filter(isObject) : []

const textOrNull = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null)

/** A datacenter's /56; null if it has none. */
export const datacenterBlockOf = ({ ipv6CidrBlock }: JsonObject): string | null => textOrNull(ipv6CidrBlock)

/**
 * The IPv6 block of a LAN or NIC; null if it has none. Older versions stored whatever clients wrote under
 * `ipv6CidrBlock` and `ipv4CidrBlock`; no block was allocated for that text, so it is ignored.
 */
export const ipv6BlockOf = ({ ipv6 }: JsonObject): string | null => textOrNull(ipv6)
/** The /24 of a LAN, as `ipv6BlockOf`. */
export const ipv4BlockOf = ({ ipv4 }: JsonObject): string | null => textOrNull(ipv4)

export interface IpBlock {
  readonly document: DocumentRecord
  /** Canonical text, in order of allocation. */
  readonly ips: readonly string[]
}

export const ipsOf = ({ ips }: JsonObject): readonly string[] => (Array.isArray(ips) ? ips.map(String) : [])

/** What a volume, server or NIC without its revision is written as. */
export function withoutRevision<T extends { readonly revision: number }>({
  revision: _,
  ...record
}: T): Omit<T, 'revision'> {
  return record
}
