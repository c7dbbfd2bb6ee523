/** Man pages, made from the commands: portcullis(1), and one for each first word, with all that may follow it. */
import type { Option } from 'commander'
import type { Described } from './commands.ts'

interface Pages {
  readonly version: string
  /** Of the pages: seconds since 1970. */
  readonly at: number
}

/** Pages by the names of their files. */
export function manPages(
  commands: ReadonlyMap<string, readonly Described[]>,
  pages: Pages,
): ReadonlyMap<string, string> {
  const names = [...commands.keys()].sort()
  return new Map([
    ['portcullis.1', overview(commands, names, pages)],
    ...names.map((noun) => [`portcullis-${noun}.1`, page(noun, commands.get(noun) ?? [], pages)] as const),
  ])
}

const heading = (name: string, { version, at }: Pages) =>
  `.TH ${name.toUpperCase()} 1 ${new Date(at * 1000).toISOString().slice(0, 10)} "portcullis ${version}" "Portcullis"\n.nh\n.ad l`

function overview(
  commands: ReadonlyMap<string, readonly Described[]>,
  names: readonly string[],
  pages: Pages,
): string {
  return lines([
    heading('portcullis', pages),
    '.SH NAME\nportcullis \\- a firewall service for virtual machines',
    '.SH SYNOPSIS\n.B portcullis\n.I command\n[\\fIverb\\fR] [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    text('The answer is on standard output, all else on standard error. Each command has a page of its own.'),
    '.SH COMMANDS',
    ...names.map(
      (noun) =>
        `.TP\n.BR portcullis\\-${dashed(noun)} (1)\n${text(commands.get(noun)?.[0]?.command.description() ?? '')}`,
    ),
    '.SH EXIT STATUS',
    text('0: done. 1: the answer is no, or it failed. 2: it could not be tried: usage, missing privileges.'),
    '.SH FILES',
    ...files.map(([file, what]) => `.TP\n.I ${dashed(file)}\n${text(what)}`),
  ])
}

const files = [
  ['/etc/portcullis/agent.yaml', 'Options of the agent of this host, by their names.'],
  ['/etc/portcullis/portcullis.yaml', 'Options of the service, by their names.'],
  [
    '/var/lib/portcullis',
    'What the agent keeps for the next boot, the guard’s text among it; the embedded store.',
  ],
  ['/usr/share/doc/portcullis/README.Debian', 'How a host is put under policy.'],
] as const

function page(noun: string, [own, ...verbs]: readonly Described[], pages: Pages): string {
  if (own === undefined) throw new Error(`${noun} is no command`)
  const shown = verbs.length === 0 ? [own] : verbs
  return lines([
    heading(`portcullis-${noun}`, pages),
    `.SH NAME\nportcullis\\-${dashed(noun)} \\- ${escaped(own.command.description())}`,
    '.SH SYNOPSIS',
    ...shown.map((each) => `.B portcullis ${dashed(each.path)}\n${text(argumentsOf(each))}\n.br`),
    ...(verbs.length === 0 ? body(own, '.SH') : ['.SH COMMANDS', ...verbs.flatMap(withName)]),
    '.SH SEE ALSO\n.BR portcullis (1)',
  ])
}

const withName = (each: Described): readonly string[] => [
  `.SS portcullis ${dashed(each.path)}`,
  text(each.command.description()),
  ...body(each, '.PP\n.B'),
]

function body({ options, example, statuses }: Described, title: string): readonly string[] {
  return [
    ...(options.length > 0 ? [`${title} OPTIONS`, ...options.map(optionText)] : []),
    ...(statuses === undefined ? [] : [`${title} "EXIT STATUS"`, '.PP', text(statuses)]),
    ...(example === undefined ? [] : [`${title} EXAMPLE`, `.PP\n.nf\n${text(example)}\n.fi`]),
  ]
}

const argumentsOf = ({ command, options }: Described): string =>
  [
    ...command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`)),
    ...(options.length > 0 ? ['[options]'] : []),
  ].join(' ')

function optionText(option: Option): string {
  const { argChoices, defaultValue, defaultValueDescription, envVar, flags, description } = option
  const standard = defaultValueDescription ?? (option.isBoolean() ? undefined : defaultValue)
  const more = [
    ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
    ...(standard === undefined ? [] : [`by default ${String(standard)}`]),
    ...(envVar === undefined ? [] : [`environment: ${envVar}`]),
  ]
  return `.TP\n.B ${dashed(flags)}\n${text(more.length > 0 ? `${description} (${more.join('; ')})` : description)}`
}

const lines = (parts: readonly string[]): string => `${parts.filter((part) => part !== '').join('\n')}\n`

/** A hyphen that somebody types, and not one that joins words. */
const dashed = (text: string): string => escaped(text).replaceAll('-', '\\-')
const escaped = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('\n', ' ')
/** A line of its own: what begins with a dot or an apostrophe would be a request. */
const text = (line: string): string => {
  const safe = dashed(line)
  return /^[.']/.test(safe) ? `\\&${safe}` : safe
}
