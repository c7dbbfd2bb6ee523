/** The address file: which prefixes the pools are made of (docs/addresses.md). */
import { randomBytes } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { type Pool, type PoolKind, poolKinds, poolName } from '../core/model/pool.ts'
import type { Profile } from '../core/model/profile.ts'
import { type Family, familyBits, formatAddress, parseAddress } from '../core/net/address.ts'
import { countBlocks } from '../core/net/blocks.ts'
import { type Prefix, parsePrefix, prefixRange } from '../core/net/prefix.ts'
import { err, ok, type Result } from '../core/result.ts'
import { addressSet, intersect, isEmpty, subtract } from '../core/sets/address-set.ts'
import type { Range } from '../core/sets/range.ts'
import { check } from './config/check.ts'
import { closed, line, list, optional } from './config/fields.ts'
import { createReport, type Report } from './config/report.ts'
import { parseConfig } from './config/text.ts'

/** One pool of the file; `takers` are the profiles whose resources take addresses from pools. */
export const poolEntry = (takers: readonly Profile[]) =>
  Type.Object(
    {
      kind: Type.Enum(Object.keys(poolKinds), { description: 'What it hands out (above).' }),
      profile: optional(
        Type.Enum([...takers], {
          description:
            'The only dialect that it serves. Absent: every one without a pool of the kind of its own.',
        }),
      ),
      zone: optional(
        line(
          'With `profile`: the only zone or location that it serves, as clients name it. Absent: every one without a pool of the kind of its own.',
          63,
        ),
      ),
      prefixes: list(Type.String(), 'All of the pool; none in another pool, too.', {
        ...{ minItems: 1, maxItems: 1000, expected: 'a list of 1 to 1000 prefixes' },
      }),
      exclude: optional(
        list(
          Type.String(),
          'What is not handed out: addresses, prefixes, or `first-last`. Routers belong here.',
          {
            ...{ maxItems: 1000, expected: 'a list of at most 1000' },
          },
        ),
      ),
    },
    closed,
  )
type PoolEntry = Static<ReturnType<typeof poolEntry>>

export const addressFile = (takers: readonly Profile[]) =>
  Type.Object(
    {
      quarantine: optional(
        Type.String({
          pattern: '^(0|[1-9]\\d{0,5}[smhd])$',
          description:
            'How long an address is given to nobody else after its last use: `90s`, `30m`, `24h`, `7d`, or `0`.',
          expected: 'a time such as 90s, 30m, 24h or 7d, or 0',
          default: '24h',
        }),
      ),
      pools: list(poolEntry(takers), 'Each with its own kind, profile and zone.', {
        maxItems: 1000,
        expected: 'a list of at most 1000 pools',
      }),
    },
    closed,
  )

export interface AddressConfig {
  readonly pools: readonly Pool[]
  /** Milliseconds. */
  readonly quarantineMs: number
  /** Pools whose prefix the installation draws at its first start, and keeps. */
  readonly drawn: readonly { readonly kind: PoolKind; readonly prefix: () => string }[]
}

/** Documentation and benchmark ranges (RFC 2544, RFC 3849), and private ones: addresses that are nobody's. */
export const defaultPools: readonly PoolEntry[] = [
  { kind: 'public-ipv4', prefixes: ['198.18.0.0/15'], exclude: ['198.18.0.0-198.18.0.9'] },
  { kind: 'public-ipv6', prefixes: ['2001:db8:5000::/36'], exclude: ['2001:db8:5000::-2001:db8:5000::9'] },
  { kind: 'public-ipv6-prefix', prefixes: ['2001:db8:6000::/36'] },
  { kind: 'utility-ipv4', prefixes: ['10.4.0.0/14'], exclude: ['10.4.0.0-10.4.0.9'] },
  { kind: 'lan-ipv4', prefixes: ['10.8.0.0/13'] },
]

/** Unique local addresses (RFC 4193 §3.2.2): 40 random bits. */
const drawn: AddressConfig['drawn'] = Object.entries(poolKinds)
  .filter(([, kind]) => 'drawn' in kind)
  .map(([kind]) => ({
    kind: kind as PoolKind,
    prefix: () => formatUniqueLocal(randomBytes(5).toString('hex')),
  }))
const formatUniqueLocal = (hex: string): string => `${formatAddress('ipv6', BigInt(`0xfd${hex}`) << 80n)}/48`

export const drawnPool = (kind: PoolKind, prefix: string): Pool =>
  poolOf({ kind, prefixes: [prefix] }, '', createReport())

/** Kinds that no pool is of have the default one. */
function withDefaults(pools: readonly Pool[], quarantineMs: number): AddressConfig {
  const missing = ({ kind }: { readonly kind: string }) => !pools.some((pool) => pool.kind === kind)
  const others = defaultPools.filter(missing).map((entry) => poolOf(entry, '', createReport()))
  return { pools: [...pools, ...others], quarantineMs, drawn: drawn.filter(missing) }
}

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

export const defaultAddresses: AddressConfig = withDefaults([], 24 * units.h)

/**
 * The text of a file, YAML or JSON; `takers` are the profiles that a pool may be for. The error is one line with the place
 * in the file.
 */
export function readAddresses(text: string, takers: readonly Profile[]): Result<AddressConfig> {
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed
  const file = check(addressFile(takers), parsed.value)
  if (!file.ok) return file
  const { quarantine = '24h', pools: entries } = file.value
  const report = createReport()
  const pools = entries.map((entry, index) => poolOf(entry, `pools[${index}]`, report))
  for (const [index, pool] of pools.entries()) {
    report.once('pool', pool.name, `pools[${index}]`, `the pool ${pool.name}`)
    const other = pools.findIndex((each) => each.prefixes.some((one) => overlapsAny(one, pool.prefixes)))
    if (other >= 0 && other < index) report.add(`pools[${index}].prefixes`, `overlaps pools[${other}]`)
  }
  if (report.fault !== undefined) return err(report.fault)
  const unit = units[quarantine.slice(-1) as keyof typeof units] ?? 0
  return ok(withDefaults(pools, Number.parseInt(quarantine, 10) * unit))
}

function overlapsAny(prefix: Prefix, others: readonly Prefix[]): boolean {
  const { first, last } = prefixRange(prefix)
  return others.some((other) => {
    const range = prefixRange(other)
    return other.family === prefix.family && range.first <= last && first <= range.last
  })
}

/** Faults are reported, and the answer is then of no use. */
function poolOf(entry: PoolEntry, at: string, report: Report): Pool {
  const kind = entry.kind as PoolKind
  const { profile = null, zone = null, prefixes, exclude = [] } = entry
  const { family, length } = poolKinds[kind]
  if (zone !== null && profile === null) report.add(`${at}.zone`, 'needs the profile whose zone it is')
  const parsed: Prefix[] = []
  for (const [index, text] of prefixes.entries()) {
    const place = `${at}.prefixes[${index}]`
    const prefix = parsePrefix(text, { hostBits: 'refuse' })
    if (!prefix.ok) report.add(place, prefix.error)
    else if (prefix.value.family !== family)
      report.add(place, `expected an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} prefix`)
    else if (prefix.value.length > length) report.add(place, `expected a prefix of at most /${length}`)
    else if (overlapsAny(prefix.value, parsed)) report.add(place, `${text} is in the pool twice`)
    else parsed.push(prefix.value)
  }
  const setOf = (ranges: readonly Range<bigint>[]) =>
    addressSet(ranges.map((range) => ({ family, ...range })))
  const excluded = exclude.flatMap((text, index) => {
    const place = `${at}.exclude[${index}]`
    const range = excludedRange(text, family)
    if (!range.ok) report.add(place, range.error)
    else if (isEmpty(intersect(setOf([range.value]), setOf(parsed.map(prefixRange)))))
      report.add(place, `${text} is in none of the pool’s prefixes`)
    return range.ok ? [range.value] : []
  })
  const usable = parsed.map(length === familyBits[family] ? hostsOf : prefixRange)
  const ranges = subtract(setOf(usable), setOf(excluded))[family]
  if (report.fault === undefined && ranges.every((range) => countBlocks(family, length, range) === 0n)) {
    report.add(at, 'nothing is left to hand out')
  }
  return {
    ...{ name: poolName(kind, profile, zone), kind, profile, zone },
    prefixes: parsed,
    ranges,
  }
}

/** Without the network's own address and broadcast (IPv4), or the routers' anycast address (RFC 4291 §2.6.1). */
function hostsOf(prefix: Prefix): Range<bigint> {
  const { first, last } = prefixRange(prefix)
  if (familyBits[prefix.family] - prefix.length < 2) return { first, last }
  return { first: first + 1n, last: prefix.family === 'ipv4' ? last - 1n : last }
}

/** `192.0.2.1`, `192.0.2.0/28` or `192.0.2.1-192.0.2.9`. */
function excludedRange(text: string, family: Family): Result<Range<bigint>> {
  if (text.includes('/')) {
    const prefix = parsePrefix(text, { hostBits: 'refuse' })
    if (!prefix.ok) return prefix
    return prefix.value.family === family ? ok(prefixRange(prefix.value)) : err('expected the pool’s family')
  }
  const dash = text.indexOf('-')
  const first = parseAddress(dash < 0 ? text : text.slice(0, dash))
  if (!first.ok) return first
  const end = dash < 0 ? first : parseAddress(text.slice(dash + 1))
  if (!end.ok) return end
  if (first.value.family !== family || end.value.family !== family) return err('expected the pool’s family')
  if (end.value.value < first.value.value) return err('the first address is above the last')
  return ok({ first: first.value.value, last: end.value.value })
}
