/** A reporter for `run.ts`: one line of JSON for every test that ended, so that totals over several runners are exact. */
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/** Begins every line of ours, in a stream that others write to. */
export const mark = '\u0001test '

export default async function* events(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const file = data.file === undefined ? {} : { file: relative(process.cwd(), data.file) }
    if (data.nesting === 0)
      yield line({ type: 'time', name: data.name, ...file, ms: data.details.duration_ms })
    // A suite is not a test: it fails with its tests.
    if (data.details.type === 'suite' && !(type === 'test:fail' && isOwnFailure(data.details.error))) continue
    const skip = data.skip ?? data.todo
    const ended = skip !== undefined && skip !== false ? 'skip' : type === 'test:pass' ? 'pass' : 'fail'
    yield line({
      type: ended,
      name: data.name,
      ...file,
      ...(typeof skip === 'string' ? { reason: skip } : {}),
      ...(type === 'test:fail' && ended === 'fail' ? { reason: reasonOf(data.details.error) } : {}),
    })
  }
}

const line = (event: object): string => `${mark}${JSON.stringify(event)}\n`

/** A suite whose own body or hook failed, rather than a test in it. */
const isOwnFailure = (error: unknown): boolean =>
  (error as { failureType?: string } | undefined)?.failureType !== 'subtestsFailed'

/** What the assertion said, in few words: the rest is in the output of the runner. */
function reasonOf(error: unknown): string {
  const { cause, message = '' } = (error ?? {}) as { readonly cause?: { message?: string }; message?: string }
  return (cause?.message ?? message).replaceAll(/\s+/g, ' ').slice(0, 500)
}
