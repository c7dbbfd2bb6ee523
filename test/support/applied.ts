/** What the kernel would hold after commands: strict about what is there, and about what is not. */
import assert from 'node:assert/strict'
import type { Command } from '../../src/compile/nftables/commands.ts'
import type { RenderedSet, RenderedTable, RenderedTables } from '../../src/compile/nftables/table.ts'

/** Tables that nobody else changes. */
export const copyOf = (tables: RenderedTables): RenderedTables =>
  new Map([...tables].map(([name, each]) => [name, copyOfTable(each)]))

const copyOfTable = ({ chains, sets, objects }: RenderedTable): Required<RenderedTable> => ({
  chains: new Map(chains),
  sets: new Map([...sets].map(([name, set]) => [name, { ...set, elements: new Map(set.elements) }])),
  objects: new Map(objects),
})

/** The tables after one transaction. */
export function applied(tables: RenderedTables, commands: readonly Command[]): RenderedTables {
  const result = new Map<string, Open>([...tables].map(([name, each]) => [name, copyOfTable(each) as Open]))
  for (const command of commands) {
    const { table: name } = command
    if (command.do === 'add-table') {
      if (!result.has(name)) result.set(name, { chains: new Map(), sets: new Map(), objects: new Map() })
      continue
    }
    const table = result.get(name)
    assert.ok(table, `there is no table ${name}`)
    if (command.do === 'delete-table') result.delete(name)
    else step(table, command)
  }
  return result as unknown as RenderedTables
}

interface Open {
  readonly chains: Map<string, string>
  readonly sets: Map<string, RenderedSet & { readonly elements: Map<string, string> }>
  readonly objects: Map<string, string>
}

function step({ chains, sets, objects }: Open, command: Command): void {
  const there = <T>(map: ReadonlyMap<string, T>, name: string): T => {
    assert.ok(map.has(name), `${command.do}: there is no ${name}`)
    return map.get(name) as T
  }
  const isNew = (map: ReadonlyMap<string, unknown>, name: string): void =>
    assert.ok(!map.has(name), `${command.do}: ${name} is there`)
  switch (command.do) {
    case 'add-chain':
      isNew(chains, command.chain)
      chains.set(command.chain, command.place ?? '')
      break
    case 'flush-chain': {
      const [first = ''] = there(chains, command.chain).split('\n')
      chains.set(command.chain, first.startsWith('type filter hook ') ? first : '')
      break
    }
    case 'delete-chain': {
      assert.ok(!there(chains, command.chain).includes('\n'), `${command.chain} is not empty`)
      const uses = new RegExp(
        `(?:jump|goto) ${command.chain.replace(/[.*+?^$(){}|[\]\\]/g, '\\$&')}(?=[\\s,]|$)`,
      )
      for (const [name, text] of chains) assert.ok(!uses.test(text), `${name} leads to ${command.chain}`)
      for (const [name, { elements }] of sets)
        for (const to of elements.values()) assert.ok(!uses.test(to), `${name} leads to ${command.chain}`)
      chains.delete(command.chain)
      break
    }
    case 'add-rules': {
      const before = there(chains, command.chain)
      chains.set(command.chain, [...(before === '' ? [] : [before]), ...command.rules].join('\n'))
      break
    }
    case 'add-set':
      isNew(sets, command.set)
      sets.set(command.set, { kind: command.kind, type: command.type, elements: new Map() })
      break
    case 'delete-set':
      there(sets, command.set)
      for (const [name, text] of chains)
        assert.ok(
          !`${text}\n`.includes(`@${command.set}\n`) && !text.includes(`@${command.set} `),
          `${name} looks into ${command.set}`,
        )
      sets.delete(command.set)
      break
    case 'flush-set':
      there(sets, command.set).elements.clear()
      break
    case 'add-elements': {
      const { elements } = there(sets, command.set)
      for (const [key, to] of command.elements) {
        isNew(elements, key)
        elements.set(key, to)
      }
      break
    }
    case 'delete-elements': {
      const { elements } = there(sets, command.set)
      for (const key of command.elements.keys()) {
        there(elements, key)
        elements.delete(key)
      }
      break
    }
    case 'add-object':
      isNew(objects, command.object)
      objects.set(command.object, command.body)
      break
    case 'delete-object':
      there(objects, command.object)
      objects.delete(command.object)
      break
    default:
      throw new Error(`${command.do} is about no part of a table`)
  }
}
