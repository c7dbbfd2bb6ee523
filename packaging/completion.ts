/** Completion for bash, made from the commands. It calls nobody: completing must not wait for a program to start. */
import type { Option } from 'commander'
import type { Described } from './commands.ts'

export function bashCompletion(commands: ReadonlyMap<string, readonly Described[]>): string {
  const all = [...commands.values()].flat()
  const verbsOf = (noun: string) => (commands.get(noun) ?? []).slice(1).map(({ command }) => command.name())
  const leaves = all.filter(({ command }) => command.commands.length === 0)
  return `# bash completion of portcullis, made from its commands.
_portcullis() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} noun=\${COMP_WORDS[1]} verb=\${COMP_WORDS[2]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W ${quoted([...commands.keys(), '--help', '--version'])} -- "$current"))
    return
  fi
  case $noun in
${[...commands.keys()].map((noun) => `    ${noun}) ${verbsOf(noun).length > 0 ? `if [ "$COMP_CWORD" = 2 ]; then words=${quoted([...verbsOf(noun), '--help'])}; fi` : 'verb='} ;;`).join('\n')}
    *) return ;;
  esac
  if [ -z "$words" ]; then
    case "$noun \${verb}" in
${leaves.map((each) => leaf(each)).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -F _portcullis portcullis
`
}

function leaf({ path, options }: Described): string {
  const name = path.includes(' ') ? path : `${path} `
  const values = options.flatMap((option) => valuesOf(option))
  return `      '${name}')
        case $previous in${values.map((line) => `\n          ${line}`).join('')}
          *) words=${quoted([...options.flatMap(({ long }) => long ?? []), '--help'])} ;;
        esac
        ;;`
}

/** What completes the value of an option; nothing for one that has none. */
function valuesOf(option: Option): readonly string[] {
  const { long, argChoices, flags } = option
  if (option.isBoolean() || long === undefined) return []
  if (argChoices) return [`${long}) words=${quoted(argChoices)} ;;`]
  if (/[<[]directory/.test(flags))
    return [`${long}) COMPREPLY=($(compgen -d -- "$current")); compopt -o filenames; return ;;`]
  if (/[<[](file|path)/.test(flags))
    return [`${long}) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames; return ;;`]
  return [`${long}) return ;;`]
}

/** Words of our own commands: none of them needs quotes, which `compgen -W` would read. */
function quoted(words: readonly string[]): string {
  for (const word of words) if (!/^[\w-]+$/.test(word)) throw new Error(`${word} cannot be completed`)
  return `'${words.join(' ')}'`
}
