/** Devices and routing rules by rtnetlink, in the network namespace that this process is in. */
import type { Link } from '../core/model/link.ts'
import { type Mac, macOf } from '../core/net/mac.ts'
import { KernelError } from './netlink/errors.ts'
import { type Events, openEvents } from './netlink/events.ts'
import { type AttributeReader, flags, MessageBuilder, type MessageReader } from './netlink/message.ts'
import { NetlinkSocket } from './netlink/socket.ts'
import { protocols } from './netlink/transport.ts'

const newLink = 16
const delLink = 17
const getLink = 18
const newRule = 32
const delRule = 33
const getRule = 34

/** Fixed parts: `struct ifinfomsg` and `struct fib_rule_hdr`. */
const linkPart = 16
const rulePart = 12

const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_EXT_MASK = 29
const IFLA_LINK_NETNSID = 37
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_BR_MULTI_BOOLOPT = 46
const RTEXT_FILTER_SKIP_STATS = 8

const FRA_PRIORITY = 6
const FRA_SUPPRESS_PREFIXLEN = 14
const FRA_TABLE = 15
const FRA_PROTOCOL = 21

const groupOfLinks = 1
const groupsOfRules = [8, 19]

const families = { inet: 2, inet6: 10 } as const

/** Devices that take packets from another one before they are seen as its own, and send past its hooks. */
export const stacked: ReadonlySet<string | undefined> = new Set([
  'vlan',
  'macvlan',
  'macvtap',
  'ipvlan',
  'ipvtap',
  'macsec',
])

/** A device as the kernel says it: others by their index. */
interface Said {
  index: number
  name: string
  kind?: string
  masterKind?: string
  address?: Mac
  master?: number
  /** 0: none. */
  link?: number
  elsewhere?: boolean
  learnsLinkLocal?: boolean
}

/** Rejects as `NetlinkSocket` does. */
export async function readKernelLinks(): Promise<readonly Link[]> {
  const said = await dumped(getLink, linkPart, 0, readLink)
  const names = new Map(said.map(({ index, name }) => [index, name]))
  // One that was made or deleted since is named by its index: so does iproute2.
  const nameOf = (index: number): string => names.get(index) ?? `if${index}`
  return said.map(({ index, name, kind, address, master, masterKind, link, elsewhere, learnsLinkLocal }) => ({
    index,
    name,
    kind: kind ?? null,
    master: master === undefined ? null : { name: nameOf(master), kind: masterKind ?? '' },
    ...(address !== undefined && { address }),
    ...(link && !elsewhere && stacked.has(kind) && { parent: nameOf(link) }),
    ...(kind === 'bridge' && learnsLinkLocal && { learnsLinkLocal: true }),
  }))
}

/** The device of that name; undefined: there is none. Rejects as `NetlinkSocket` does. */
export async function readKernelLink(
  name: string,
): Promise<Pick<Link, 'index' | 'name' | 'address'> | undefined> {
  const request = new MessageBuilder(128)
    .begin(getLink, flags.request, Buffer.alloc(linkPart))
    .text(IFLA_IFNAME, name)
    .u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
  const socket = await NetlinkSocket.open(protocols.route)
  let said: Said | undefined
  try {
    socket.transact(request.finish(), (message) => {
      if (message.type === newLink) said = readLink(message)
    })
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENODEV') return undefined
    throw error
  } finally {
    socket.close()
  }
  return said && { index: said.index, name, ...(said.address !== undefined && { address: said.address }) }
}

/** Whether a family, `inet` and `inet6`, asks for routes as every new network namespace does, and by no other rule. */
export async function hasDefaultRoutingRules(family: keyof typeof families): Promise<boolean> {
  return (await dumped(getRule, rulePart, families[family], isDefault)).every((each) => each)
}

/**
 * Calls back when a device comes, goes or changes, with its name then, and when routing rules change; `lost`: any of
 * that may have happened. Rejects as `openEvents` does.
 */
export function openLinkEvents(listener: {
  link(index: number, name: string): void
  rule(): void
  lost(): void
}): Promise<Events> {
  return openEvents(protocols.route, [groupOfLinks, ...groupsOfRules], {
    onMessage(message) {
      if (message.type === newLink || message.type === delLink) {
        const { index, name } = readLink(message)
        listener.link(index, name)
      } else if (message.type === newRule || message.type === delRule) listener.rule()
    },
    onLost: () => listener.lost(),
  })
}

async function dumped<T>(
  type: number,
  fixedLength: number,
  family: number,
  read: (message: MessageReader) => T,
): Promise<T[]> {
  const fixed = Buffer.alloc(fixedLength)
  fixed[0] = family
  const request = new MessageBuilder(128).begin(type, 0, fixed)
  if (type === getLink) request.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
  const socket = await NetlinkSocket.open(protocols.route)
  try {
    return socket.dump(request.finish(), read)
  } finally {
    socket.close()
  }
}

function readLink(message: MessageReader): Said {
  const said: Said = { index: message.payload.readInt32LE(4), name: '' }
  for (const each = message.attributes(linkPart); each.next(); ) {
    if (each.type === IFLA_IFNAME) said.name = each.text()
    else if (each.type === IFLA_ADDRESS) readAddress(each.bytes(), said)
    else if (each.type === IFLA_LINK) said.link = each.u32()
    else if (each.type === IFLA_MASTER) said.master = each.u32()
    else if (each.type === IFLA_LINK_NETNSID) said.elsewhere = true
    else if (each.type === IFLA_LINKINFO) readInfo(each.nested(), said)
  }
  return said
}

function readAddress(bytes: Buffer, said: Said): void {
  // Those of tunnels are others.
  if (bytes.length === 6) said.address = macOf(BigInt(bytes.readUIntBE(0, 6)))
}

function readInfo(info: AttributeReader, said: Said): void {
  let data: AttributeReader | undefined
  while (info.next()) {
    if (info.type === IFLA_INFO_KIND) said.kind = info.text()
    else if (info.type === IFLA_INFO_SLAVE_KIND) said.masterKind = info.text()
    else if (info.type === IFLA_INFO_DATA) data = info.nested()
  }
  // What data means, its kind says; of a bridge, the first bit is `no_linklocal_learn`.
  while (said.kind === 'bridge' && data?.next()) {
    if (data.type === IFLA_BR_MULTI_BOOLOPT) said.learnsLinkLocal = (data.bytes().readUInt32LE(0) & 1) === 0
  }
}

/** `from all lookup` local, main or default, by the kernel's own hand, and nothing that we do not know. */
function isDefault(message: MessageReader): boolean {
  const fixed = message.payload
  const [, toLength, fromLength, tos, , , , action] = fixed
  const permanent = 1
  const toTable = 1
  if (toLength || fromLength || tos || action !== toTable || fixed.readUInt32LE(8) & ~permanent) return false
  let table = fixed.readUInt8(4)
  for (const each = message.attributes(rulePart); each.next(); ) {
    if (each.type === FRA_TABLE) table = each.u32()
    else if (each.type === FRA_SUPPRESS_PREFIXLEN) {
      if (each.u32() !== 0xffff_ffff) return false
    } else if (each.type === FRA_PROTOCOL) {
      if (each.u8() > 2) return false
    } else if (each.type !== FRA_PRIORITY) return false
  }
  return table >= 253 && table <= 255
}
