/** What ships, built once in a run. */
import { fileURLToPath } from 'node:url'
import { mustRun } from '../src/lab/run.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
let built: Promise<string> | undefined

/** Path of the bundle. */
export function program(): Promise<string> {
  built ??= mustRun(process.execPath, [path('../build.ts')]).then(() => path('../dist/portcullis.js'))
  return built
}
