/** From what a path or a body names to what it means, with the refusals of the generation that asks. */
import type { RequestError } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import type { PolicyWithRules } from '../../service/groups.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { ServerView } from '../../service/servers.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { invalid, type Options, ruleOf } from './decode.ts'
import { groupName, type RuleText } from './decode-rule.ts'
import { textOf } from './encode.ts'
import { errorAnswer } from './errors.ts'
import { digestOf, groupIdPrefix, groupRowName, serverOf } from './ids.ts'
import { manifest } from './manifest.ts'

export const profile = 'hostup'
/** VMs are written in every state. */
export const refuseStates: readonly string[] = []

export type Handled = Promise<Result<Answer, RequestError>>

export const routesOf = routesSpelledBy(errorAnswer)

/** By the path of the generation that is called. */
export type Find = (request: DialectRequest) => Promise<Result<ServerView, RequestError>>

/** v1 names a VM by its number. */
export async function findVm(request: DialectRequest): Promise<Result<ServerView, RequestError>> {
  const { vmid = '' } = request.params
  const number = /^[1-9]\d{0,14}$/.test(vmid) ? Number(vmid) : undefined
  if (number === undefined) return invalid('vmid', 'expected a whole number from 1 on')
  return request.services.servers.find(request, profile, number)
}

/** v2 by an id of its own. */
export async function findVps(request: DialectRequest): Promise<Result<ServerView, RequestError>> {
  const { id = '' } = request.params
  const meant = serverOf(id)
  if (meant === undefined) return err({ kind: 'not-found', resource: 'server', id })
  const { servers } = request.services
  return 'id' in meant
    ? servers.get(request, profile, meant.id)
    : servers.find(request, profile, meant.number)
}

export async function chainOf(
  request: DialectRequest,
  server: Result<ServerView, RequestError>,
): Promise<Result<PolicyWithRules, RequestError>> {
  return server.ok ? request.services.chains.view(request, profile, server.value.server.id) : server
}

/** That the chain is still the one that was read. */
export const condition = ({ policy }: PolicyWithRules) => ({ refuseStates, ifRevision: policy.revision })

/**
 * Reads the chain and writes on condition that it is still that one; again while others come between. A digest is the
 * caller's own condition: a list that it has not seen is refused.
 */
export async function onChain<T>(
  request: DialectRequest,
  find: Find,
  digest: string | null | undefined,
  write: (view: PolicyWithRules, server: string) => Promise<Result<T, RequestError>>,
): Promise<Result<T, RequestError>> {
  const { vmid, id } = request.params
  return retryOnConflict(`${request.principal.account} ${vmid ?? id}`, async () => {
    const server = await find(request)
    if (!server.ok) return server
    const view = await chainOf(request, server)
    if (!view.ok) return view
    const stale = isStale(digest, view.value.policy)
    return stale ? err(stale) : write(view.value, server.value.server.id)
  })
}

/** A digest is of a list that has changed since. Not the policy's conflict, which would be tried again: the caller has to. */
export function isStale(
  digest: string | null | undefined,
  policy: Parameters<typeof digestOf>[0],
): RequestError | undefined {
  if (!digest || digest === digestOf(policy)) return undefined
  const reason = 'The rules have been changed by somebody else; read them again'
  return { kind: 'conflict', resource: 'rule', reason }
}

/**
 * The rule that a text means, a `group` row with the group that it names: by the name that groups have in rows, or by
 * the group's own. A row that names none is kept, and matches nothing.
 */
export async function ruleNamed(
  request: DialectRequest,
  text: RuleText,
  old?: RuleRecord,
): Promise<Result<NewRule, RequestError>> {
  if (text.type !== 'group' || !groupName.test(text.action)) return ruleOf(text)
  // What a row means does not change because its group was renamed.
  if (old?.include !== undefined && textOf(old).action === text.action) return ruleOf(text, old.include)
  const { action: name } = text
  const idPrefix = groupIdPrefix(name)
  const found = await request.services.groups.named(request, profile, {
    name,
    ...(idPrefix !== undefined && { idPrefix }),
  })
  const byRowName = found.find((group) => groupRowName(group.id) === name)
  if (!byRowName && found.length > 1) {
    const names = found.map((group) => groupRowName(group.id)).join(', ')
    return invalid('action', `several groups are called ${name}; say which: ${names}`)
  }
  return ruleOf(text, (byRowName ?? found[0])?.id)
}

/** On condition that the list is the one that the caller has seen, where it says which. */
export async function insertAtTop(
  request: DialectRequest,
  find: Find,
  { server }: ServerView,
  rule: NewRule,
  digest: string | undefined,
): Promise<Result<RuleRecord, RequestError>> {
  const { chains } = request.services
  const limits = { maxRules: manifest.limits.rulesPerChain, refuseStates, position: 1 }
  if (!digest) return chains.insert(request, profile, server.id, rule, limits)
  return onChain(request, find, digest, (view, id) =>
    chains.insert(request, profile, id, rule, { ...limits, ...condition(view) }),
  )
}

/** Merged inside the transaction, so that two who change different switches at once both succeed. */
export async function changeOptions(
  request: DialectRequest,
  find: Find,
  { server }: ServerView,
  { settings, digest }: Options,
): Promise<Result<ServerView, RequestError>> {
  const change = { chain: settings }
  const { servers } = request.services
  if (!digest) return servers.update(request, profile, server.id, change)
  return onChain(request, find, digest, (view, id) =>
    servers.update(request, profile, id, { ...change, ...condition(view) }),
  )
}
