/**
 * Real clients against the service, each built from its package registry: one line per client and step, status 1 when
 * anything failed. Builds are kept in $XDG_CACHE_HOME/portcullis-clients.
 *
 *     npm run test:clients                       all of them, and docs/compatibility.md is written
 *     npm run test:clients -- --only scw         those whose names contain it; may be repeated
 *     npm run test:clients -- --quick            a part of each, which every commit has to pass; nothing is written
 *     npm run test:clients -- --seed 7           other generated configurations
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Client, Ended } from './client.ts'
import { clients } from './clients.ts'
import { record } from './page.ts'
import { startService } from './service.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(values.seed)
const only = values.only
const chosen = clients.filter(({ name }) => !only || only.some((part) => name.includes(part)))
if (chosen.length === 0 || !Number.isSafeInteger(seed)) {
  process.stderr.write(
    `expected --seed NUMBER, and --only of ${clients.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(2)
}

// So that what this process started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

process.stdout.write(`seed ${seed}\n`)
let [passed, failed, skipped] = [0, 0, 0]
for (const client of chosen) {
  const obstacle = await client.obstacle?.()
  if (obstacle) {
    skipped++
    print('skip', client, obstacle)
    continue
  }
  const steps = await drive(client)
  // A part of a client's steps says nothing about the rest.
  if (!values.quick) record(client, steps, seed)
}
if (process.env.CI === 'true') failed += skipped
process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exit(failed > 0 ? 1 : 0)

async function drive(client: Client): Promise<readonly Ended[]> {
  const steps: Ended[] = []
  const ended = (step: Ended) => {
    steps.push(step)
    const { name, milliseconds, error, why } = step
    if (error === undefined) passed++
    else failed++
    const word = error !== undefined ? 'FAIL' : why === undefined ? 'ok' : 'gap'
    print(
      word,
      client,
      `${name}  ${Math.round(milliseconds)} ms${error ? `\n     ${error.replaceAll('\n', '\n     ')}` : ''}`,
    )
  }
  const attempt = async (name: string, run: () => Promise<void>, why?: string) => {
    const start = performance.now()
    const failure = await run().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 4000),
    )
    ended({
      name,
      milliseconds: performance.now() - start,
      ...(failure !== undefined && { error: failure }),
      ...(why !== undefined && { why }),
    })
    return failure === undefined
  }

  let built = ''
  const build = async () => {
    built = await client.build()
  }
  if (!(await attempt('build', build))) return steps
  const service = await startService()
  const directory = await mkdtemp(join(tmpdir(), 'portcullis-client-'))
  try {
    await client.run({
      ...{ built, service, directory, quick: values.quick, seed, ended },
      step: attempt,
      gap: (name, why, run) => attempt(name, run, why),
    })
    // A lab has a service of its own.
    if (service.requests() > 0)
      await attempt(`no 5xx in ${service.requests()} requests`, async () => {
        const faults = service.faults()
        if (faults.length > 0) throw new Error(faults.slice(0, 5).join('\n'))
      })
  } finally {
    await service.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return steps
}

function print(word: string, { name, version }: Client, text: string): void {
  process.stdout.write(`${word.padEnd(4)} ${name} ${version}  ${text}\n`)
}
