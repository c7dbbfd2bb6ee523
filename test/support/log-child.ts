/** Reads a group of packet logs where this process is, and hands its messages to the process that has forked it. */
import { LogUnavailableError, openLog } from '../../src/agent/netlink/nflog.ts'

export type LogSaid =
  | { readonly open: true }
  | { readonly error: string; readonly unavailable: boolean }
  /** Of one packet, as the kernel sent it. */
  | { readonly message: Uint8Array }
  | { readonly lost: true }

const [group = '', range = ''] = process.argv.slice(2)
const say = (what: LogSaid) => process.send?.(what)
try {
  await openLog(
    { group: Number(group), range: Number(range) },
    {
      onMessage(message) {
        const { payload, type } = message
        const bytes = Buffer.alloc(16 + payload.length)
        bytes.writeUInt32LE(bytes.length, 0)
        bytes.writeUInt16LE(type, 4)
        payload.copy(bytes, 16)
        say({ message: bytes })
      },
      onLost: () => say({ lost: true }),
    },
  )
  say({ open: true })
} catch (error) {
  say({ error: String((error as Error).message), unavailable: error instanceof LogUnavailableError })
}
process.on('disconnect', () => process.exit())
