/** Every program by name, and what a commit of each touches. */
import type { Program } from '../statement.ts'
import type { Actor, Commit, ProgramName, Programs } from '../storage.ts'
import { deleteDocument, putDocument, takeNumbers } from './documents.ts'
import { applyInventory } from './inventory.ts'
import { deleteRule, insertRule, replaceRules } from './rules.ts'
import { createServer, deleteServer, updateServer } from './servers.ts'

export const programs: {
  readonly [P in ProgramName]: (args: Programs[P]['args'], actor: Actor) => Program<Programs[P]['answer']>
} = {
  insertRule,
  replaceRules,
  deleteRule,
  createServer,
  updateServer,
  deleteServer,
  putDocument,
  deleteDocument,
  takeNumbers,
  applyInventory,
}

export const topics: { readonly [P in ProgramName]: Commit['topics'] } = {
  insertRule: ['rules'],
  replaceRules: ['rules'],
  deleteRule: ['rules'],
  createServer: ['servers', 'rules'],
  updateServer: ['servers', 'rules'],
  deleteServer: ['servers', 'rules'],
  putDocument: [],
  deleteDocument: [],
  takeNumbers: [],
  applyInventory: ['credentials', 'servers', 'rules'],
}
