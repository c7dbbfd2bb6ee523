/** Verbs that read and write one resource of the API: how they are made, what they ask, and how they answer. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { JsonObject } from '../core/json.ts'
import { ask, type Question, type Refusal, readAnswer, withCaller } from './caller.ts'
import { answer, answerJson, complain, printable } from './output.ts'

/** What every verb can be told beside its own. */
export interface ResourceFlags {
  readonly json?: true
  /** Of verbs with `--if-revision`. */
  readonly ifRevision?: number
}

export const exitStatus =
  'Exit status: 0 done; 1 refused, or it failed; 2 it could not be tried: usage, or nobody answers.'

/** A command that calls the service. `example` is a whole line, as somebody would type it. */
export function verb(
  name: string,
  description: string,
  example: string,
  { statuses }: { readonly statuses?: string } = {},
): Command {
  const status = statuses === undefined ? exitStatus : `Exit status: ${statuses}`
  return withCaller(new Command(name))
    .description(description)
    .option('--json', 'answer in JSON')
    .addHelpText('after', `\nExample: ${example}\n\n${status}`)
}

/** For verbs that change or remove something. */
export const ifRevisionOption = () =>
  new Option('--if-revision <number>', 'only if it is still of this revision, as it was shown').argParser(
    (text) => {
      const revision = Number(text)
      if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(revision)) return revision
      throw new InvalidArgumentError('Expected a whole number.')
    },
  )

/** What is answered, with `member` in it; undefined when there is no such answer, and that has been told. */
export async function call<T extends object = JsonObject>(
  command: Command,
  path: string,
  member: keyof T & string,
  question: Question = {},
): Promise<T | undefined> {
  const response = await ask(command, path, question)
  const body = response.ok ? await readAnswer<T>(response.value, member) : response
  if (body.ok) return body.value
  complainOf(body.error)
  return undefined
}

/** Whether it is gone; when not, that has been told. */
export async function remove(command: Command, path: string, question: Question = {}): Promise<boolean> {
  const response = await ask(command, path, { method: 'DELETE', ...question })
  if (!response.ok) complainOf(response.error)
  return response.ok
}

/** Every item of a list under `member`, page by page; undefined when one is not answered, and that has been told. */
export async function list<T extends object = JsonObject>(
  command: Command,
  path: string,
  member: string,
  filters: Readonly<Record<string, string | undefined>> = {},
): Promise<readonly T[] | undefined> {
  const items: T[] = []
  const query = new URLSearchParams({ limit: '1000' })
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(name, value)
  for (;;) {
    const page = await call<Page<T>>(command, `${path}?${query}`, member)
    if (!page) return undefined
    items.push(...(page[member] as readonly T[]))
    if (typeof page.next !== 'string') return items
    query.set('cursor', page.next)
  }
}

type Page<T> = { readonly [member: string]: readonly T[] | string | null; readonly next: string | null }

/** Prints an answer, if there is one: as JSON when that is wanted. */
export function show<T extends object>(
  { json }: ResourceFlags,
  body: T | undefined,
  inWords: (body: T) => string,
): void {
  if (body === undefined) return
  if (json) answerJson(JSON.stringify(body, null, 2))
  else answer(inWords(body).split('\n').map(printable).join('\n'))
}

/** Lines of columns as wide as they must be; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** An answer that says no is 1; where there is none, 2. */
const complainOf = ({ text, status }: Refusal): void => complain(text, status === undefined ? 2 : 1)
