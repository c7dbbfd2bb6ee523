/**
 * The command line: `portcullis <noun> <verb>`. stdout is the answer, everything else goes to stderr.
 *
 * Exit status: 0 done, 1 the answer is no or it failed, 2 it could not be tried (usage, missing privileges).
 */
import { Command, CommanderError } from 'commander'
import { nouns } from './nouns.ts'
import { complain } from './output.ts'

const program = new Command('portcullis')
  .description(
    'A firewall service for virtual machines: four clouds’ firewall APIs over one rule model, enforced in the Linux kernel.',
  )
  .version((await import('./version.ts')).version)
  .configureHelp({ showGlobalOptions: false })
  .exitOverride()

const [first = ''] = process.argv.slice(2)
const called = nouns[first]
const wanted = called ? [called] : ['-V', '--version'].includes(first) ? [] : Object.values(nouns)
for (const load of wanted) {
  const command = await load()
  program.addCommand(command)
  for (const each of [command, ...command.commands]) each.exitOverride()
}

// Whoever reads the answer may go before its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') complain(`the answer cannot be written: ${error.message}`, 1)
})
// Nobody is left to be told.
process.stderr.on('error', () => {})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // Commander has said what is wrong, in one line; asking for help is not wrong.
  process.exitCode = error.exitCode === 0 ? 0 : 2
}
