/**
 * Quotas: what a write adds to what accounts have is added up while it runs, and kept and compared with their quotas at its
 * end, in its own transaction. So the cost does not grow with the account, a write that takes as much away as it adds is no
 * growth, and of several writers exactly as many succeed as there is room for.
 */
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { ok } from '../../core/result.ts'
import { type Count, type Program, query, queryOne, type Row, type Steps } from '../statement.ts'
import type { ProgramName, Programs, QuotaName } from '../storage.ts'
import { defaultQuotas, limitOf, miscounts, quotasOf } from '../usage.ts'
import { setInstallation } from './leases.ts'

const resources = {
  servers: 'server',
  policies: 'policy',
  rules: 'rule',
  credentials: 'credential',
  addresses: 'ip-address',
} as const satisfies Record<QuotaName, ResourceKind>

/** Writes of all that there is, which are counted by counting it: they look at all of it anyway. */
const whole: ReadonlySet<ProgramName> = new Set(['applyInventory'])
/** Writes that hold what is in use already, whatever a quota says. */
const unlimited: ReadonlySet<ProgramName> = new Set(['configurePools'])

export interface Tally {
  add(counts: readonly Count[]): void
  /** At the end of a program that has not failed, whether it keeps what it wrote or only tried. Answers why it may not. */
  settle(program: ProgramName, keeps: boolean): Steps<RequestError | undefined>
}

export function createTally(): Tally {
  const sums = new Map<string, { readonly of: Count['of']; readonly name: QuotaName; by: number }>()
  return {
    add(counts) {
      for (const { of, name, by } of counts) {
        const key = 'account' in of ? `${name} of account ${of.account}` : `${name} of policy ${of.policy}`
        const sum = sums.get(key)
        if (sum) sum.by += by
        else sums.set(key, { of, name, by })
      }
    },
    *settle(program, keeps) {
      const kept: Kept[] = []
      if (whole.has(program)) {
        if (!keeps) return undefined
        for (const { account, name, counted, there } of yield* miscounts()) {
          kept.push(...(yield* keep({ of: { account }, name, by: there - counted })))
        }
      } else for (const count of sums.values()) if (count.by !== 0) kept.push(...(yield* keep(count)))
      return unlimited.has(program) ? undefined : refusalOf(kept, program)
    },
  }
}

interface Kept {
  readonly name: QuotaName
  readonly by: number
  readonly row: Row
}

const says = `RETURNING account, used, (SELECT quotas FROM accounts a WHERE a.id = usage.account) AS own,
  (SELECT value FROM installation i WHERE i.name = '${defaultQuotas}') AS defaults`

/** Updated first: on SQLite an INSERT that may become an UPDATE costs three times as much. */
function* keep({ of, name, by }: Count): Steps<Kept[]> {
  const [whose, id] = 'account' in of ? [anAccount, of.account] : [itsAccount, of.policy]
  const row =
    (yield* queryOne(
      `UPDATE usage SET used = used + ? WHERE name = ? AND account = ${whose} ${says}`,
      by,
      name,
      id,
    )) ??
    (yield* queryOne(
      `INSERT INTO usage (account, name, used)
       SELECT account, CAST(? AS TEXT), CAST(? AS BIGINT) FROM (SELECT ${whose} AS account) owner WHERE account IS NOT NULL ${says}`,
      ...[name, by, id],
    ))
  return row ? [{ name, by, row }] : []
}

const anAccount = 'CAST(? AS TEXT)'
const itsAccount = '(SELECT account FROM policies WHERE id = ?)'

/** Growth beyond a quota; of several the first, in the order of what was counted. */
function refusalOf(kept: readonly Kept[], program: ProgramName): RequestError | undefined {
  const grown = new Map<string, number>()
  const keyOf = ({ name, row }: Kept) => JSON.stringify([row.account, name])
  for (const each of kept) grown.set(keyOf(each), (grown.get(keyOf(each)) ?? 0) + each.by)
  // An account's last row says what all of its counts came to.
  const last = new Map(kept.map((each) => [keyOf(each), each]))
  for (const [key, { name, row }] of last) {
    const limit = limitOf(name, quotasOf(row.own), quotasOf(row.defaults))
    if ((grown.get(key) ?? 0) <= 0 || limit === null || Number(row.used) <= limit) continue
    if (program !== 'applyInventory')
      return { kind: 'limit-reached', resource: resources[name], limit, of: 'account' }
    const reason = `would have ${row.used} ${name}, and its quota is ${limit}`
    return { kind: 'invalid', field: String(row.account), reason }
  }
  return undefined
}

export function* setDefaultQuotas({
  quotas,
}: Programs['setDefaultQuotas']['args']): Program<Programs['setDefaultQuotas']['answer']> {
  const row = yield* queryOne('SELECT value FROM installation WHERE name = ?', defaultQuotas)
  const value = JSON.stringify(quotas)
  if ((row?.value ?? '{}') === value) return ok({ changed: false })
  yield* query('UPDATE revision SET value = value WHERE id = 1')
  yield* setInstallation(defaultQuotas, value)
  return ok({})
}
