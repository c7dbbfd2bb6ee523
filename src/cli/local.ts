/** Asks the agent of this host, over its Unix socket alone: without a token, a store or a network. */
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { Option } from 'commander'
import type { JsonObject, JsonValue } from '../core/json.ts'
import {
  type DeviceInForce,
  decodeAnswer,
  type LocalAnswer,
  longestWaitMs,
  runtimeDirectory,
  socketName,
} from '../core/model/local.ts'
import type { Reader } from '../core/model/strict.ts'
import { err, ok, type Result } from '../core/result.ts'
import { answer, answerJson, complain, printable } from './output.ts'
import { inWords } from './words.ts'

export const socketOption = () =>
  new Option(
    '--socket <path>',
    `of the agent (default: ${join(runtimeDirectory, socketName)}, else .portcullis/${socketName} here)`,
  ).env('PORTCULLIS_SOCKET')

/** Why there is no answer, in words: `absent`: no agent runs; else one is there, and does not answer. */
export interface Unanswered {
  readonly absent: boolean
  readonly text: string
}

export interface LocalFlags {
  readonly socket?: string
}

/** Bytes: an answer names devices, and says why. */
const mostAnswered = 1024 * 1024

export interface Patience {
  /** Milliseconds for all of it; absent: longer than the agent takes at most. */
  readonly patienceMs?: number
}

export const askAgent = (
  verb: string,
  body: JsonObject,
  { socket, ...patience }: LocalFlags & Patience = {},
): Promise<Result<LocalAnswer, Unanswered>> => askAt(socketPaths(socket), verb, body, decodeAnswer, patience)

/** Where an agent may listen: `directory` is that of its states. */
export const socketPaths = (socket: string | undefined, directory = '.portcullis'): readonly string[] =>
  socket === undefined
    ? [join(runtimeDirectory, socketName), join(resolve(directory), socketName)]
    : [resolve(socket)]

/** Asks who listens at the first of the paths. */
export async function askAt<T>(
  paths: readonly string[],
  verb: string,
  body: JsonObject,
  decode: Reader<T>,
  { patienceMs = longestWaitMs + 3000 }: Patience = {},
): Promise<Result<T, Unanswered>> {
  const line = `${JSON.stringify({ [verb]: body })}\n`
  const until = performance.now() + patienceMs
  for (const path of paths) {
    const said = await exchange(path, line, until - performance.now())
    if (said.ok) return read(said.value, path, decode)
    const code = (said.error as NodeJS.ErrnoException).code ?? ''
    if (!absent.has(code)) {
      const text = code === '' ? said.error.message : inWords(said.error)
      return err({ absent: false, text: `the agent at ${path}: ${text}` })
    }
  }
  const text = `no agent runs on this host: nothing listens at ${paths.join(', nor at ')}`
  return err({ absent: true, text })
}

/** Of a socket that is not there, or whose agent has ended. */
const absent = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED'])

function read<T>(text: string, path: string, decode: Reader<T>): Result<T, Unanswered> {
  try {
    return ok(decode(JSON.parse(text) as JsonValue))
  } catch {
    return err({ absent: false, text: `what listens at ${path} does not answer as an agent does` })
  }
}

/** One line there, and one line back; an error without a code is one of ours. */
function exchange(path: string, line: string, patienceMs: number): Promise<Result<string, Error>> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    let said = ''
    function end(result: Result<string, Error>): void {
      clearTimeout(patience)
      socket.destroy()
      resolve(result)
    }
    const seconds = Math.round(patienceMs / 100) / 10
    const patience = setTimeout(
      () => end(err(new Error(`it has not answered for ${seconds} s`))),
      Math.max(0, patienceMs),
    )
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write(line))
    socket.on('error', (error) => {
      // One that answers before it has read everything closes the pipe under us.
      const isAnswered = said.endsWith('\n')
      end(isAnswered ? ok(said) : err(error))
    })
    socket.on('data', (text: string) => {
      said += text
      if (said.includes('\n')) end(ok(said.slice(0, said.indexOf('\n'))))
      else if (said.length > mostAnswered) end(err(new Error('it does not end what it answers')))
    })
    socket.on('end', () => end(err(new Error('it has ended before it answered'))))
  })
}

/**
 * Tells what was answered, and sets the exit status: 0 it is so; 1 it is not, and why on standard error, or the agent cannot say; 2 there is
 * no agent, or what was asked is wrong. Answers whether it is so.
 */
export function tellAnswer(
  said: Result<LocalAnswer, Unanswered>,
  {
    json,
    inWords: words,
  }: { readonly json?: true | undefined; readonly inWords: (devices: readonly DeviceInForce[]) => string },
): boolean {
  if (!said.ok) {
    complain(said.error.text, said.error.absent ? 2 : 1)
    return false
  }
  const { value } = said
  if (value.answer === 'done') {
    if (json) answerJson(JSON.stringify({ devices: value.devices }, null, 2))
    else answer(printable(words(value.devices)))
    return true
  }
  if (value.answer === 'refused') {
    if (json) answerJson(JSON.stringify({ refused: value.devices }, null, 2))
    for (const { device, why } of value.devices) complain(`${device}: ${why}`, 1)
    return false
  }
  complain(value.why, value.answer === 'invalid' ? 2 : 1)
  return false
}
