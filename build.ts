/** Bundles what ships: one file for the program, one for each thread or process that it starts. */
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'

await rm('dist', { recursive: true, force: true })
await build({
  entryPoints: {
    portcullis: 'src/cli/main.ts',
    'sqlite-writer': 'src/storage/sqlite-writer.ts',
    'lab-helper': 'src/lab/helper.ts',
  },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node24.15',
  format: 'esm',
  // Libraries with their own files and threads are installed beside us, not swallowed.
  packages: 'external',
  sourcemap: 'linked',
  logLevel: 'warning',
})
