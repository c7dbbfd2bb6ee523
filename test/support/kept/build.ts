/**
 * Keeps this release for the tests of later ones: `node test/support/kept/build.ts 0.1.0`. Done once, when the release is made
 * or the version of the protocol becomes another; a file that is there is never made anew.
 */
import { existsSync } from 'node:fs'
import { build } from 'esbuild'

const [, , release] = process.argv
if (!release || !/^[\w.-]+$/.test(release)) throw new Error('which release?')
const outfile = new URL(`../../testdata/kept/${release}.js`, import.meta.url).pathname
if (existsSync(outfile)) throw new Error(`${outfile} is kept as it is`)
await build({
  ...{ entryPoints: [new URL('entry.ts', import.meta.url).pathname], outfile },
  ...{ bundle: true, platform: 'node', format: 'esm', minify: true, external: ['ws'] },
  banner: { js: `// Release ${release}, kept by test/support/kept/build.ts; never edited.` },
})
