/** Whether somebody keeps this host's clock: certificates and credentials end by it. Asked of the kernel, whoever keeps it. */
import { type Libc, loadLibc } from '../netlink/libc.ts'
import { type Findings, findingsOn, wordsOf } from './finding.ts'

const about = findingsOn('clock')

/** `struct timex` of 64-bit Linux (adjtimex(2)): its size, and where its maximum error in microseconds and its status are. */
const [size, maxErrorAt, statusAt] = [208, 24, 40]
const STA_UNSYNC = 0x40

export async function examineClock(libc: () => Promise<Pick<Libc, 'adjtimex' | 'errno'>> = loadLibc) {
  try {
    const { adjtimex, errno } = await libc()
    // Of zeroes it asks, and changes nothing.
    const time = Buffer.alloc(size)
    if (adjtimex(time) < 0) return untold(`errno ${errno()}`)
    if ((time.readInt32LE(statusAt) & STA_UNSYNC) === 0)
      return [
        about.ok(`synchronised, to within ${Math.ceil(Number(time.readBigInt64LE(maxErrorAt)) / 1000)} ms`),
      ]
    return [
      about.warning(
        'nobody synchronises it: certificates and credentials end by it',
        'timedatectl set-ntp true; where that fails, apt install chrony',
      ),
    ]
  } catch (error) {
    return untold(wordsOf(error))
  }
}

const untold = (why: string): Findings => [about.warning(`whether it is synchronised cannot be told: ${why}`)]
