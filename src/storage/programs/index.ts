/** Every program by name, and what a commit of each touches. */
import type { Program } from '../statement.ts'
import type { Actor, Commit, ProgramName, Programs } from '../storage.ts'
import { deleteDocument, putDocument, takeNumbers } from './documents.ts'
import { applyInventory } from './inventory.ts'
import { createPolicy, deletePolicy, includePolicy, updatePolicy } from './policies.ts'
import { deleteRule, insertRule, replaceRules, updateRule } from './rules.ts'
import { createServer, deleteServer, updateServer } from './servers.ts'

export const programs: {
  readonly [P in ProgramName]: (args: Programs[P]['args'], actor: Actor) => Program<Programs[P]['answer']>
} = {
  insertRule,
  replaceRules,
  updateRule,
  deleteRule,
  createPolicy,
  updatePolicy,
  deletePolicy,
  includePolicy,
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
  updateRule: ['rules'],
  deleteRule: ['rules'],
  createPolicy: [],
  updatePolicy: ['rules'],
  deletePolicy: [],
  includePolicy: ['servers', 'rules'],
  createServer: ['servers', 'rules'],
  updateServer: ['servers', 'rules'],
  deleteServer: ['servers', 'rules'],
  putDocument: [],
  deleteDocument: [],
  takeNumbers: [],
  applyInventory: ['credentials', 'servers', 'rules'],
}
