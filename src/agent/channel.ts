/**
 * Messages between a service and an agent: JSON objects, one a line, over a stream that goes both ways.
 *
 * What is large is several messages: each is made when there is room for it, and between two of them everything else that
 * waits for the event loop gets its turn. A line that cannot be read ends the connection.
 */
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'

export interface Message extends JsonObject {
  readonly type: string
}

/** A message as JSON text, on one line. */
export type Text = string

export interface Channel {
  /**
   * Sends them in order, behind what was sent before. Resolves when the system has taken the last, or the channel has
   * ended; nobody is told whether it arrives.
   */
  send(messages: Iterable<Message | Text>): Promise<void>
  /** Ends our side, behind what was sent before. Resolves when that is done. */
  close(): Promise<void>
}

export interface ChannelOptions {
  readonly stream: Duplex
  /** By type, what is done with the rest of a message. What it throws ends the connection. */
  readonly incoming: Readonly<Record<string, (rest: JsonObject) => void>>
  /** Called once: with what could not be read or made, or with null when the stream has ended, wherever in a message. */
  readonly ended: (error: Error | null) => void
  /** Whether `ended` ends the stream, because it has to say something there first. */
  readonly endsStream?: boolean
  /** Bytes that a line may have: a policy with all of its rules goes on one. */
  readonly maxLine?: number
  /** Milliseconds that the other side may take for a piece of what is sent: it is ended when it has not read it by then. */
  readonly patienceMs?: number
  /** Told of each line that comes, in bytes; answers for how many milliseconds nothing more is read. Absent: all is read at once. */
  readonly pace?: (bytes: number) => number
}

/** Bytes that are written at once: whoever reads slowly takes one after the other, and is seen to. */
const pieceSize = 64 * 1024

export function openChannel({
  stream,
  incoming,
  ended,
  endsStream = false,
  maxLine = 64 * 1024 * 1024,
  patienceMs = 60_000,
  pace = () => 0,
}: ChannelOptions): Channel {
  let over = false
  function end(error: unknown): void {
    if (over) return
    over = true
    if (!endsStream) stream.destroy()
    ended(error === null || error instanceof Error ? error : new Error(String(error)))
  }

  /** Milliseconds for which nothing more is read. */
  let pause = 0
  function read(line: Buffer): void {
    // What comes behind the end is nobody's.
    if (over) return
    pause = pace(line.length)
    const message = parse(line)
    if (!isObject(message)) throw new Error('a line that is no JSON object')
    const { type, ...rest } = message
    const take = typeof type === 'string' && Object.hasOwn(incoming, type) ? incoming[type] : undefined
    if (!take) throw new Error(`a message of an unknown type: ${JSON.stringify(type)?.slice(0, 100)}`)
    take(rest)
  }
  const lines = createLines(maxLine, read)
  stream.on('data', (chunk: Buffer) => {
    if (over) return
    try {
      lines.add(chunk)
    } catch (error) {
      end(error)
    }
    if (over || pause <= 0) return
    stream.pause()
    setTimeout(() => stream.resume(), pause)
    pause = 0
  })
  for (const event of ['end', 'error', 'close']) stream.on(event, () => end(null))

  async function sendNow(messages: Iterable<Message | Text>): Promise<void> {
    for (const message of messages) {
      const text = typeof message === 'string' ? message : JSON.stringify(message)
      const line = Buffer.from(`${text}\n`)
      for (let at = 0; at < line.length; at += pieceSize) {
        if (over) return
        if (!stream.write(line.subarray(at, at + pieceSize))) await drained(stream, patienceMs)
      }
      await turn()
    }
  }
  /** What is several messages is not mixed with others. */
  let last: Promise<void> = Promise.resolve()
  return {
    send(messages) {
      last = last.then(() => sendNow(messages)).catch(end)
      return last
    },
    async close() {
      await last
      if (!over) await new Promise<void>((resolve) => stream.end(() => resolve()))
    },
  }
}

/** Resolves when it takes more, or nothing any more; rejects when it has taken nothing for so long. */
function drained(stream: Duplex, patienceMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(patience)
      stream.off('drain', done).off('close', done)
      resolve()
    }
    const patience = setTimeout(() => {
      reject(new Error(`what is said has not been read for ${patienceMs / 1000} s`))
      done()
    }, patienceMs).unref()
    stream.on('drain', done).on('close', done)
    if (stream.destroyed) done()
  })
}

/** Cuts bytes into lines. */
function createLines(maxLine: number, read: (line: Buffer) => void) {
  /** The beginning of a line, in the first `length` bytes: in one piece, because a piece for each that comes is more than what it holds. */
  let held: Buffer = Buffer.alloc(0)
  let length = 0
  function hold(bytes: Buffer): void {
    const all = length + bytes.length
    if (all > maxLine) throw new Error(`a line of more than ${maxLine} bytes`)
    if (all > held.length) {
      const larger = Buffer.allocUnsafe(Math.min(maxLine, Math.max(2 * held.length, all)))
      held.copy(larger, 0, 0, length)
      held = larger
    }
    bytes.copy(held, length)
    length = all
  }
  return {
    add(chunk: Buffer): void {
      let from = 0
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        const rest = chunk.subarray(from, at)
        from = at + 1
        if (length === 0 && rest.length <= maxLine) {
          read(rest)
          continue
        }
        hold(rest)
        const line = held.subarray(0, length)
        held = Buffer.alloc(0)
        length = 0
        read(line)
      }
      if (from < chunk.length) hold(chunk.subarray(from))
    },
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined where it is no JSON: the runtime's own complaint would repeat what is in it. */
function parse(line: Buffer): JsonValue | undefined {
  try {
    return JSON.parse(utf8.decode(line))
  } catch {
    return undefined
  }
}
