/**
 * The functions of libc that sockets need, called by koffi (decision 0019). This is the only place that calls native
 * code: every pointer handed to it is a Buffer with its own length, and no call waits.
 */
import { endianness } from 'node:os'
import { LibraryError } from './errors.ts'

/** As their manual pages say; a failure is -1, and then `errno` says which until the next call. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(socket: number, address: Buffer, length: number): number
  connect(socket: number, address: Buffer, length: number): number
  getsockname(socket: number, address: Buffer, length: Buffer): number
  setsockopt(socket: number, level: number, option: number, value: Buffer, length: number): number
  fcntl(descriptor: number, command: number, argument: number): number
  send(socket: number, bytes: Uint8Array, length: number, flags: number): number
  recv(socket: number, bytes: Uint8Array, length: number, flags: number): number
  close(descriptor: number): number
  /** `time` is a `struct timex`; the answer is the state of the clock, see adjtimex(2). */
  adjtimex(time: Buffer): number
  errno(): number
}

let loaded: Promise<Libc> | undefined

/** Rejects with a LibraryError where that is not possible, each time: it is tried once. */
export function loadLibc(): Promise<Libc> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<Libc> {
  // Layouts and numbers here and in the messages are those of 64-bit little-endian Linux.
  if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch)) {
    throw new LibraryError(`no sockets of the kernel on ${process.platform} ${process.arch}`)
  }
  try {
    // Only where it is needed: it costs 10 ms and 3 MB, and is not there on every machine.
    const { default: koffi } = await import('koffi')
    const library = koffi.load(null)
    return {
      socket: library.func('int socket(int, int, int)'),
      bind: library.func('int bind(int, const void *, uint32_t)'),
      connect: library.func('int connect(int, const void *, uint32_t)'),
      getsockname: library.func('int getsockname(int, _Out_ void *, _Inout_ void *)'),
      setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
      // Of variable arguments in C; an integer is handed over alike on both processors.
      fcntl: library.func('int fcntl(int, int, long)'),
      send: library.func('long send(int, const void *, size_t, int)'),
      recv: library.func('long recv(int, void *, size_t, int)'),
      close: library.func('int close(int)'),
      adjtimex: library.func('int adjtimex(_Inout_ void *)'),
      errno: () => koffi.errno(),
    }
  } catch (error) {
    throw new LibraryError('libc cannot be called: koffi is not installed, or does not run here', {
      cause: error,
    })
  }
}
