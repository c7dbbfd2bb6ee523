/** Which kernel and network namespace this process sees: what they count begins anew with another one. */
import { readFileSync, statSync } from 'node:fs'

/** Another text after the host has started again, and in another namespace. */
export function bootId(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)
  return `${boot}.${statSync('/proc/self/ns/net').ino.toString(36)}`
}
