/** The section "dialects" of docs/compatibility.md: which cases each kind of list runs, and what is not imitated. */
import { cases, type Driver, skippedBy } from './conformance.ts'
import type { Gap } from './manifest.ts'

/** Markdown from one marker to the next. */
export function conformanceReference(drivers: readonly Driver[]): string {
  const reasons: string[] = []
  const columns = drivers.flatMap(({ title, lists }) => lists.map((list) => ({ title, list })))
  /** The number of a reason; each is there once. */
  const numberOf = ({ what, why }: Gap, title: string): number => {
    const reason = `${title}: **${what}.** ${why}`
    if (!reasons.includes(reason)) reasons.push(reason)
    return reasons.indexOf(reason) + 1
  }
  const rows = cases.map((each) => {
    const cells = columns.map(({ title, list }) => {
      const gap = skippedBy(list, each)
      return gap === undefined ? '✓' : `no (${numberOf(gap, title)})`
    })
    return `| ${[each.name, ...cells].join(' | ')} |`
  })
  return [
    '',
    `| case | ${columns.map(({ title, list }) => `${title}: ${list.name}`).join(' | ')} |`,
    `|${' --- |'.repeat(columns.length + 1)}`,
    ...rows,
    '',
    ...reasons.map((reason, index) => `${index + 1}. ${reason}`),
    ...drivers.flatMap(({ title, gaps }) => [
      '',
      `### What of ${title} is not imitated`,
      '',
      ...gaps.map(({ what, why }) => `- **${what}.** ${why}`),
    ]),
    '',
    '',
  ].join('\n')
}
