/** What policies by themselves are attached to, seen from the policy and from the server. */
import { isDeepStrictEqual } from 'node:util'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { serverColumns, toServer } from '../rows.ts'
import { marks, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, Place, PolicyTarget, Programs, ServerRecord } from '../storage.ts'
import { nextRevision, notFound, ownPolicy, record } from './common.ts'
import { attachedTo, attachPolicies, noteAttached } from './servers.ts'

export function* attachPolicy(
  args: Programs['attachPolicy']['args'],
  actor: Actor,
): Program<Programs['attachPolicy']['answer']> {
  const revision = yield* nextRevision()
  const { to, ifAttached, maxPerPlace } = args
  const found = yield* ownPolicy(args)
  if (!found.ok) return found
  const { id } = found.value
  const row = yield* queryOne('SELECT attached_revision FROM policies WHERE id = ?', id)
  const attachedRevision = Number(row?.attached_revision)
  if (ifAttached !== undefined && ifAttached !== attachedRevision) {
    const reason = 'what the policy is attached to has been changed by somebody else'
    return err({ kind: 'conflict', resource: 'policy', reason, stale: true })
  }
  const before = yield* placesOf(id)
  const wanted = yield* wantedPlaces(before, to, args)
  if (!wanted.ok) return wanted
  const after = wanted.value
  const [gone, come] = [without(before, after), without(after, before)]
  if (gone.length + come.length === 0) return ok({ revision: attachedRevision, changed: false })
  for (const { server, interface: nic } of [...gone, ...come]) {
    const of = { id: server, account: args.account, profile: args.profile }
    const there = (yield* attachedTo(server, nic)).filter((each) => each !== id)
    const policies = come.some((each) => keyOf(each) === keyOf({ server, interface: nic }))
      ? [...there, id]
      : there
    if (policies.length > maxPerPlace) return tooMany(maxPerPlace)
    const attached = yield* attachPolicies(of, nic, policies)
    if (!attached.ok) return attached
    yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server)
  }
  yield* noteAttached('?', [id], revision)
  const servers = new Set([...gone, ...come].map(({ server }) => server))
  const [server = null] = servers.size === 1 ? servers : []
  yield* record(actor, revision, {
    ...{ operation: 'policy.attach', resource: 'policy', id, policy: id, server },
    ...{ before: { attached: before.map(json) }, after: { attached: after.map(json) } },
  })
  return ok({ revision })
}

export function* attachTo(
  args: Programs['attachTo']['args'],
  actor: Actor,
): Program<Programs['attachTo']['answer']> {
  const revision = yield* nextRevision()
  const { account, profile, place, ifRevision, maxPerPlace } = args
  const found = yield* ownPlace({ account, profile }, place)
  if (!found.ok) return found
  const server = found.value
  if (ifRevision !== undefined && ifRevision !== server.revision) {
    const reason = 'the server has been changed by somebody else'
    return err({ kind: 'conflict', resource: 'server', reason, stale: true })
  }
  const policies = [...new Set(args.policies)]
  if (policies.length > maxPerPlace) return tooMany(maxPerPlace)
  const before = yield* attachedTo(server.id, place.interface)
  if (isDeepStrictEqual(before, policies)) return ok({ revision: server.revision, changed: false })
  const attached = yield* attachPolicies(server, place.interface, policies)
  if (!attached.ok) return attached
  const moved = [...before, ...policies].filter((id) => !(before.includes(id) && policies.includes(id)))
  if (moved.length > 0) yield* noteAttached(marks(moved), moved, revision)
  yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, server.id)
  const interfaceOf = place.interface === null ? {} : { interface: place.interface }
  yield* record(actor, revision, {
    ...{ operation: 'server.attach', resource: 'server', id: server.id, server: server.id },
    ...{ before: { ...interfaceOf, attached: before }, after: { ...interfaceOf, attached: policies } },
  })
  return ok({ revision })
}

/** What a policy shall be attached to; fails if any of it is not the account's and the profile's. */
function* wantedPlaces(
  before: readonly Place[],
  to: Programs['attachPolicy']['args']['to'],
  of: Pick<PolicyTarget, 'account' | 'profile'>,
): Steps<Result<readonly Place[], RequestError>> {
  for (const place of 'all' in to ? to.all : ['add' in to ? to.add : to.remove]) {
    const found = yield* ownPlace(of, place)
    if (!found.ok) return found
  }
  if ('all' in to) return ok([...new Map(to.all.map((each) => [keyOf(each), each])).values()])
  if ('add' in to) return ok([...without(before, [to.add]), to.add])
  const rest = without(before, [to.remove])
  return rest.length < before.length
    ? ok(rest)
    : err(
        to.remove.interface === null
          ? notFound('server', to.remove.server)
          : notFound('interface', to.remove.interface),
      )
}

/** The server of a place that the account may change. Another account's is as if it were not there. */
function* ownPlace(
  { account, profile }: Pick<PolicyTarget, 'account' | 'profile'>,
  { server, interface: nic }: Place,
): Steps<Result<ServerRecord, RequestError>> {
  const sql = `SELECT ${serverColumns} FROM servers
    WHERE id = ? AND account = ? AND profile = ? AND origin <> 'left'`
  const row = yield* queryOne(sql, server, account, profile)
  if (!row) return err(notFound('server', server))
  if (nic === null) return ok(toServer(row))
  const own = yield* queryOne('SELECT id FROM interfaces WHERE id = ? AND server = ?', nic, server)
  return own ? ok(toServer(row)) : err(notFound('interface', nic))
}

function* placesOf(policy: string): Steps<readonly Place[]> {
  const sql = 'SELECT server, interface FROM attachments WHERE policy = ? ORDER BY server, interface'
  return (yield* query(sql, policy)).map(({ server, interface: nic }) => ({
    ...{ server: String(server), interface: nic === '' ? null : String(nic) },
  }))
}

const keyOf = ({ server, interface: nic }: Place): string => JSON.stringify([server, nic])
function without(places: readonly Place[], others: readonly Place[]): readonly Place[] {
  const keys = new Set(others.map(keyOf))
  return places.filter((each) => !keys.has(keyOf(each)))
}
const json = ({ server, interface: nic }: Place) => ({ server, interface: nic })

const tooMany = (limit: number) => err<RequestError>({ kind: 'limit-reached', resource: 'policy', limit })
