/** `portcullis backup`: all that a store keeps, as one file, while its service goes on. */
import { Command } from 'commander'
import { backup } from '../../storage/whole/backup.ts'
import { wholeStores } from '../../storage/whole/whole-store.ts'
import { answer, answerJson, complain, note } from '../output.ts'
import { keepText, standard } from './backup-file.ts'
import { failWith, placeOf, type StoreFlags, withStore } from './place.ts'

export function backupCommand(): Command {
  return withStore(new Command('backup'))
    .description('write all that the store keeps to a file, whether its service runs or not')
    .argument('<file>', 'made when it is whole, readable by its owner only; - is standard output')
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
The backup is of one moment, and either engine restores it. It holds hashes of passwords and tokens: keep it as you keep the
store. What agents say of what is in force is not in it.

Example: portcullis backup --data /var/lib/portcullis portcullis.backup
revision 4711, 1284 rows, 96310 bytes

Exit status: 0 the backup is whole and on the disk; 1 it failed, and there is no file; 2 it could not be tried.`,
    )
    .action(run)
}

async function run(file: string, flags: StoreFlags & { readonly json?: true }): Promise<void> {
  if (file === standard && flags.json) return complain('--json and - both want standard output', 2)
  const place = await placeOf(flags)
  if (!place.ok) return complain(place.error, 2)
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  try {
    const stores = await wholeStores(place.value)
    const { value, bytes } = await stores.read((store) =>
      keepText(
        file,
        backup(store, Date.now(), (table, rows) => note(`${table}: ${rows} rows`)),
        interrupted.signal,
      ),
    )
    const { header, end } = value
    const rows = Object.values(end.rows).reduce((sum, each) => sum + each, 0)
    const { migrations: _, ...of } = header
    if (flags.json) {
      const about = { file, ...of, at: new Date(header.at).toISOString(), bytes, ...end }
      return answerJson(JSON.stringify(about, null, 2))
    }
    const line = `revision ${header.revision}, ${rows} rows, ${bytes} bytes`
    if (file === standard) note(line)
    else answer(line)
  } catch (error) {
    if (interrupted.signal.aborted) complain('interrupted: there is no backup', 1)
    else failWith(error)
  }
}
