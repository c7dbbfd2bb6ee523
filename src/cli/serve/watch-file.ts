/** Tells that a file may have changed, however it is replaced: written to, renamed over, or by a link that leads elsewhere. */
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'

/** So long nothing more happens before it is told, milliseconds: writers take several steps. */
const quietMs = 200
/** How often it is told without a sign, milliseconds: some file systems give none. */
const anywayMs = 10_000

/** The directory is watched: a file that is replaced is another file. `changed` may be told when nothing has changed. */
export function watchFile(file: string, changed: () => void): { close(): void } {
  let quiet: NodeJS.Timeout | undefined
  let watcher: FSWatcher | undefined
  const soon = () => {
    clearTimeout(quiet)
    quiet = setTimeout(changed, quietMs)
  }
  try {
    watcher = watch(dirname(file), { persistent: false }, soon)
    watcher.on('error', () => watcher?.close())
  } catch {
    // The look now and then is left.
  }
  const anyway = setInterval(changed, anywayMs)
  anyway.unref()
  return {
    close() {
      clearTimeout(quiet)
      clearInterval(anyway)
      watcher?.close()
    },
  }
}
