/** `portcullis check`: whether a store is sound, while its service runs or not. */
import { Command } from 'commander'
import { dialects } from '../../dialects/dialects.ts'
import { check } from '../../storage/check/check.ts'
import { type Fault, remedies } from '../../storage/check/fault.ts'
import { wholeStores } from '../../storage/whole/whole-store.ts'
import { documented } from '../help.ts'
import { answer, answerJson, complain, printable } from '../output.ts'
import { failWith, placeOf, type StoreFlags, withStore } from './place.ts'

export function checkCommand(): Command {
  return documented(
    withStore(new Command('check'))
      .description(
        'verify the store: every row, what rows say of each other, and the file or database itself',
      )
      .option('--json', 'answer in JSON')
      .addHelpText(
        'after',
        `
Nothing is written, and the service may run: what is looked at is of one moment. Of faults of one kind in one table 20 are told.`,
      ),
    `portcullis check --data /var/lib/portcullis
rules 00798b85-efdc-41ca-8021-f6ef457b8531: position: 3 rules have positions from 1 to 4
what to do (position): write the rules of the policy anew through the API of its dialect, else restore a backup
1 fault in 1284 rows`,
    '0 the store is sound; 1 it has faults; 2 it could not be looked at.',
  ).action(run)
}

async function run(flags: StoreFlags & { readonly json?: true }): Promise<void> {
  const place = await placeOf(flags)
  if (!place.ok) return complain(place.error, 2)
  const faults: Fault[] = []
  try {
    const stores = await wholeStores(place.value)
    const { rows, more, schema } = await stores.read((store) =>
      check(store, dialects, (fault) => faults.push(fault)),
    )
    if (faults.length > 0) process.exitCode = 1
    const sound = faults.length === 0
    const kinds = [...new Set(faults.map(({ kind }) => kind))]
    const told = Object.fromEntries(kinds.map((kind) => [kind, remedies[kind]]))
    if (flags.json)
      return answerJson(JSON.stringify({ sound, schema, rows, faults, more, remedies: told }, null, 2))
    for (const { kind, table, key, problem } of faults) {
      answer(printable([`${[table, key].filter(Boolean).join(' ') || 'store'}`, kind, problem].join(': ')))
    }
    for (const { kind, table } of more) answer(`${table || 'store'}: ${kind}: there are more`)
    for (const kind of kinds) answer(`what to do (${kind}): ${remedies[kind]}`)
    const read = Object.values(rows).reduce((sum, each) => sum + each, 0)
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    answer(`${sound ? 'sound:' : `${count}${more.length > 0 ? ' and more' : ''} in`} ${read} rows`)
  } catch (error) {
    failWith(error, 2)
  }
}
