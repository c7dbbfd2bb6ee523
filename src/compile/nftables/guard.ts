/** The guard: keeps devices closed until our tables have judged their packets, and whatever becomes of those tables. */
import { isNamedBy, type Link } from '../../core/model/link.ts'
import { guardTables } from './names.ts'
import { bridged, clearJudged, deviceOf, hangsAt, hooks, type Place, routed, takeJudged } from './places.ts'
import type { Hook } from './ruleset.ts'
import {
  indexElements,
  nameElements,
  type RenderedSet,
  type RenderedTable,
  type RenderedTables,
  replaceScript,
} from './table.ts'

/** What is closed until our table has judged its packets. */
export interface Guard {
  /** By name. */
  readonly devices: ReadonlySet<string>
  /** By index, under whatever name. */
  readonly indexes: ReadonlySet<number>
  /** Names, or prefixes that end in `*`. */
  readonly patterns: readonly string[]
  /** By name: never closed, whatever the above says. */
  readonly open: ReadonlySet<string>
}

/**
 * Both tables of the guard hold the same. It stands right behind the table that judges, and right before it: a mark that
 * somebody else set must not pass for ours.
 */
export function renderGuard(guard: Guard): RenderedTables {
  const sets = new Map<string, RenderedSet>([
    ['closed-names', { kind: 'set', type: 'type ifname', elements: nameElements(guard.devices) }],
    ['closed-indexes', { kind: 'set', type: 'type iface_index', elements: indexElements(guard.indexes) }],
    ['open-names', { kind: 'set', type: 'type ifname', elements: nameElements(guard.open) }],
  ])
  const table = (places: readonly Place[]): RenderedTable => ({
    sets,
    chains: new Map([
      ...hooks.map((hook) => [unjudgedOf(hook), unjudged(hook, guard).join('\n')] as const),
      ...places.flatMap(({ name, from, hook, priority }) => {
        const [before, behind] = [priority - 1, priority + 1].map((at) => hangsAt({ hook, priority: at }))
        return [
          [`before-${name}`, `${before}\n${clearJudged(from)}`],
          [name, [behind, takeJudged(from), `goto ${unjudgedOf(from)}`].join('\n')],
        ] as const
      }),
    ]),
  })
  return new Map([
    [guardTables[0], table(routed)],
    [guardTables[1], table(bridged)],
  ])
}

const unjudgedOf = (hook: Hook) => `unjudged.${hook}`

function unjudged(hook: Hook, { open, patterns }: Guard): string[] {
  const index = deviceOf[hook]
  return [
    ...(open.size > 0 ? [`${index}name @open-names accept`] : []),
    `${index}name @closed-names drop`,
    `${index} @closed-indexes drop`,
    ...patterns.map((pattern) => `${index}name "${pattern}" drop`),
  ]
}

/** What a guard's table holds, read back; of one that is not ours, what can be understood. */
export function guardOf({ chains, sets }: RenderedTable): Guard {
  const elements = (name: string) => [...(sets.get(name)?.elements.keys() ?? [])]
  const names = (name: string) => new Set(elements(name).map((each) => each.replaceAll('"', '')))
  const rules = chains.get(unjudgedOf('from-vm')) ?? ''
  return {
    devices: names('closed-names'),
    indexes: new Set(
      elements('closed-indexes')
        .map(Number)
        .filter((index) => !Number.isNaN(index)),
    ),
    patterns: patternsIn(rules),
    open: names('open-names'),
  }
}

const patternsIn = (rules: string): string[] =>
  [...rules.matchAll(/^[io]ifname "([^"]+)" drop$/gm)].map(([, pattern = '']) => pattern)

/** Whether the guard closes a device until its packets are judged. */
export function closes({ devices, indexes, patterns, open }: Guard, { name, index }: Link): boolean {
  if (open.has(name)) return false
  return devices.has(name) || indexes.has(index) || isNamedBy(patterns, name)
}

/** What it closes, in words for the operator. */
export const describeGuard = ({ patterns, devices }: Guard): string =>
  [...patterns, ...(devices.size > 0 ? [`${devices.size} by name`] : [])].join(', ') || 'nothing'

/**
 * A guard as a file that nft alone can load, whatever stands. Without indexes: after a boot they are those of other
 * devices.
 */
export const guardFile = (guard: Guard): string =>
  [
    '# What keeps the devices of VMs closed until portcullis judges their packets. Written by portcullis, which\n',
    '# replaces it; load it at boot, before the network: nft -f guard.nft\n',
    ...[...renderGuard({ ...guard, indexes: new Set() })].map(([name, table]) => replaceScript(name, table)),
    guardFileEnd,
  ].join('')

/** The last line: without it a file is not whole. */
const guardFileEnd = '# The end of the guard.\n'

/** The guard that such a file holds; undefined when it holds none, or is not whole. */
export function readGuardFile(text: string): Guard | undefined {
  if (!text.endsWith(guardFileEnd) || !guardTables.every((name) => text.includes(`\ntable ${name} {\n`)))
    return undefined
  // Both tables hold the same.
  const [, rules = ''] =
    new RegExp(`^chain ${unjudgedOf('from-vm')} \\{\n([^}]+)\n\\}$`, 'm').exec(text) ?? []
  if (rules === '') return undefined
  const elements = (set: string): Set<string> => {
    const line = new RegExp(`^add element ${guardTables[0]} ${set} \\{ (.+) \\}$`, 'm').exec(text)
    return new Set((line?.[1] ?? '').split(', ').flatMap((each) => /^"(.+)"$/.exec(each)?.[1] ?? []))
  }
  return {
    devices: elements('closed-names'),
    indexes: new Set(),
    patterns: patternsIn(rules),
    open: elements('open-names'),
  }
}
