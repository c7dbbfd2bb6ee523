/** Ethernet addresses. */
import { err, ok, type Result } from '../result.ts'

/** Canonical text: six lower-case pairs with colons, `52:54:00:00:00:01`. */
export type Mac = string

/** Parses pairs separated all by colons or all by hyphens, in either case. */
export function parseMac(text: string): Result<Mac> {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) || /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i.test(text)
    ? ok(text.toLowerCase().replaceAll('-', ':'))
    : err('expected a MAC address such as 52:54:00:00:00:01')
}
