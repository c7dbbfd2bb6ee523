/** Every program by name, and what a commit of each touches. */
import type { RequestError } from '../../core/model/error.ts'
import type { Result } from '../../core/result.ts'
import { keeps, type Program } from '../statement.ts'
import type { Actor, Commit, ProgramName, Programs } from '../storage.ts'
import { createAccount, deleteAccount, updateAccount } from './accounts.ts'
import { changeAddresses } from './addresses.ts'
import { adopt, followConfigured, refuseAdoption } from './adopt.ts'
import { attachPolicy, attachTo } from './attachments.ts'
import { bind } from './bindings.ts'
import { chooseAccount, choosePolicy } from './choices.ts'
import {
  createCredential,
  revokeCredential,
  rotateCredential,
  touchCredentials,
  updateCredential,
} from './credentials.ts'
import { deleteDocument, putDocument } from './documents.ts'
import { forgetOnce, pruneHistory, recordEvent } from './history.ts'
import { keepHits, pruneHits } from './hits.ts'
import { closeSession, forgetHosts, openSession, refuseSession, reportHost, reportHosts } from './hosts.ts'
import { addInterface, removeInterface, updateInterface } from './interfaces.ts'
import { applyInventory } from './inventory.ts'
import { configurePools, keepDrawn, takeAddresses } from './leases.ts'
import { createPolicy, deletePolicy, includePolicy, updatePolicy } from './policies.ts'
import { revertPolicy } from './revert.ts'
import { deleteRule, insertRule, replaceRules, updateRule } from './rules.ts'
import { see } from './see.ts'
import { createServer, deleteServer, updateServer } from './servers.ts'
import { setDefaultQuotas } from './usage.ts'
import { changeZone } from './zones.ts'

export const programs: {
  readonly [P in ProgramName]: (args: Programs[P]['args'], actor: Actor) => Program<Programs[P]['answer']>
} = {
  insertRule,
  replaceRules,
  updateRule,
  deleteRule,
  createPolicy,
  updatePolicy,
  choosePolicy,
  revertPolicy,
  chooseAccount,
  deletePolicy,
  attachPolicy,
  attachTo,
  includePolicy,
  createServer,
  updateServer,
  deleteServer,
  putDocument,
  deleteDocument,
  takeAddresses,
  changeAddresses,
  keepDrawn,
  configurePools,
  changeZone,
  createCredential,
  updateCredential,
  rotateCredential,
  revokeCredential,
  touchCredentials,
  recordEvent,
  pruneHistory,
  openSession,
  closeSession,
  refuseSession,
  reportHost,
  reportHosts,
  keepHits,
  pruneHits,
  forgetOnce,
  createAccount,
  updateAccount,
  deleteAccount,
  see,
  bind,
  adopt,
  refuseAdoption,
  followConfigured,
  addInterface,
  updateInterface,
  removeInterface,
  forgetHosts,
  setDefaultQuotas,
  applyInventory,
}

const topics: { readonly [P in ProgramName]: Commit['topics'] } = {
  insertRule: ['rules'],
  replaceRules: ['rules'],
  updateRule: ['rules'],
  deleteRule: ['rules'],
  // It may take the place of a default that is attached.
  createPolicy: ['rules'],
  updatePolicy: ['rules'],
  choosePolicy: ['rules'],
  // An interface may be switched with it.
  revertPolicy: ['rules', 'servers'],
  chooseAccount: ['rules'],
  // They may have been attached.
  deletePolicy: ['servers'],
  attachPolicy: ['servers'],
  attachTo: ['servers'],
  includePolicy: ['rules'],
  createServer: ['servers', 'rules'],
  updateServer: ['servers', 'rules'],
  deleteServer: ['servers', 'rules'],
  putDocument: [],
  deleteDocument: [],
  takeAddresses: [],
  changeAddresses: ['servers', 'rules'],
  keepDrawn: [],
  configurePools: [],
  changeZone: ['servers', 'rules'],
  createCredential: ['credentials'],
  updateCredential: ['credentials'],
  rotateCredential: ['credentials'],
  revokeCredential: ['credentials'],
  touchCredentials: [],
  recordEvent: [],
  pruneHistory: [],
  openSession: [],
  closeSession: [],
  refuseSession: [],
  reportHost: [],
  reportHosts: [],
  keepHits: [],
  pruneHits: [],
  forgetOnce: [],
  createAccount: [],
  updateAccount: ['credentials', 'servers', 'rules'],
  deleteAccount: ['credentials', 'servers', 'rules'],
  see: ['servers'],
  bind: ['servers'],
  adopt: ['servers', 'rules'],
  refuseAdoption: [],
  followConfigured: ['servers', 'rules'],
  addInterface: ['servers', 'rules'],
  updateInterface: ['servers', 'rules'],
  removeInterface: ['servers', 'rules'],
  forgetHosts: [],
  setDefaultQuotas: [],
  applyInventory: ['credentials', 'servers', 'rules'],
}

/** What a batch of jobs has committed; undefined when nothing that anybody could want to hear of. */
export function commitOf(
  done: readonly { readonly program: ProgramName; readonly result: Result<unknown, RequestError> }[],
): Commit | undefined {
  const kept = done.filter(({ result }) => keeps(result))
  const revisions = kept.map(
    ({ result }) => (result.ok && (result.value as { revision?: number }).revision) || 0,
  )
  const revision = Math.max(0, ...revisions)
  return revision === 0 ? undefined : { revision, topics: [...new Set(kept.flatMap(topicsOf))] }
}

/** What a write attached, or took off, is read with the servers. */
function topicsOf({
  program,
  result,
}: {
  readonly program: ProgramName
  readonly result: Result<unknown, RequestError>
}): Commit['topics'] {
  const attached = result.ok && (result.value as { attached?: boolean }).attached === true
  return attached ? [...topics[program], 'servers'] : topics[program]
}
