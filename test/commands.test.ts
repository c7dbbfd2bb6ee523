/** Every command can answer a program, and says in its help how it is called and what its exit statuses mean. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command } from 'commander'
import { helpOf } from '../packaging/commands.ts'
import { nouns } from '../src/cli/nouns.ts'

interface Found {
  readonly name: string
  readonly command: Command
}

/** Those that do something: a noun with verbs only leads to them. */
const leaves = (command: Command, before: string): readonly Found[] => {
  const name = `${before} ${command.name()}`
  return command.commands.length > 0
    ? command.commands.flatMap((each) => leaves(each, name))
    : [{ name, command }]
}

const found = (
  await Promise.all(Object.values(nouns).map(async (load) => leaves(await load(), 'portcullis')))
).flat()

describe('every command', () => {
  for (const { name, command } of found)
    test(name, () => {
      const help = helpOf(command)
      assert.match(help, /\n {2}--json\b/, 'has --json')
      assert.match(help, new RegExp(`\\nExample: ${name}\\b`), 'has an example')
      assert.match(help, /\nExit status: 0 [\s\S]*\b[12] /, 'documents exit statuses')
      assert.ok(command.description().length > 0)
      for (const option of command.options) assert.ok(option.description, `${name} ${option.flags}`)
    })
})
