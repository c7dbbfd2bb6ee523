/** Tells a table from every other one that was ever made under its name, whichever way it is read. */
import { readFile } from 'node:fs/promises'

let boot: Promise<string> | undefined

/** `handle` is that of the table, which the kernel gives to no other one before it is started again; decimal. */
export async function epochOf(handle: string): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'latin1').then((text) => text.trim())
  return `${await boot}/${handle}`
}
