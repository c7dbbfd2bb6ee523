/**
 * Requests over the agent's socket: one a connection, one line, one line that answers it.
 *
 * Whoever speaks is of this host and may do harm anyway; what it cannot do is keep the agent from its work: lines,
 * connections, bytes and time are bounded.
 */
import type { Socket } from 'node:net'
import { isObject, type JsonValue } from '../../core/json.ts'
import { type AgentStanding, type LocalAnswer, maxDomainLength } from '../../core/model/local.ts'
import type { Reader } from '../../core/model/strict.ts'

/** One line back. */
export type Said = LocalAnswer | AgentStanding

/** Answers what follows a verb. */
export type Handler = (body: JsonValue, ending: AbortSignal) => Promise<Said>

/** By verb. */
export type Handlers = Readonly<Record<string, Handler>>

export interface Bounds {
  /** Bytes of a request: the description of a domain is the longest thing that is said. */
  readonly line: number
  /** Bytes of all requests that are not whole yet. */
  readonly held: number
  readonly connections: number
  /** Milliseconds until a request is whole, and its answer read. */
  readonly patienceMs: number
  /** Milliseconds until it is answered. */
  readonly answerMs: number
}

const bounds: Bounds = {
  // In JSON each quotation mark and each end of a line is two bytes, and something is around it.
  line: 2 * maxDomainLength + 1024,
  held: 16 * 1024 * 1024,
  connections: 512,
  patienceMs: 2000,
  answerMs: 10_000,
}

/** `read` throws what is wrong with a request. */
export const handler =
  <T>(read: Reader<T>, answer: (request: T, ending: AbortSignal) => Promise<Said>): Handler =>
  async (body, ending) => {
    let request: T
    try {
      request = read(body)
    } catch (error) {
      return { answer: 'invalid', why: wordsOf(error) }
    }
    return answer(request, ending)
  }

/** Answers what is to be done with each connection, whose other half stays open when one is ended. */
export function createConversations(handlers: Handlers, limits: Partial<Bounds> = {}) {
  const { line, held: mostHeld, connections, patienceMs, answerMs } = { ...bounds, ...limits }
  const open = new Set<Socket>()
  const ending = new AbortController()
  let held = 0

  /** Nobody waits for longer until it is read. */
  function reply(socket: Socket, said: Said): void {
    socket.write(`${JSON.stringify(said)}\n`)
    socket.destroySoon()
    setTimeout(() => socket.destroy(), patienceMs).unref()
  }

  async function answer(text: Buffer): Promise<Said> {
    const request = parse(text)
    const [[verb, body] = ['', null], ...more] = isObject(request) ? Object.entries(request) : []
    if (!isObject(request) || verb === '' || more.length > 0)
      return { answer: 'invalid', why: 'expected one line of JSON: an object with one verb' }
    const handle = Object.hasOwn(handlers, verb) ? handlers[verb] : undefined
    if (!handle)
      return { answer: 'invalid', why: `this agent does not know ${JSON.stringify(verb.slice(0, 40))}` }
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), answerMs)
    timer.unref()
    const unanswered = new Promise<LocalAnswer>((resolve) => {
      late.signal.addEventListener('abort', () =>
        resolve({ answer: 'unable', why: `there was no answer within ${answerMs / 1000} s` }),
      )
    })
    try {
      return await Promise.race([handle(body, AbortSignal.any([ending.signal, late.signal])), unanswered])
    } catch (error) {
      return { answer: 'unable', why: wordsOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  function converse(socket: Socket): void {
    socket.on('error', () => socket.destroy())
    if (open.size >= connections || ending.signal.aborted) {
      reply(socket, { answer: 'unable', why: 'too many ask at once: try again' })
      return
    }
    open.add(socket)
    const pieces: Buffer[] = []
    let length = 0
    let isWhole = false
    const forget = () => {
      held -= length
      length = 0
      pieces.length = 0
    }
    function refuse(why: string): void {
      isWhole = true
      clearTimeout(patience)
      forget()
      // What comes still is passed over: who writes on would not hear why.
      socket.end(`${JSON.stringify({ answer: 'invalid', why } satisfies LocalAnswer)}\n`)
      setTimeout(() => socket.destroy(), patienceMs).unref()
    }
    const patience = setTimeout(
      () => refuse(`no whole request came within ${patienceMs / 1000} s`),
      patienceMs,
    )
    patience.unref()
    socket.on('close', () => {
      clearTimeout(patience)
      forget()
      open.delete(socket)
    })
    socket.on('end', () => {
      if (!isWhole) refuse('it ends before its line does')
    })
    socket.on('data', (chunk: Buffer) => {
      // What follows the request is nobody's.
      if (isWhole) return
      const end = chunk.indexOf(10)
      const piece = end < 0 ? chunk : chunk.subarray(0, end)
      if (length + piece.length > line || held + piece.length > mostHeld) {
        const why =
          length + piece.length > line ? `a request has at most ${line} bytes` : 'too much is asked at once'
        return refuse(why)
      }
      pieces.push(piece)
      length += piece.length
      held += piece.length
      if (end < 0) return
      clearTimeout(patience)
      isWhole = true
      const text = Buffer.concat(pieces)
      forget()
      socket.pause()
      void answer(text).then((said) => reply(socket, said))
    })
  }

  return {
    converse,
    /** Answers nobody any more. */
    close(): void {
      ending.abort()
      for (const socket of open) socket.destroy()
    },
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(line: Buffer): JsonValue | undefined {
  try {
    return JSON.parse(utf8.decode(line))
  } catch {
    return undefined
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
