/**
 * Bundles test files and what they start, for machines that take too long to read our sources: emulated ones.
 *
 *     node test/support/bundle.ts DIRECTORY PATHPART…
 *
 * Under `NODE_OPTIONS=--import=DIRECTORY/bundled.js` Node loads a file's bundle where it is asked for the file.
 */
import { glob, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { bundling } from '../../build.ts'

const root = new URL('../../', import.meta.url).pathname
const [directory, ...parts] = process.argv.slice(2)
if (!directory || parts.length === 0) throw new Error('usage: bundle.ts DIRECTORY PATHPART…')

/** Whatever a test runs as a process or thread of its own. */
const programs = [
  'src/agent/nftables/main.ts',
  'src/cli/main.ts',
  'src/lab/helper.ts',
  'src/storage/sqlite-writer.ts',
  'test/support/events.ts',
  'test/support/kernel-child.ts',
  'test/support/netlink.ts',
  'test/support/run.ts',
]

/** A module still knows its source's address when it is part of a bundle, and so finds the files beside it. */
const ownAddress: Plugin = {
  name: 'own-address',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      const own = JSON.stringify(pathToFileURL(path).href)
      return { loader: 'ts', contents: source.replaceAll('import.meta.url', own) }
    })
  },
}

const tests: string[] = []
for await (const file of glob('{src,test}/**/*.test.ts', { cwd: root })) {
  if (parts.some((part) => file.includes(part))) tests.push(file)
}
await rm(directory, { recursive: true, force: true })
const files = resolve(directory, 'files')
await build({
  ...bundling,
  absWorkingDir: root,
  outbase: '.',
  outdir: files,
  entryPoints: [...programs, ...tests],
  plugins: [ownAddress],
})
await build({
  ...bundling,
  absWorkingDir: root,
  outfile: join(directory, 'bundled.js'),
  entryPoints: ['test/support/bundled.ts'],
  define: { bundles: JSON.stringify({ of: root, in: files }) },
})
