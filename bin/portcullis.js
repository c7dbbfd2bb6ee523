#!/usr/bin/env node
/** Starts Portcullis on a Node that is new enough: this one, else the one npm installed beside the package. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
// What is shipped has no sources; in a checkout the sources are the truth, whatever was built before.
const sources = join(root, 'src', 'cli', 'main.ts')
const program = existsSync(sources) ? sources : join(root, 'dist', 'portcullis.js')

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major > 26 || (major === 26 && minor >= 10)) {
  await import(pathToFileURL(program).href)
} else {
  const pinned = pinnedNode()
  if (pinned === undefined) {
    process.stderr.write(
      `portcullis needs Node 26.10 or newer, this is ${process.versions.node}; install it, or run npm install with optional dependencies\n`,
    )
    process.exit(1)
  }
  const args = [program, ...process.argv.slice(2)]
  // Since Node 22.15 and 23.11 this process can become the other one: then nothing stands between it and its signals.
  if (process.execve) process.execve(pinned, [pinned, ...args], process.env)
  else passOn(spawn(pinned, args, { stdio: 'inherit' }), pinned)
}

/**
 * Signals go to the child, and how it ends is how this ends. A signal to the process group reaches the child twice,
 * which knows that (cli/signals.ts).
 */
function passOn(child, name) {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`portcullis cannot start ${name}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const each of signals) process.removeAllListeners(each)
    process.kill(process.pid, signal)
  })
}

/** The package's own, or the one hoisted beside it. */
function pinnedNode() {
  for (let folder = root; ; folder = dirname(folder)) {
    for (const path of [
      join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'),
      join(folder, 'node_modules', '.bin', 'node'),
    ]) {
      if (existsSync(path)) return path
    }
    if (dirname(folder) === folder) return undefined
  }
}
