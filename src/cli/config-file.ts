/**
 * `--config FILE`: options of a command by their long names, in YAML. The command line comes first, then the environment, then
 * the file, then what an option is without them.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseConfig } from '../service/config/text.ts'
import { Numeral } from '../service/config/yaml.ts'
import { inWords } from './words.ts'

export interface Configured {
  /** Read, if it is there, where the command line has no option but --json. */
  readonly installed?: string
}

/** Adds the option to a command that has all its others. What is wrong with the file ends the command as wrong usage does. */
export function configurable(command: Command, { installed }: Configured = {}): Command {
  const options = command.options.filter(({ long }) => long !== undefined)
  command.addOption(
    new Option(
      '--config <file>',
      'these options, by their names, in YAML; those that are given here come first',
    ).env('PORTCULLIS_CONFIG'),
  )
  const read = (file: string) => {
    const fault = apply(command, options, file)
    if (fault !== undefined) command.error(`error: --config ${file}: ${fault}`, { exitCode: 2 })
  }
  if (installed !== undefined)
    command.hook('preAction', () => {
      const isGiven = options.some(
        (each) => each.name() !== 'json' && command.getOptionValueSource(each.attributeName()) === 'cli',
      )
      if (isGiven || command.getOptionValue('config') !== undefined || !existsSync(installed)) return
      command.setOptionValueWithSource('config', installed, 'config')
      read(installed)
    })
  return command.on('option:config', read).on('optionEnv:config', read)
}

/** Answers the first fault, in one line that repeats no value. */
function apply(command: Command, options: readonly Option[], file: string): string | undefined {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    return error instanceof TypeError ? 'it is not UTF-8 text' : inWords(error)
  }
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed.error
  const settings = parsed.value ?? {}
  if (typeof settings !== 'object' || Array.isArray(settings) || settings instanceof Numeral)
    return 'line 1: expected options and their values: host: kvm1'
  for (const [key, value] of Object.entries(settings)) {
    const option = options.find((each) => each.name() === key)
    const fault = option ? set(command, option, value) : unknown(key, options)
    if (fault !== undefined) return `line ${lineOf(key, text)}: ${fault}`
  }
  return undefined
}

function unknown(key: string, options: readonly Option[]): string {
  const known = options.filter(({ hidden }) => !hidden).map((each) => each.name())
  const name = /^[\w.-]{1,40}$/.test(key) ? key : 'a key'
  return `${name} is no option here; known are ${known.join(', ')}`
}

function set(command: Command, option: Option, value: unknown): string | undefined {
  const name = option.name()
  let read: unknown
  if (option.isBoolean()) {
    if (typeof value !== 'boolean') return `${name}: expected true or false`
    read = value
  } else {
    const given = textOf(value) ?? (option.optional && value === true ? option.presetArg : undefined)
    if (typeof given !== 'string' || given === '')
      return `${name}: expected one text or number${option.optional ? ', or true' : ''}`
    try {
      read = option.parseArg ? option.parseArg(given, undefined as never) : given
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error
      return `${name}: ${error.message}`
    }
  }
  // What a switch is in the environment, commander does not know: an empty variable is none.
  const elsewhere = option.isBoolean() && process.env[`PORTCULLIS_${name.toUpperCase().replaceAll('-', '_')}`]
  const source = command.getOptionValueSource(option.attributeName())
  if (source !== 'cli' && source !== 'env' && !elsewhere)
    command.setOptionValueWithSource(option.attributeName(), read, 'config')
  return undefined
}

const textOf = (value: unknown): string | undefined =>
  value instanceof Numeral || typeof value === 'number' || typeof value === 'string'
    ? String(value)
    : undefined

/** Where a key of the outermost level is, from 1 on; comments hold none. */
function lineOf(key: string, text: string): number {
  const escaped = key.replaceAll(/[^\w-]/g, '\\$&')
  const at = new RegExp(`(?:^|[{,\\s])["']?${escaped}["']?\\s*:`)
  return text.split('\n').findIndex((line) => !/^\s*#/.test(line) && at.test(line)) + 1 || 1
}
