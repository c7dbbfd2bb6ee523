/** `portcullis restore`: a store as a backup has it, in place of none, or of the one that is there. */
import { Command } from 'commander'
import { makeDirectory } from '../../agent/directory.ts'
import { restore, verifyBackup } from '../../storage/whole/restore.ts'
import { Untried, wholeStores } from '../../storage/whole/whole-store.ts'
import { answer, answerJson, complain, note } from '../output.ts'
import { openBackup } from './backup-file.ts'
import { failWith, placeOf, type StoreFlags, withStore } from './place.ts'

interface Flags extends StoreFlags {
  readonly replace: boolean
  readonly json?: true
}

export function restoreCommand(): Command {
  return withStore(new Command('restore'))
    .description('fill a store from a backup, while no service uses it')
    .argument('<file>', 'made by portcullis backup, of either engine; - is standard input')
    .option('--replace', 'replace a store that is not empty by what is in the backup', false)
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
All of the backup is read and compared with its checksum before anything is written, and all of it is written in one
transaction: whatever ends the command in the middle, the store is as it was. A backup of an older version is brought to this one.

The store goes on from a revision above all that it ever had, so that no agent and no client takes what it knows for what is
restored. Agents put the restored rules in force when they connect; until then nothing is said to be applied.

Example: portcullis restore --data /var/lib/portcullis portcullis.backup
revision 864004711, of a backup of revision 4711 made 2026-01-31T12:00:00.000Z

Exit status: 0 restored; 1 refused or failed, and the store is as it was: the backup is cut, altered or of a newer version, the
store is not empty, or a service uses it; 2 it could not be tried.`,
    )
    .action(run)
}

async function run(file: string, flags: Flags): Promise<void> {
  const place = await placeOf(flags)
  if (!place.ok) return complain(place.error, 2)
  try {
    const backup = await openBackup(file)
    try {
      const { header, end } = await verifyBackup(backup.read())
      if ('directory' in place.value) await madeOrNot(place.value.directory)
      const stores = await wholeStores(place.value)
      const { revision, replaced } = await stores.replace((store) =>
        restore(store, backup.read(), {
          ...{ replace: flags.replace, at: Date.now() },
          told: (table, rows) => note(`${table}: ${rows} rows`),
        }),
      )
      const at = new Date(header.at).toISOString()
      if (flags.json) {
        const { migrations: _, ...of } = header
        return answerJson(
          JSON.stringify({ revision, replaced, backup: { ...of, at }, rows: end.rows }, null, 2),
        )
      }
      answer(`revision ${revision}, of a backup of revision ${header.revision} made ${at}`)
    } finally {
      await backup.close()
    }
  } catch (error) {
    failWith(error)
  }
}

async function madeOrNot(directory: string): Promise<void> {
  try {
    await makeDirectory(directory)
  } catch (error) {
    throw new Untried('the directory cannot be made', { cause: error })
  }
}
