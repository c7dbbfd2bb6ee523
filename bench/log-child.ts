/** Prints for each packet that is logged to a group in its namespace: the UDP port that it goes to, and when it was heard, in nanoseconds of `process.hrtime`. */
import { openLog, readLogged } from '../src/agent/netlink/nflog.ts'

const log = await openLog(
  { group: Number(process.argv[2]), range: 128 },
  {
    onMessage(message) {
      const heard = process.hrtime.bigint()
      const { payload } = readLogged(message)
      process.stdout.write(`${payload.readUInt16BE(22)} ${heard}\n`)
    },
    onLost() {},
  },
)
process.stdout.write('listening\n')
// Until the parent is gone.
process.stdin.on('close', () => log.close())
process.stdin.resume()
