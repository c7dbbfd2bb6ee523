/** All commands there are, as man pages and completion tell of them. */
import type { Command, Option } from 'commander'
import { nouns } from '../src/cli/nouns.ts'

export interface Described {
  /** `policy attach`, as it is typed behind the program's name. */
  readonly path: string
  readonly command: Command
  /** Those that its help shows. */
  readonly options: readonly Option[]
  /** What its help ends with. */
  readonly example: string | undefined
  readonly statuses: string | undefined
}

/** By their first words, in the order of the help. */
export async function describedCommands(): Promise<ReadonlyMap<string, readonly Described[]>> {
  const all = await Promise.all(
    Object.entries(nouns).map(async ([noun, load]) => [noun, described(await load(), '')] as const),
  )
  return new Map(all)
}

/** The command itself, then those below it. */
function described(command: Command, above: string): readonly Described[] {
  const path = `${above} ${command.name()}`.trim()
  const help = helpOf(command)
  const own: Described = {
    path,
    command,
    options: command.options.filter(({ hidden, long }) => !hidden && long !== undefined),
    example: /^Example: (.+)$/m.exec(help)?.[1],
    statuses: /^Exit status: (.+)$/m.exec(help)?.[1],
  }
  return [own, ...command.commands.flatMap((each) => described(each, path))]
}

/** As `--help` prints it, with what is added behind. */
export function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut(more) {
      text += more
    },
  })
  command.outputHelp()
  return text
}
