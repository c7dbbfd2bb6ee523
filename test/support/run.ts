/**
 * Runs every test of the project, or those whose path contains one of the arguments, and ends with one line of totals.
 *
 * Suites that start processes and send packets run each in a runner of its own, so that what one leaves behind cannot
 * hang another; the rest share a few. Two runners at a time where there are processors, since most of them wait most of the
 * time. What a runner prints is shown when it has ended. With CI=true a skipped test is a failure: nothing is left out unseen.
 *
 * Suites that need hypervisors or build packages are a part of their own: they run when an argument names their folder.
 *
 *     node test/support/run.ts                    all but those of a part of its own
 *     node test/support/run.ts core storage/      those
 *     node test/support/run.ts --name "drop" e2e  those with that name
 *     node test/support/run.ts test/hypervisors   a part of its own
 */
import { spawn } from 'node:child_process'
import { glob } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { mark } from './events.ts'

/** Files that share a process, at most: each process loads the sources once more. */
const perProcess = 40
/** Paths that are run alone. */
const heavy = [/^test\/(e2e|hypervisors|package)\//, /^src\/storage\/.*crash/, /crash\.test\.ts$/]
/** Folders that need what few machines have, and a time of their own: only an argument that names one runs its files. */
const apart = ['hypervisors/', 'package/']

interface Event {
  readonly type: 'pass' | 'fail' | 'skip' | 'time'
  readonly name: string
  readonly file?: string
  readonly reason?: string
  readonly ms?: number
}

const { values, positionals } = parseArgs({ options: { name: { type: 'string' } }, allowPositionals: true })
const root = new URL('../../', import.meta.url).pathname

const files: string[] = []
for await (const file of glob(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })) files.push(file)
const chosen = files.filter(isChosen).sort()
if (chosen.length === 0) {
  process.stderr.write(`no test file has ${positionals.join(' or ')} in its path\n`)
  process.exit(1)
}
const alone = chosen.filter((file) => heavy.some((pattern) => pattern.test(file)))
const together = chosen.filter((file) => !alone.includes(file))

const events: Event[] = []
let broken = 0
const groups = [...dealt(together), ...alone.map((file) => [file])]
/** One takes what computes, the other what waits, until nothing is left of either. */
const takers = [() => groups.shift(), () => groups.pop()].slice(0, availableParallelism())
await Promise.all(
  takers.map(async (take) => {
    for (let group = take(); group; group = take()) if (!(await runGroup(group))) broken++
  }),
)
report()

/** Into parts, so that no runner is left alone at the end. Neighbours are of one kind: each part gets some of each. */
function dealt(files: readonly string[]): string[][] {
  const parts = Math.ceil(files.length / perProcess)
  return Array.from({ length: parts }, (_, part) => files.filter((_, at) => at % parts === part))
}

function isChosen(file: string): boolean {
  const folder = apart.find((name) => file.startsWith(`test/${name}`))
  if (folder === undefined && positionals.length === 0) return true
  return positionals.some((part) => file.includes(part) && (!folder || `${part}/`.includes(folder)))
}

/** Whether the runner itself ended well; what its tests did is in `events`. */
function runGroup(group: readonly string[]): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(
      process.execPath,
      [
        '--test',
        '--test-isolation=none',
        // A handle somebody forgot must not keep everyone waiting; a test that is still running is a failure of its own.
        '--test-force-exit',
        `--test-timeout=${10 * 60_000}`,
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${new URL('events.ts', import.meta.url).pathname}`,
        '--test-reporter-destination=stderr',
        ...(values.name === undefined ? [] : [`--test-name-pattern=${values.name}`]),
        ...group,
      ],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          UV_THREADPOOL_SIZE: String(Math.max(4, availableParallelism())),
          // Runners, and the hundreds of programs that tests start, compile our sources once.
          NODE_COMPILE_CACHE: `${root}node_modules/.cache/node`,
        },
      },
    )
    const shown: string[] = []
    child.stdout.setEncoding('utf8').on('data', (text: string) => shown.push(text))
    let rest = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        // Our reporter shares standard error with the tests' own noise.
        if (line.startsWith(mark)) events.push(JSON.parse(line.slice(mark.length)) as Event)
        else shown.push(`${line}\n`)
      }
    })
    child.on('close', (code, signal) => {
      process.stdout.write(shown.join(''))
      if (signal !== null) process.stderr.write(`the runner of ${group.join(' ')} ended by ${signal}\n`)
      done(code === 0)
    })
  })
}

function report(): void {
  // A runner whose tests all have other names ends well, and says nothing of any.
  if (values.name !== undefined && broken === 0 && !events.some(({ type }) => type !== 'time')) {
    process.stderr.write(`no test in ${chosen.length} files has a name that matches ${values.name}\n`)
    process.exit(1)
  }
  const failed = events.filter((event) => event.type === 'fail')
  const skipped = events.filter((event) => event.type === 'skip')
  const passed = events.filter((event) => event.type === 'pass')
  const strict = process.env.CI === 'true'
  for (const { name, file, reason } of skipped) {
    process.stdout.write(
      `${strict ? 'NOT ALLOWED IN CI: ' : ''}skipped: ${file ?? ''} ${name}${reason ? ` (${reason})` : ''}\n`,
    )
  }
  for (const { name, file, reason } of failed)
    process.stdout.write(`FAILED: ${file ?? ''} ${name}\n    ${reason ?? ''}\n`)
  const bad = failed.length + (strict ? skipped.length : 0)
  // A runner that fell over without naming a test is a failure too.
  const fallen = broken > 0 && failed.length === 0 ? broken : 0
  if (positionals.length === 0) for (const line of slowest()) process.stdout.write(line)
  process.stdout.write(
    `\n${passed.length} passed, ${bad + fallen} failed, ${skipped.length} skipped, in ${chosen.length} files\n`,
  )
  process.exit(bad + broken > 0 ? 1 : 0)
}

/** The files that took longest, by the clock. */
function slowest(): string[] {
  const took = new Map<string, number>()
  for (const { type, file = '', ms = 0 } of events)
    if (type === 'time') took.set(file, (took.get(file) ?? 0) + ms)
  return [...took]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12)
    .map(([file, ms]) => `slow: ${(ms / 1000).toFixed(1)} s ${file}\n`)
}
