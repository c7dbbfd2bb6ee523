/** Bundles what ships: one file for the program, one for each thread or process that it starts. */
import { rm } from 'node:fs/promises'
import { type BuildOptions, build } from 'esbuild'

/** How our sources become modules that Node runs without their packages. */
export const bundling = {
  bundle: true,
  platform: 'node',
  target: 'node26.10',
  format: 'esm',
  // Half the memory and start of the same libraries loaded file by file. pg's native half is optional, and not ours;
  // koffi's is a file beside it, which must not move.
  external: ['pg-native', 'koffi'],
  banner: {
    js: "import { createRequire as createRequireOf } from 'node:module'\nconst require = createRequireOf(import.meta.url)",
  },
  // Sources stay in memory as long as the program runs. Names stay readable.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
} as const satisfies BuildOptions

/** What ships, by its name without `.js`. */
export const entryPoints = {
  portcullis: 'src/cli/main.ts',
  'sqlite-writer': 'src/storage/sqlite-writer.ts',
  'nftables-agent': 'src/agent/nftables/main.ts',
  'inventory-worker': 'src/cli/serve/inventory-worker.ts',
  'lab-helper': 'src/lab/helper.ts',
}

/** Into a directory beside `package.json`, whatever else is in it. Answers the files that it was made of, from here. */
export const buildInto = async (
  outdir: string,
  { sourcemap = 'linked' }: { readonly sourcemap?: 'linked' | false } = {},
): Promise<readonly string[]> => {
  const { metafile } = await build({
    ...bundling,
    absWorkingDir: import.meta.dirname,
    entryPoints,
    outdir,
    // Nouns and engines that are not called are not loaded.
    splitting: true,
    chunkNames: 'chunk-[hash]',
    sourcemap,
    metafile: true,
  })
  // What nothing of was kept is not in it.
  const kept = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  )
  return [...new Set(kept)]
}

if (import.meta.main) {
  await rm('dist', { recursive: true, force: true })
  await buildInto('dist')
}
