/** docs/compatibility.md: "clients" from the last results that were recorded, "dialects" from the cases that all dialects run. */
import { readFileSync, writeFileSync } from 'node:fs'
import { drivers } from '../../src/dialects/conformance-drivers.ts'
import { conformanceReference } from '../../src/dialects/conformance-reference.ts'
import type { Client, Ended } from './client.ts'
import { clients } from './clients.ts'

const results = new URL('results.json', import.meta.url)
export const page = new URL('../../docs/compatibility.md', import.meta.url)

export interface Result {
  readonly version: string
  /** Of the run, YYYY-MM-DD. */
  readonly date: string
  readonly seed: number
  /** Steps that went well, gaps not counted. */
  readonly passed: number
  readonly failed: readonly { readonly step: string; readonly error: string }[]
  readonly gaps: readonly { readonly step: string; readonly why: string }[]
}

export type Results = Readonly<Record<string, Result>>

export const recorded = (): Results => JSON.parse(readFileSync(results, 'utf8')) as Results

/** Keeps what a whole run of a client gave, and writes the page anew. */
export function record({ name, version }: Client, steps: readonly Ended[], seed: number): void {
  const result: Result = {
    version,
    date: new Date().toISOString().slice(0, 10),
    seed,
    passed: steps.filter(({ error, why }) => error === undefined && why === undefined).length,
    failed: steps.flatMap(({ name, error }) =>
      error === undefined ? [] : [{ step: name, error: error.split('\n', 1)[0] ?? '' }],
    ),
    gaps: steps.flatMap(({ name, why, error }) =>
      why === undefined || error !== undefined ? [] : [{ step: name, why }],
    ),
  }
  const all = Object.fromEntries(
    clients.flatMap((each) => {
      const kept = each.name === name ? result : recorded()[each.name]
      return kept ? [[each.name, kept]] : []
    }),
  )
  writeFileSync(results, `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(page, freshPage())
}

/** The page as the recorded results, and the cases of all dialects with their gaps, make it. */
export function freshPage(): string {
  const text = withSection(readFileSync(page, 'utf8'), 'clients', section(recorded()))
  return withSection(text, 'dialects', conformanceReference(Object.values(drivers)))
}

/** Text between `<!-- NAME: … -->` and `<!-- end of NAME -->` replaced. */
function withSection(text: string, name: string, content: string): string {
  const [begin, end] = [
    new RegExp(`<!-- ${name}: .*-->\n`).exec(text),
    text.indexOf(`<!-- end of ${name} -->`),
  ]
  if (!begin || end < 0) throw new Error(`the page has no section ${name}`)
  return text.slice(0, begin.index + begin[0].length) + content + text.slice(end)
}

function section(all: Results): string {
  const rows = clients.map((client) => {
    const { name, drives, builtWith } = client
    const result = all[name]
    const sum = result
      ? result.failed.length > 0
        ? `**${result.failed.length} of ${result.failed.length + result.passed} steps fail**`
        : `all ${result.passed} steps`
      : 'not run yet'
    return `| ${name} | ${client.version}${builtWith ? ` (${builtWith})` : ''} | ${drives} | ${sum} | ${result?.date ?? ''} |`
  })
  const notes = clients.flatMap(({ name, limits = [] }) => {
    const { failed = [], gaps = [] } = all[name] ?? {}
    const lines = [
      ...failed.map(({ step, error }) => `- **fails**: ${step}: ${error}`),
      ...gaps.map(({ step, why }) => `- ${step}: ${why}`),
      ...limits.map((limit) => `- with any service: ${limit}`),
    ]
    return lines.length === 0 ? [] : ['', `### What ${name} cannot do`, '', ...lines]
  })
  return [
    '',
    '| client | version | what it does here | works | last whole run |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...notes,
    '',
    '',
  ].join('\n')
}
