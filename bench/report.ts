/** The lines of a run, as a table for people, as JSON, and as the tables of docs/benchmarks.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { run } from '../src/lab/run.ts'

export interface Line {
  readonly what: string
  readonly ours: string
  readonly baseline: string
  /** Ours to the baseline's. */
  readonly ratio?: number
  /** Half the width of the 95 % interval of `ratio`, as a part of it. */
  readonly error?: number
  readonly budget: string
  /** `noisy`: the rounds differ too much to judge by. Absent where there is no budget. */
  readonly verdict?: 'met' | 'MISSED' | 'noisy'
  /** What the line sums up. */
  readonly details?: readonly object[]
}

export interface Group {
  /** What runs it: `npm run bench -- NAME`. */
  readonly name: string
  readonly title: string
  /** What a reader should know about how it is measured. */
  readonly note: string
  /** Why it cannot be measured here; undefined when it can. */
  obstacle?(): Promise<string | undefined>
  measure(): Promise<readonly Line[]>
}

export interface Measured {
  readonly group: Group
  readonly lines: readonly Line[]
  /** Why there are none. */
  readonly leftOut?: string
  readonly seconds: number
}

export const say = (text: string): void => void process.stderr.write(`${text}\n`)
export const round = (value: number, digits = 2): number => Number(value.toFixed(digits))
export const judged = (met: boolean) => (met ? 'met' : 'MISSED') as 'met' | 'MISSED'

export async function machine(): Promise<Record<string, string>> {
  const version = async (command: string, ...args: string[]) =>
    (/v?(\d+\.[\d.]+)/.exec((await run(command, args)).stdout)?.[1] ?? 'none') as string
  const own = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return {
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`,
    kernel: release(),
    node: process.versions.node,
    portcullis: own.version,
    nftables: await version('nft', '--version'),
    iptables: await version('iptables', '-V'),
    ipset: await version('ipset', '-v'),
    'load before': loadavg()
      .map((each) => each.toFixed(1))
      .join(' '),
    date: new Date().toISOString().slice(0, 10),
  }
}

const machineText = (about: Record<string, string>) =>
  Object.entries(about)
    .map(([key, value]) => `${key}: ${value}`)
    .join(' · ')

function table(lines: readonly Line[]): string {
  const rows = [
    ['', 'Portcullis', 'baseline', 'ratio', 'budget', ''],
    ...lines.map(({ what, ours, baseline, ratio, error, budget, verdict }) => [
      what,
      ours,
      baseline,
      ratio === undefined
        ? ''
        : `${round(ratio, 3)}${error === undefined ? '' : ` ± ${round(error * 100, 1)} %`}`,
      budget,
      verdict ?? '',
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const text = rows.map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  )
  text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  return text.join('\n')
}

const section = ({ group, lines, leftOut, seconds }: Measured, level: string) =>
  [
    `${level} ${group.title}`,
    `\`npm run bench -- ${group.name}\`, ${round(seconds, 0)} s. ${group.note}`,
    leftOut === undefined ? table(lines) : `Left out: ${leftOut}.`,
  ].join('\n\n')

export const asText = (about: Record<string, string>, all: readonly Measured[]): string =>
  `${machineText(about)}\n\n${all.map((each) => section(each, '##')).join('\n\n')}\n`

export const asJson = (about: Record<string, string>, all: readonly Measured[]): string =>
  `${JSON.stringify(
    {
      machine: about,
      groups: all.map(({ group, lines, leftOut, seconds }) => ({
        ...{ name: group.name, title: group.title, seconds: round(seconds, 1), lines },
        ...(leftOut !== undefined && { leftOut }),
      })),
    },
    null,
    2,
  )}\n`

const page = new URL('../docs/benchmarks.md', import.meta.url)
const marks = (name: string) => [`<!-- bench ${name} -->`, `<!-- /bench ${name} -->`] as const

/** Replaces the sections of the measured groups in docs/benchmarks.md; the others stay. */
export function write(about: Record<string, string>, all: readonly Measured[]): void {
  let text = readFileSync(page, 'utf8')
  for (const each of all) {
    const [begin, end] = marks(each.group.name)
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no place for ${each.group.name}`)
    const body = `${begin}\n\n${section(each, '###')}\n\n${machineText(about)}\n\n`
    text = text.slice(0, from) + body + text.slice(to)
  }
  writeFileSync(page, text)
}
