/** What the kernel tells of directories; on a file system of a cluster, of this node's own changes alone. */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface Watchers {
  /** Listens to these directories, anew where one has become another since. Rejects where one is not there. */
  follow(paths: readonly string[]): Promise<void>
  close(): void
}

/** `changed` is called with the path of what may have changed in one of them. */
export function createWatchers(changed: (path: string) => void): Watchers {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: string }>()
  function drop(path: string): void {
    watchers.get(path)?.watcher.close()
    watchers.delete(path)
  }
  return {
    async follow(paths: readonly string[]): Promise<void> {
      for (const path of paths) {
        const { dev, ino } = await stat(path)
        const inode = `${dev} ${ino}`
        if (watchers.get(path)?.inode === inode) continue
        drop(path)
        try {
          const watcher = watch(path, { persistent: false }, (_, name) => changed(join(path, name ?? '')))
          watchers.set(path, { watcher, inode })
          watcher.on('error', () => drop(path))
        } catch {
          // Without a word of the kernel each look still finds what changed.
        }
      }
    },
    close: () => {
      for (const path of [...watchers.keys()]) drop(path)
    },
  }
}
