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

/** Above every UUID: ids that hold a server's number. */
const numbered = 1n << 128n

/** v2's id of a server: its own, which is a UUID, or its number where the operator chose another id. */
export const vpsId = (server: string, number: number | null = null): string =>
  `vps_${encode(uuid.test(server) ? bitsOf(server) : numbered + BigInt(number ?? 0))}`

/** The server that an id of v2 means, if it can mean one: by its own id or its number. */
export function serverOf(vps: string): { readonly id: string } | { readonly number: number } | undefined {
  const text = /^vps_([0-9a-hjkmnp-tv-z]{26})$/.exec(vps)?.[1]
  if (text === undefined) return undefined
  let value = 0n
  for (const letter of text) value = (value << 5n) | BigInt(alphabet.indexOf(letter))
  if (value >= numbered) {
    const number = Number(value - numbered)
    return Number.isSafeInteger(number) ? { number } : undefined
  }
  const hex = value.toString(16).padStart(32, '0')
  return { id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') }
}

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

/** How the id begins of the group that such a name stands for; undefined for any other name. */
export function groupIdPrefix(rowName: string): string | undefined {
  const [, first, second] = /^g([0-9a-f]{8})([0-9a-f]{4})$/.exec(rowName) ?? []
  return first === undefined ? undefined : `${first}-${second}`
}
