/** Ids as HostUp spells them, made from ours. */
import { createHash, randomUUID } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** 26 characters of base32 for 128 bits. */
function encode(value: bigint): string {
  let text = ''
  for (let left = value; text.length < 26; left >>= 5n) text = alphabet.charAt(Number(left & 31n)) + text
  return text
}

const bitsOf = (id: string) => BigInt(`0x${id.replaceAll('-', '')}`)

/** v2's id of a server whose own is a UUID; another is hashed, and then found by looking through all. */
export const vpsId = (server: string): string =>
  `vps_${encode(uuid.test(server) ? bitsOf(server) : bitsOf(createHash('sha256').update(server).digest('hex').slice(0, 32)))}`

/** v1 wants a UUID with every answer, whatever the caller called the request. */
export const v1RequestId = (requestId: string): string => (uuid.test(requestId) ? requestId : randomUUID())

export const v2RequestId = (requestId: string): string => `req_${encode(bitsOf(v1RequestId(requestId)))}`

/** The number HostUp knows a customer by. */
export const clientId = (account: string): number =>
  10_000 + (createHash('sha256').update(account).digest().readUInt32BE(0) % 90_000)

/** One value for the whole list, another after every change. */
export const digestOf = (policy: { readonly id: string; readonly revision: number }): string =>
  createHash('sha1').update(`${policy.id} ${policy.revision}`).digest('hex')

/** The name a group has where rules speak of it: a letter, and at most 18 characters. */
export const groupRowName = (group: string): string => `g${group.replaceAll('-', '').slice(0, 12)}`
