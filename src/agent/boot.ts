/** What numbers of devices are good for: one run of a kernel, and one network namespace of it. */
import { randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'

/** The same text as long as the same number is the same device to this process; anew each time where that is not known. */
export async function bootOf(): Promise<string> {
  try {
    const [boot, { ino }] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'latin1'),
      stat('/proc/self/ns/net'),
    ])
    return `${boot.trim()}/${ino}`
  } catch {
    return randomUUID()
  }
}
