/** The netfilter half of netlink: what its messages begin with, and batches, which are done as a whole or not at all. */
import { KernelError } from './errors.ts'
import { flags, type MessageBuilder, type MessageReader } from './message.ts'
import type { NetlinkSocket } from './socket.ts'

/** The subsystem in the upper byte, what is asked of it in the lower. */
export const typeOf = (subsystem: number, message: number): number => (subsystem << 8) | message

/** Bytes of the fixed part of every message. */
export const fixedLength = 4

/** The fixed part: a protocol family (AF_INET and the like), and a resource in network order. */
export function fixedPart(family: number, resource = 0): Buffer {
  return Buffer.from([family, 0, resource >>> 8, resource])
}

const batchBegin = 0x10
const batchEnd = 0x11

/** In the begin of a batch: the generation it is meant for, in network order. */
const generationAttribute = 1

export interface Batch {
  readonly subsystem: number
  /** Fails with ERESTART when another transaction came between. */
  readonly generation?: number
  /** Whether the kernel is to do it; without, it finds out what it would say, and does nothing. */
  readonly commit: boolean
}

/** Begins a batch in an empty builder; the messages follow, and then `sendBatch`. */
export function beginBatch(builder: MessageBuilder, { subsystem, generation }: Omit<Batch, 'commit'>): void {
  builder.clear().begin(batchBegin, flags.request, fixedPart(0, subsystem))
  if (generation !== undefined) builder.u32be(generationAttribute, generation)
}

/**
 * Sends what `beginBatch` began. Does nothing without messages. Throws as `transact` does; indices of messages are
 * from 0 without the begin, and failures of the whole batch have -1. `read` gets what messages with NLM_F_ECHO answer.
 */
export function sendBatch(
  socket: NetlinkSocket,
  builder: MessageBuilder,
  { subsystem, commit }: Batch,
  read?: (message: MessageReader) => void,
): void {
  // The last one's acknowledgement is that of all: they are sent after the commit, and with errors it does not happen.
  const last = builder.count - 1
  if (last < 1) return
  if (commit) builder.begin(batchEnd, flags.request, fixedPart(0, subsystem))
  try {
    socket.transact(builder.finish(), read, last)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new KernelError(error.failures.map((failure) => ({ ...failure, index: failure.index - 1 })))
  }
}
