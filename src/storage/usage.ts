/** How much accounts have of what can be limited: as it is kept, and as it is counted. */
import { query, queryOne, type Steps } from './statement.ts'
import { type Miscount, type QuotaName, type Quotas, quotaNames, type Usage } from './storage.ts'

/** Name under which the installation keeps the quotas of accounts that have none of their own. */
export const defaultQuotas = 'quotas'

export const quotasOf = (json: unknown): Quotas => (json ? (JSON.parse(String(json)) as Quotas) : {})

/** Null: no limit. */
export const limitOf = (name: QuotaName, own: Quotas, defaults: Quotas): number | null =>
  own[name] ?? defaults[name] ?? null

/** All that is there, by account and name; `rules`: how many a policy has. */
const counting = (
  rules: 'MAX(r.position)' | 'COUNT(*)',
) => `SELECT account, 'servers' AS name, COUNT(*) AS n FROM servers WHERE origin <> 'left' GROUP BY account
  UNION ALL SELECT account, 'policies', COUNT(*) FROM policies WHERE server IS NULL GROUP BY account
  UNION ALL SELECT p.account, 'rules', SUM(COALESCE((SELECT ${rules} FROM rules r WHERE r.policy = p.id), 0))
    FROM policies p LEFT JOIN servers s ON s.id = p.server
    WHERE p.server IS NULL OR s.origin <> 'left' GROUP BY p.account
  UNION ALL SELECT account, 'credentials', COUNT(*) FROM credentials WHERE account IS NOT NULL GROUP BY account
  UNION ALL SELECT account, 'addresses', COUNT(*) FROM leases WHERE state <> 'quarantined' GROUP BY account`

const miscountsOf = (
  there: string,
) => `SELECT COALESCE(u.account, t.account) AS account, COALESCE(u.name, t.name) AS name,
    COALESCE(u.used, 0) AS used, COALESCE(t.n, 0) AS n
  FROM usage u FULL JOIN (${there}) AS t ON t.account = u.account AND t.name = u.name
  WHERE COALESCE(u.used, 0) <> COALESCE(t.n, 0)`

/** Positions of rules are dense, so the last one says how many a policy has. */
const miscountsSql = miscountsOf(counting('MAX(r.position)'))
/** Accounts and names whose count is not what is there, as every row is counted. */
export const realMiscountsSql = miscountsOf(counting('COUNT(*)'))

export function* miscounts(): Steps<readonly Miscount[]> {
  return (yield* query(miscountsSql)).map(({ account, name, used, n }) => ({
    ...{ account: String(account), name: name as QuotaName, counted: Number(used), there: Number(n) },
  }))
}

export function* usage(account: string): Steps<{
  readonly used: Usage
  readonly quotas: Readonly<Record<QuotaName, number | null>>
}> {
  const rows = yield* query('SELECT name, used FROM usage WHERE account = ?', account)
  const used = new Map(rows.map((row) => [String(row.name), Number(row.used)]))
  const row = yield* queryOne(
    `SELECT (SELECT quotas FROM accounts WHERE id = ?) AS own,
      (SELECT value FROM installation WHERE name = '${defaultQuotas}') AS defaults`,
    account,
  )
  const [own, defaults] = [quotasOf(row?.own), quotasOf(row?.defaults)]
  return {
    used: byName((name) => used.get(name) ?? 0),
    quotas: byName((name) => limitOf(name, own, defaults)),
  }
}

const byName = <T>(value: (name: QuotaName) => T): Readonly<Record<QuotaName, T>> =>
  Object.fromEntries(quotaNames.map((name) => [name, value(name)])) as Record<QuotaName, T>
