/** Steps of a transaction as netlink messages, without what begins and ends the transaction. */
import type { Command } from '../../../compile/nftables/commands.ts'
import { isBase } from '../../../compile/nftables/places.ts'
import { flags, type MessageBuilder } from '../../netlink/message.ts'
import { anonymousName, assembleRule } from './assemble.ts'
import { elementKey, heldOf, writeElement } from './elements.ts'
import { hashOfChain, hashOfRules, hashOfSet, hashOfTable, userDataOf } from './identity.ts'
import { layoutOf, writeSet } from './keys.ts'
import { writeTimeout } from './timeouts.ts'
import {
  chain,
  connectionTimeout,
  elementList,
  type Family,
  families,
  hook,
  hooks,
  messages,
  object,
  objectTypes,
  rule,
  set,
  table,
} from './uapi.ts'

/** What the kernel takes for a name, in bytes. */
const longestName = 255
/** A list of elements is an attribute, which is at most 65,535 bytes long; one element is far below the rest. */
const longestList = 60_000

export interface Options {
  /** Of tables that are made; 0 unless said. */
  readonly tableFlags?: number
}

/**
 * Writes the messages of all steps, in order. Answers for each step which message was its first: an index among all
 * messages of the builder. Throws SyntaxError at what is not of the language that we write, and RangeError at what is too
 * long; what the builder holds then must not be sent.
 */
export function writeCommands(
  builder: MessageBuilder,
  commands: readonly Command[],
  { tableFlags = 0 }: Options = {},
): readonly number[] {
  const writer = new CommandWriter(builder, tableFlags)
  return commands.map((command, at) => {
    const first = builder.count
    const next = commands[at + 1]
    // The kernel takes no flags for a table that stands without them, and this one goes at once.
    const passing = next?.do === 'delete-table' && next.table === command.table
    writer.write(command, passing)
    return first
  })
}

class CommandWriter {
  readonly #builder: MessageBuilder
  readonly #tableFlags: number
  /** Of the set that was made last in this transaction. */
  #id = 0

  constructor(builder: MessageBuilder, tableFlags: number) {
    this.#builder = builder
    this.#tableFlags = tableFlags
  }

  write(command: Command, passing: boolean): void {
    const at = placeOf(command.table)
    switch (command.do) {
      case 'add-table':
        this.#begin(messages.newTable, flags.create, at)
        if (!passing) this.#builder.u32be(table.flags, this.#tableFlags)
        this.#builder.bytes(table.userData, userDataOf(hashOfTable(command.table)))
        return
      case 'delete-table':
        this.#begin(messages.deleteTable, 0, at)
        return
      case 'add-chain':
        this.#addChain(at, command.chain, command.place)
        return
      case 'flush-chain':
        // Without a rule's handle: all rules of the chain.
        this.#begin(messages.deleteRule, 0, at).text(rule.chain, named(command.chain))
        return
      case 'delete-chain':
        this.#begin(messages.deleteChain, 0, at).text(chain.name, named(command.chain))
        return
      case 'add-rules':
        this.#addRules(at, command.chain, command.rules)
        return
      case 'add-set':
        this.#addSet(at, command)
        return
      case 'delete-set':
        this.#begin(messages.deleteSet, 0, at).text(set.name, named(command.set))
        return
      case 'flush-set':
        // Without a list: all elements of the set.
        this.#begin(messages.deleteElements, 0, at).text(elementList.set, named(command.set))
        return
      case 'add-elements':
      case 'delete-elements':
        this.#elements(at, command)
        return
      case 'add-object':
        this.#addObject(at, command.object, command.body)
        return
      case 'delete-object':
        this.#deleteObject(at, command.object)
        return
    }
  }

  /** Begins a message about something in a table; the name of the table is attribute 1 in all of them. */
  #begin(type: number, messageFlags: number, { family, name }: Place): MessageBuilder {
    return this.#builder
      .begin(type, flags.request | messageFlags, Uint8Array.of(families[family], 0, 0, 0))
      .text(table.name, name)
  }

  #addChain(at: Place, name: string, place: string | undefined): void {
    const builder = this.#begin(messages.newChain, flags.create, at).text(chain.name, named(name))
    if (place !== undefined) {
      const [, type = '', at, priority] =
        /^type (filter) hook (\S+) priority (-?\d{1,9}); policy accept;$/.exec(place) ?? []
      if (at === undefined || !Object.hasOwn(hooks, at)) throw new SyntaxError(`no base chain is ${place}`)
      builder.text(chain.type, type).u32be(chain.policy, 1)
      const hung = builder.open(chain.hook)
      builder
        .u32be(hook.number, hooks[at as keyof typeof hooks])
        .u32be(hook.priority, Number(priority))
        .close(hung)
    }
    builder.bytes(chain.userData, userDataOf(hashOfChain(place)))
  }

  #addRules(at: Place, name: string, rules: readonly string[]): void {
    const hash = hashOfRules(rules)
    for (const [position, line] of rules.entries()) {
      if (isBase(line)) throw new SyntaxError(`${line} is no rule`)
      const { expressions, sets } = assembleRule(at.family, line)
      for (const { layout, elements, size, idAt } of sets) {
        const id = ++this.#id
        expressions.writeUInt32BE(id, idAt)
        const own = anonymousName(layout.isMap)
        writeSet(this.#begin(messages.newSet, flags.create, at).text(set.name, own), layout, { id, size })
        const builder = this.#begin(messages.newElements, flags.create, at)
          .text(elementList.set, own)
          .u32be(elementList.setId, id)
        const list = builder.open(elementList.elements)
        builder.attributes(elements).close(list)
      }
      const builder = this.#begin(messages.newRule, flags.create | flags.append, at)
      builder.text(rule.chain, named(name))
      const list = builder.open(rule.expressions)
      builder.attributes(expressions).close(list).bytes(rule.userData, userDataOf(hash, position))
    }
  }

  #addSet(at: Place, command: Extract<Command, { do: 'add-set' }>): void {
    const { kind, type } = command
    const builder = this.#begin(messages.newSet, flags.create, at).text(set.name, named(command.set))
    const identity = userDataOf(hashOfSet(kind, type))
    writeSet(builder, layoutOf(kind, type), { id: ++this.#id, identity })
  }

  #elements(at: Place, command: Extract<Command, { do: 'add-elements' | 'delete-elements' }>): void {
    const adds = command.do === 'add-elements'
    const layout = layoutOf(command.kind, command.type)
    const name = named(command.set)
    const builder = this.#builder
    let list = -1
    for (const [text, to] of command.elements) {
      if (list >= 0 && builder.lengthOf(list) > longestList) {
        builder.close(list)
        list = -1
      }
      if (list < 0) {
        const type = adds ? messages.newElements : messages.deleteElements
        this.#begin(type, adds ? flags.create : 0, at).text(elementList.set, name)
        list = builder.open(elementList.elements)
      }
      if (adds && (to !== '') !== layout.isMap)
        throw new SyntaxError(`${JSON.stringify(to)} is not what an element of a ${command.kind} holds`)
      const held = adds && layout.isMap ? heldOf(layout, to) : undefined
      writeElement(builder, layout, elementKey(layout, text), held)
    }
    if (list >= 0) builder.close(list)
  }

  /** Others may have put any kind into our tables. */
  #deleteObject(at: Place, of: string): void {
    const [, kind = '', name = ''] = /^(.+) (\S+)$/.exec(of) ?? []
    if (kind === 'flowtable') {
      this.#begin(messages.deleteFlowTable, 0, at).text(object.name, named(name))
      return
    }
    const number = objectTypes.get(kind) ?? Number(/^object-(\d+)$/.exec(kind)?.[1])
    if (!Number.isInteger(number)) throw new SyntaxError(`${JSON.stringify(of)} is no object`)
    this.#begin(messages.deleteObject, 0, at).text(object.name, named(name)).u32be(object.type, number)
  }

  #addObject(at: Place, of: string, body: string): void {
    const builder = this.#begin(messages.newObject, flags.create, at)
      .text(object.name, named(timeoutName(of)))
      .u32be(object.type, connectionTimeout.type)
    writeTimeout(builder, object.data, body)
  }
}

interface Place {
  readonly family: Family
  readonly name: string
}

function placeOf(text: string): Place {
  const [, family, name] = /^(inet|bridge) (\S+)$/.exec(text) ?? []
  if (name === undefined) throw new SyntaxError(`${JSON.stringify(text)} is no table of ours`)
  return { family: family as Family, name: named(name) }
}

/** Throws RangeError for a name that the kernel would not take. */
function named(name: string): string {
  const length = Buffer.byteLength(name)
  if (length < 1 || length > longestName) throw new RangeError(`a name of ${length} bytes: ${name}`)
  return name
}

function timeoutName(text: string): string {
  const [, name] = /^ct timeout (\S+)$/.exec(text) ?? []
  if (name === undefined) throw new SyntaxError(`${JSON.stringify(text)} is no object that we make`)
  return name
}
