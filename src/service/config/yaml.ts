/** The text of a configuration file → plain values. What the parser complains of becomes one line without a word of the file in it. */
import { parseDocument, type ScalarTag, type YAMLError } from 'yaml'
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

const numeral: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  identify: (value) => value instanceof Numeral,
  test: /^\d{1,15}(\.\d{1,15})?$/,
  resolve: (source) => new Numeral(source),
  stringify: ({ value }) => (value as Numeral).source,
}

/** Aliases that stand for aliases grow without bound; this is far above what a person writes. */
const maxAliases = 100_000

/** Merge keys (`<<`) and aliases are followed. Numbers of up to 15 digits, and decimals, are Numerals; all others are text. */
export function parseYaml(text: string): Result<unknown> {
  const document = parseDocument(text, {
    logLevel: 'error',
    merge: true,
    customTags: (tags) => [
      ...tags.filter((tag) => typeof tag === 'string' || !/:(int|float)$/.test(tag.tag)),
      numeral,
    ],
  })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault) return err(`${placeOf(fault)}: ${words[fault.code]}`)
  try {
    return ok(document.toJS({ maxAliasCount: maxAliases }))
  } catch (error) {
    const { message } = error as Error
    if (message.startsWith('Unresolved alias')) return err('an alias (*) has no anchor (&) before it')
    if (message.startsWith('Merge sources')) return err('a merge key (<<) has no keys and values to take')
    return err('its aliases (*) stand for too much')
  }
}

function placeOf({ linePos }: YAMLError): string {
  const [from] = linePos ?? []
  return from ? `line ${from.line}, column ${from.col}` : 'the file'
}

const structure =
  'the structure is broken: look for a missing or stray bracket, brace, comma, colon or indent'

const words: Record<YAMLError['code'], string> = {
  ALIAS_PROPS: 'an alias (*) cannot have an anchor or a tag',
  BAD_ALIAS: 'an alias (*) or anchor (&) has no usable name',
  BAD_COLLECTION_TYPE: 'a tag (!) does not fit what follows it',
  BAD_DIRECTIVE: 'a directive (%) is not known',
  BAD_DQ_ESCAPE: 'an escape (\\) in double quotes is not known',
  BAD_INDENT: 'a collection is not closed, or its indent does not fit what is around it',
  BAD_PROP_ORDER: 'an anchor (&) or tag (!) stands in the wrong place',
  BAD_SCALAR_START: 'a text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: structure,
  BLOCK_IN_FLOW: structure,
  DUPLICATE_KEY: 'a key is there twice',
  IMPOSSIBLE: structure,
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a quote, bracket, brace, comma or space is missing',
  MULTILINE_IMPLICIT_KEY: structure,
  MULTIPLE_ANCHORS: 'there are two anchors (&) for one value',
  MULTIPLE_DOCS: 'there is a second document (---); one is expected',
  MULTIPLE_TAGS: 'there are two tags (!) for one value',
  NON_STRING_KEY: 'a key is not text',
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  TAG_RESOLVE_FAILED: 'a tag (!) is not known',
  UNEXPECTED_TOKEN: structure,
}
