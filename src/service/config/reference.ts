/** Tables of keys for the pages on configuration files, made from their schemas. */

export interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly description?: string
  readonly default?: unknown
  readonly expected?: string
}

/** The keys of an object, one row each. */
export function keyTable(schema: Schema | undefined): string {
  const rows = Object.entries(schema?.properties ?? {}).map(([key, value]) => {
    const needed = schema?.required?.includes(key) ? 'yes' : ''
    return `| \`${key}\` | ${needed} | ${cell(expectedOf(value))} | ${cell(textOf(value))} |`
  })
  return `| key | needed | expected | |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

function expectedOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'boolean') return '`true`, `false`'
  if (schema.type === 'integer') return 'a whole number'
  if (schema.type === 'number') return 'a number'
  if (schema.expected !== undefined) return schema.expected
  return schema.type === 'array' ? 'a list' : schema.type === 'object' ? 'keys and values' : 'text'
}

function textOf({ description = '', default: otherwise }: Schema): string {
  return otherwise === undefined ? description : `${description} \`${otherwise}\` when absent.`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
