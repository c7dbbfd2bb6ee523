/** How speaking to the kernel can fail, by what the caller has to do about it. */
import { constants } from 'node:os'
import { getSystemErrorMessage } from 'node:util'

/** libc cannot be called on this machine, or its kernel has no such sockets: whoever has another way takes it. */
export class LibraryError extends Error {
  override readonly name = 'LibraryError'
}

/** A call of the system's failed before anything was sent: nothing has changed. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError'
  /** `EPERM` and the like. */
  readonly code: string

  constructor(call: string, errno: number) {
    const code = errnoName(errno)
    super(`${call}: ${code}: ${errnoMessage(errno)}`)
    this.code = code
  }
}

/** What the kernel said against one message. */
export interface Failure {
  /** Of the message among those that were sent, from 0; -1: a batch as a whole, when it was to be committed. */
  readonly index: number
  /** `ENOENT` and the like. */
  readonly code: string
  /** Its own words; empty on kernels and for errors that have none. */
  readonly text: string
  /** Of the attribute it is about, in bytes from the beginning of the message; null when it names none. */
  readonly offset: number | null
  /** The type of an attribute that is missing; null when none is. */
  readonly missing: number | null
}

/** The kernel refused. A batch has changed nothing; of several messages outside of one, those without a failure are done. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  /** At least one, in the order of the messages. */
  readonly failures: readonly Failure[]
  /** Of the first failure. */
  readonly code: string

  constructor(failures: readonly Failure[]) {
    const [first] = failures
    super(failures.map(inWords).join('; '))
    this.failures = failures
    this.code = first?.code ?? ''
  }
}

/** More than the kernel takes at once, and it cannot be told to take more: nothing has changed. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
}

/** The request was sent and its acknowledgement was lost: only a look at what stands tells whether it was done. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError'
}

/** What was asked for changed each time while it was answered: nothing was answered. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/** Codes of the kernel that programs outside are not meant to see, and do. */
const inner: Readonly<Record<number, string>> = { 85: 'ERESTART', 512: 'ERESTARTSYS', 524: 'ENOTSUPP' }

const names = new Map<number, string>()
for (const [name, errno] of Object.entries(constants.errno)) {
  if (!names.has(errno)) names.set(errno, name)
}
// The kernel's word for the one of two names.
names.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP')

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? inner[errno] ?? `E${errno}`
}

function errnoMessage(errno: number): string {
  return names.has(errno) ? getSystemErrorMessage(-errno) : 'an error of the kernel'
}

function inWords({ index, code, text, offset }: Failure): string {
  const where = index < 0 ? 'the batch' : `message ${index}`
  const errno = constants.errno[code as keyof typeof constants.errno]
  const what = text === '' && errno !== undefined ? errnoMessage(errno) : text
  return `${where}: ${code}${what === '' ? '' : `: ${what}`}${offset === null ? '' : ` (at byte ${offset})`}`
}
