/**
 * The lines of the file that an agent keeps: a heading, all there is, and then what changed. Plain text in, plain text out.
 *
 * Each line begins with a checksum over itself and all lines before it: of lines that are missing, changed or in another
 * order none is read.
 */
import { crc32 } from 'node:zlib'
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import { exactly, listOf, oneOf, textOf } from '../../core/model/strict.ts'
import { type Binding, readBinding } from '../bindings.ts'

/** Another number whenever a line means something else. */
export const version = 1

const format = 'portcullis kept state'

/** What the first line says. */
export interface Heading {
  readonly host: string
}

/** Bindings as of one boot: those of another are forgotten. */
export interface BindingRecord {
  /** Of the kernel and the network namespace: numbers of devices mean nothing in another one. */
  readonly boot: string
  readonly put: readonly (readonly [id: string, binding: Binding])[]
  readonly remove: readonly string[]
}

/** Bindings that one line holds at most. */
const perLine = 2000

export interface LineWriter {
  /** The next line, with its end. */
  line(json: JsonObject): string
}

/** For one file, from its first line on. `after`: the checksum of the line that it goes on behind. */
export function createLineWriter(after = 0): LineWriter {
  let checksum = after
  return {
    line(json) {
      const text = JSON.stringify(json)
      checksum = crc32(text, checksum)
      return `${inHex(checksum)} ${text}\n`
    },
  }
}

export const heading = ({ host }: Heading): JsonObject => ({ format, version, host })

export function* bindingLines(
  boot: string,
  { put, remove }: Omit<BindingRecord, 'boot'>,
): Generator<JsonObject> {
  for (let at = 0; at === 0 || at < Math.max(put.length, remove.length); at += perLine) {
    const bindings = put.slice(at, at + perLine).map(([id, binding]) => ({ id, ...binding }))
    yield { type: 'bindings', boot, put: bindings, remove: remove.slice(at, at + perLine) }
  }
}

/** Why a file is not used, in words for the operator. */
export class UnusableError extends Error {}

/** What a line says behind the heading, and where it ends. */
export interface Line {
  readonly json: JsonObject
  /** Bytes from the beginning of the file. */
  readonly end: number
  /** As a `LineWriter` goes on behind it. */
  readonly checksum: number
}

/**
 * The lines behind the heading. What follows the last end of a line is half a line, whose writer was ended in the middle of it: it is left
 * out. Throws an UnusableError where the file is damaged, of another version, or of another host.
 */
export function readLines(file: Buffer, host: string): Line[] {
  const lines: Line[] = []
  let [checksum, begin] = [0, 0]
  for (let end = file.indexOf(10); end >= 0; end = file.indexOf(10, begin)) {
    const text = file.toString('utf8', begin + 9, end)
    checksum = crc32(text, checksum)
    const isWhole = file.toString('latin1', begin, begin + 9) === `${inHex(checksum)} `
    const json = isWhole ? objectOf(JSON.parse(text) as JsonValue) : undefined
    if (!json) throw new UnusableError(begin === 0 ? unknown : `line ${lines.length + 1} is damaged`)
    if (begin === 0) checkHeading(json, host)
    begin = end + 1
    lines.push({ json, end: begin, checksum })
  }
  if (lines.length === 0) throw new UnusableError(unknown)
  return lines.slice(1)
}

const unknown = 'it is no kept state'

const inHex = (checksum: number): string => checksum.toString(16).padStart(8, '0')

function checkHeading(json: JsonObject, host: string): void {
  if (json.format !== format) throw new UnusableError(unknown)
  if (json.version !== version)
    throw new UnusableError(
      `it is of version ${JSON.stringify(json.version)} of the format, and this agent reads version ${version}`,
    )
  if (json.host !== host)
    throw new UnusableError(`it is of host ${JSON.stringify(json.host)}, not of ${host}`)
}

const readPut = exactly('binding', {
  id: textOf('id'),
  device: (json) => json,
  index: (json) => json,
  address: (json) => json,
})

/** Throws on what was not written as one. */
export const readBindings = exactly<BindingRecord & { readonly type: string }>('bindings', {
  type: oneOf('type', ['bindings']),
  boot: textOf('boot'),
  put: listOf('put', (json) => {
    const { id, ...binding } = readPut(json)
    return [id, readBinding(binding)] as const
  }),
  remove: listOf('remove', textOf('id')),
})
