/** The text of a configuration file as YAML → plain values. What the parser complains of becomes one line without a word of the file in it. */
import {
  boolCoreTag,
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  EVENT_ID,
  type Event,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  nullCoreTag,
  parseEvents,
  Schema,
  seqTag,
  strTag,
  YAMLException,
} from 'js-yaml'
import { err, ok, type Result } from '../../core/result.ts'

/** A number as it is written: an id, a name or a token may look like one, and must not be rounded. */
export class Numeral {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
  /** As a key. */
  toString(): string {
    return this.source
  }
}

const numeral = defineScalarTag<Numeral>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: [...'0123456789'],
  resolve: (source) => (/^\d{1,15}(\.\d{1,15})?$/.test(source) ? new Numeral(source) : NOT_RESOLVED),
  identify: (value) => value instanceof Numeral,
})

const asKey = (key: unknown) => (key instanceof Numeral ? key.source : key)
const map = defineMappingTag<Record<string, unknown>>(mapTag.tagName, {
  ...mapTag,
  addPair: (carrier, key, value) => mapTag.addPair(carrier, asKey(key), value),
  has: (carrier, key) => mapTag.has(carrier, asKey(key)),
})

const schema = new Schema([strTag, seqTag, map, nullCoreTag, boolCoreTag, numeral, mergeTag])

/** Values that aliases and merge keys may stand for: far above what a file needs, and little enough to look at all of them. */
const maxStandFor = 2_000_000
/** Far above what a person nests. */
const maxDepth = 100

/**
 * Merge keys (`<<`) and aliases are followed. Numbers of up to 15 digits, and decimals, are Numerals; `true`, `false`, `null`
 * and nothing are what YAML 1.2 says; all else is text, also dates, `yes`, and what begins with `0x`. Null for an empty file.
 */
export function parseYaml(text: string): Result<unknown> {
  try {
    const events = parseEvents(text, { maxDepth })
    const documents = events.filter(({ type }) => type === EVENT_ID.DOCUMENT)
    if (documents.length > 1) return err(secondDocument(text))
    const [value = null] = constructFromEvents(events as Event[], {
      source: text,
      schema,
      maxTotalMergeKeys: maxStandFor,
    })
    const hasAliases = events.some(({ type }) => type === EVENT_ID.ALIAS)
    if (hasAliases && weigh(value, new Map(), 0) > maxStandFor) return err(words.aliases)
    return ok(value)
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    return err(complaint(error, text))
  }
}

/** How many values there are when each alias is what it stands for; Infinity where one stands for itself. */
function weigh(value: unknown, known: Map<object, number>, depth: number): number {
  if (value === null || typeof value !== 'object') return 1
  const before = known.get(value)
  if (before !== undefined) return before
  known.set(value, Number.POSITIVE_INFINITY)
  if (depth > maxDepth) return Number.POSITIVE_INFINITY
  let weight = 1
  for (const each of Object.values(value)) weight += weigh(each, known, depth + 1)
  known.set(value, weight)
  return weight
}

const placeOf = (line: number, column: number) => `line ${line}, column ${column}`

function secondDocument(text: string): string {
  const [first, second] = text.matchAll(/^---(?=\s|$)/gm)
  // What stands before the first mark is a document of its own, unless it is directives and comments alone.
  const before = text.slice(0, first?.index).replaceAll(/^\s*[#%].*$/gm, '')
  const mark = before.trim() === '' ? second : first
  const what = 'there is a second document (---); one is expected'
  return mark ? `${placeOf(text.slice(0, mark.index).split('\n').length, 1)}: ${what}` : `the file: ${what}`
}

function complaint({ reason, mark }: YAMLException, text: string): string {
  const what = complaints.find(([pattern]) => pattern.test(reason))?.[1] ?? words.structure
  if (what === words.aliases) return what
  if (!mark) return `the file: ${what}`
  const line = text.split('\n')[mark.line] ?? ''
  // What the parser stumbles over further on.
  const tab = /^ *\t/.exec(line)
  if (tab && !indifferent.has(what)) return `${placeOf(mark.line + 1, tab[0].length)}: ${words.tab}`
  const reserved = what !== words.control && /[@`]/.test(line[mark.column] ?? '')
  return `${placeOf(mark.line + 1, mark.column + 1)}: ${reserved ? words.reserved : what}`
}

const words = {
  structure: 'the structure is broken: look for a missing or stray bracket, brace, comma, colon or indent',
  aliases: 'its aliases (*) stand for too much',
  tab: 'a tab cannot indent; use spaces',
  reserved: 'a text that begins with this character needs quotes',
  control: 'there is a control character',
  twice: 'a key is there twice',
}
/** Complaints that no tab causes. */
const indifferent = new Set([words.control, words.twice])

/** What the parser says begins so or holds this, and what is said instead. */
const complaints: readonly (readonly [RegExp, string])[] = [
  [/^duplicated mapping key/, words.twice],
  [/^unidentified alias/, 'an alias (*) has no anchor (&) before it'],
  [/^(merge keys exceeded|aliases exceeded|recursive alias)/, words.aliases],
  [/^(cannot merge|abnormal merge)/, 'a merge key (<<) has no keys and values to take'],
  [/^unknown \w+ tag/, 'a tag (!) is not known'],
  [/^cannot resolve a node/, 'a tag (!) does not fit what follows it'],
  [/^alias node should not/, 'an alias (*) cannot have an anchor or a tag'],
  [/^name of an (alias|anchor)/, 'an alias (*) or anchor (&) has no usable name'],
  [/^duplication of an? (tag|anchor)/, 'there are two tags (!) or two anchors (&) for one value'],
  [/\btag\b/, 'a tag (!) is not written as one'],
  [/directive/i, 'a directive (%) is not known, or not written as one'],
  [/^unacceptable YAML version/, 'a directive (%) is not known, or not written as one'],
  [/^(unknown escape|expected hexadecimal)/, 'an escape (\\) in double quotes is not known'],
  [/within a (single|double) quoted/, 'a quote, bracket, brace, comma or space is missing'],
  [/within a flow collection/, 'a collection is not closed, or its indent does not fit what is around it'],
  [/^missed comma/, 'a quote, bracket, brace, comma or space is missing'],
  [/^a whitespace character is expected/, 'a quote, bracket, brace, comma or space is missing'],
  [/^tab characters/, words.tab],
  [
    /^(bad|deficient) indentation/,
    'a collection is not closed, or its indent does not fit what is around it',
  ],
  [/complex keys|multiline key/, 'a key is not text in one line'],
  [/^nesting exceeded/, 'it is nested too deeply'],
  [/non-printable|null byte|valid JSON character/, words.control],
  [/^(cannot|can not) read a (document|block|node)|cannot start/, words.structure],
]
