/** The version of this package, from its own package.json: two folders up in the sources, one in what is shipped. */
import { readFileSync } from 'node:fs'

const manifest = new URL(
  import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json',
  import.meta.url,
)

export const version: string = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
