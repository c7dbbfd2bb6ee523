/** Faults of single rows: each is read as services read it, written again, and compared. */
import { isDeepStrictEqual } from 'node:util'
import { parseDecider } from '../../core/model/decider.ts'
import { interfaceTypes } from '../../core/model/interface.ts'
import { builtIns, cutFlows } from '../../core/model/policy.ts'
import { logLevels } from '../../core/model/rule.ts'
import { formatAddress, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { formatPrefix, parsePrefix } from '../../core/net/prefix.ts'
import { leasedRange } from '../lease-keys.ts'
import {
  accountColumns,
  auditColumns,
  credentialColumns,
  documentColumns,
  fromCredential,
  fromDocument,
  fromHit,
  fromInterface,
  fromPolicy,
  fromRule,
  fromServer,
  fromSighting,
  hitColumns,
  interfaceColumns,
  leaseColumns,
  onceColumns,
  policyColumns,
  ruleColumns,
  serverColumns,
  sightingColumns,
  toAccount,
  toAuditEvent,
  toCredential,
  toDocument,
  toHit,
  toHost,
  toInterface,
  toLease,
  toOnce,
  toOutcome,
  toPolicy,
  toPolicyStep,
  toRule,
  toServer,
  toSighting,
} from '../rows.ts'
import type { Row, SqlValue } from '../statement.ts'
import { defaultQuotas } from '../usage.ts'
import type { FaultKind } from './fault.ts'
import { quotaProblems } from './limits.ts'
import { keyOf } from './questions.ts'

export interface RecordCheck {
  readonly table: string
  readonly columns: string
  readonly key: readonly string[]
  /** Problems of a row, and what kind they are. Throws where it cannot be read. */
  readonly look: (row: Row) => Iterable<readonly [FaultKind, string]>
}

type Problems = Generator<readonly [FaultKind, string], void, void>

const check = (
  table: string,
  columns: string,
  look: RecordCheck['look'],
  key = keyOf(table),
): RecordCheck => ({ table, columns, key, look })

/** In the order of `columns`, as it would be written now. */
function* writtenAgain(row: Row, columns: string, again: readonly (SqlValue | undefined)[]): Problems {
  for (const [index, column] of columns.split(', ').entries()) {
    if (!isSame(row[column] ?? null, again[index] ?? null)) {
      yield ['codec', `${column} is written otherwise when it is read`]
    }
  }
}

/** JSON may be written with its keys in another order, and with blanks: migrations do. */
function isSame(a: SqlValue, b: SqlValue): boolean {
  if (a === b) return true
  if (typeof a !== 'string' || typeof b !== 'string') return false
  try {
    return isDeepStrictEqual(JSON.parse(a), JSON.parse(b))
  } catch {
    return false
  }
}

/** That a value is one of a closed list; null is none. */
function* among(row: Row, column: string, values: readonly (string | number)[], orNull = false): Problems {
  const value = row[column] ?? null
  if (value === null ? orNull : values.includes(value)) return
  yield ['codec', `${column} is ${JSON.stringify(value)}, which is none of its values`]
}

const directions = ['ingress', 'egress']
const actions = ['allow', 'deny', 'reject']
const switched = [0, 1]

function* interfaceProblems(row: Row): Problems {
  const nic = toInterface(row)
  yield* writtenAgain(row, interfaceColumns, fromInterface(nic))
  yield* among(row, 'type', interfaceTypes)
  if (nic.index < 1) yield ['codec', `its number is ${nic.index}, and numbers begin with 1`]
  const mac = parseMac(nic.mac)
  if (!mac.ok || mac.value !== nic.mac) yield ['address', `its MAC ${nic.mac} is not canonical`]
  for (const text of nic.addresses) {
    const address = parseAddress(text)
    const canonical = address.ok && formatAddress(address.value.family, address.value.value)
    if (canonical !== text) yield ['address', `its address ${text} is not canonical`]
  }
  for (const text of nic.allowedAddresses) {
    const prefix = parsePrefix(text, { hostBits: 'refuse' })
    if (!prefix.ok || formatPrefix(prefix.value) !== text) {
      yield ['address', `its allowed prefix ${text} is not canonical`]
    }
  }
}

function* policyProblems(row: Row): Problems {
  yield* writtenAgain(row, policyColumns, fromPolicy(toPolicy(row)))
  yield* among(row, 'rule_order', ['first-match', 'allow-list'])
  for (const column of ['default_ingress', 'default_egress']) yield* among(row, column, actions)
  yield* among(row, 'built_in', builtIns, true)
  yield* among(row, 'log_allowed', logLevels, true)
  yield* among(row, 'cut_flows', cutFlows, true)
}

/** Rows come by policy: ids of the one before need not be remembered. */
function ruleProblems(): RecordCheck['look'] {
  let policy: SqlValue | undefined
  let ids = new Set<string>()
  return function* (row) {
    if (row.policy !== policy) ids = new Set()
    policy = row.policy
    const rule = toRule(row)
    if (ids.has(rule.id)) yield ['position', `the policy has the rule ${rule.id} twice`]
    ids.add(rule.id)
    yield* writtenAgain(row, ruleColumns, fromRule(String(row.policy), rule.position, rule.id, rule))
    yield* among(row, 'direction', directions)
    yield* among(row, 'action', actions)
    yield* among(row, 'enabled', switched)
    yield* among(row, 'log', logLevels, true)
  }
}

function* leaseProblems(row: Row): Problems {
  const lease = toLease(row)
  const { first, last, address } = leasedRange(lease.address)
  if (address !== lease.address) yield ['address', 'it is not canonical']
  if (first !== lease.first || last !== lease.last) yield ['lease', 'its keys are of another address']
}

function* hitProblems(row: Row): Problems {
  yield* writtenAgain(row, hitColumns, fromHit(toHit(row)))
  yield* among(row, 'direction', directions)
  const decider = String(row.decider)
  const parsed = decider === 'suppressed' ? undefined : parseDecider(decider)
  if (parsed && !parsed.ok) yield ['codec', parsed.error]
}

function* accountProblems(row: Row): Problems {
  yield* quotaProblems(row.quotas ?? null)
  toAccount(row)
}

function* installationProblems(row: Row): Problems {
  if (row.name === defaultQuotas) yield* quotaProblems(row.value ?? null)
}

const digest = /^[0-9a-f]{64}$/
/** Base64 of a salt, a nonce and a tag of 16, 12 and 16 bytes, and of what is sealed: an object in JSON. */
const sealedBytes = 46

function* onceProblems(row: Row): Problems {
  const { key, request, id, sealed, until } = toOnce(row)
  for (const [what, value] of Object.entries({ key, request })) {
    if (!digest.test(value)) yield ['repeat', `its ${what} is no digest`]
  }
  if (id === '') yield ['repeat', 'it says nothing of what it made']
  if (sealed !== null) {
    const bytes = Buffer.from(sealed, 'base64')
    const isWhole = bytes.toString('base64') === sealed && bytes.length >= sealedBytes
    if (!isWhole) yield ['repeat', 'the secret of its answer is not sealed, or was cut']
  }
  if (!Number.isSafeInteger(until) || until <= 0) yield ['repeat', `it is remembered until ${until}`]
}

/** What can be read has no problem. */
const readable =
  (read: (row: Row) => unknown): RecordCheck['look'] =>
  (row) => {
    read(row)
    return []
  }
const written =
  (columns: string, again: (row: Row) => readonly SqlValue[]): RecordCheck['look'] =>
  (row) =>
    writtenAgain(row, columns, again(row))

/** Anew for each run. */
export const recordChecks = (): readonly RecordCheck[] => [
  check('accounts', accountColumns, accountProblems),
  check('installation', 'name, value', installationProblems, ['name']),
  check(
    'credentials',
    credentialColumns,
    written(credentialColumns, (row) => fromCredential(toCredential(row))),
  ),
  check(
    'servers',
    serverColumns,
    written(serverColumns, (row) => fromServer(toServer(row))),
  ),
  check('interfaces', interfaceColumns, interfaceProblems),
  check('policies', policyColumns, policyProblems),
  check('rules', `${ruleColumns}`, ruleProblems()),
  check(
    'documents',
    documentColumns,
    written(documentColumns, (row) => fromDocument(toDocument(row))),
  ),
  check('audit', auditColumns, readable(toAuditEvent)),
  check('policy_past', 'revision, part, step', readable(toPolicyStep)),
  check(
    'pools',
    'name, body',
    readable((row) => JSON.parse(String(row.body))),
    ['name'],
  ),
  check('leases', leaseColumns, leaseProblems),
  check('hosts', 'host, seen_at, status', readable(toHost), ['host']),
  check('outcomes', 'host, interface, status', readable(toOutcome), ['host', 'interface']),
  check(
    'sightings',
    sightingColumns,
    written(sightingColumns, (row) => fromSighting(toSighting(row))),
    ['host', 'device'],
  ),
  check('hits', hitColumns, hitProblems),
  check('idempotency', onceColumns, onceProblems),
]
