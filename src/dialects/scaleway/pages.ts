/** Pages of lists, and the headers that tell of them (contract: scaleway §1.5). */
import { ok, type Result } from '../../core/result.ts'
import { invalid, type Refusal, type Violation } from './errors.ts'

export interface Page {
  /** From 1. */
  readonly page: number
  /** 1 to 100. */
  readonly perPage: number
  /** Whether the client said how many. */
  readonly limited: boolean
}

const maxPerPage = 100

/** `size` is what the product calls the number of items. */
export function decodePage(query: URLSearchParams, size = 'per_page'): Result<Page, Refusal> {
  const violations: Violation[] = []
  const number = (key: string, otherwise: number) => {
    const text = query.get(key)
    if (text === null || text === '') return otherwise
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
    violations.push({ argument: key, reason: 'constraint', help: 'expected a whole number from 1 on' })
    return otherwise
  }
  const page = number('page', 1)
  const perPage = Math.min(number(size, 50), maxPerPage)
  return violations.length > 0
    ? invalid(violations)
    : ok({ page, perPage, limited: Boolean(query.get(size)) })
}

export const slice = <T>(items: readonly T[], { page, perPage }: Page): readonly T[] =>
  items.slice((page - 1) * perPage, page * perPage)

/** How many there are, and where the other pages are: relative to the zone, as clients parse it. */
export function pageHeaders(
  name: string,
  total: number,
  { page, perPage }: Page,
  query: URLSearchParams,
): Record<string, string> {
  // Written anew, so that nothing a client sends ends the header.
  const others = new URLSearchParams([...query].filter(([key]) => key !== 'page' && key !== 'per_page'))
  const link = (number: number, rel: string) =>
    `</${name}?page=${number}&per_page=${perPage}&${others}>; rel="${rel}"`
  const last = Math.ceil(total / perPage)
  const links = [
    ...(page > 1 && last > 0 ? [link(1, 'first'), link(page - 1, 'previous')] : []),
    ...(page < last ? [link(page + 1, 'next')] : []),
    link(last, 'last'),
  ]
  return { 'x-total-count': String(total), link: links.join(',') }
}
