/** v2: the same state, seen without an envelope (contract: hostup §6). */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { PolicyWithRules } from '../../service/groups.ts'
import type { ServerView } from '../../service/servers.ts'
import type { RuleRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { decodeDigest, decodeV2Options, decodeV2Rule, invalid } from './decode.ts'
import { encodeV2Firewall, encodeV2Options, encodeV2Rule, enforcedOn, textOf } from './encode.ts'
import { type V2Problem, v2Answer } from './errors.ts'
import {
  chainOf,
  changeOptions,
  condition,
  findVps,
  type Handled,
  insertAtTop,
  onChain,
  profile,
  routesOf,
} from './find.ts'
import { serverOf, vpsId } from './ids.ts'

/** Writes to the row that the path names, if it may be written; otherwise says so. */
async function onRow(
  request: DialectRequest,
  digest: string | null | undefined,
  write: (view: PolicyWithRules, server: string, rule: RuleRecord) => Promise<Result<Answer, RequestError>>,
): Handled {
  return onChain(request, findVps, digest, async (view, server) => {
    const { pos = '' } = request.params
    if (!/^\d{1,9}$/.test(pos)) return invalid('pos', 'expected a whole number from 0 on')
    const rule = view.rules[Number(pos)]
    if (!rule) return err({ kind: 'not-found', resource: 'rule', id: pos })
    return textOf(rule).type === 'in' ? write(view, server, rule) : ok(v2Answer(notEditable, request))
  })
}

async function enforcedOf(request: DialectRequest, { policy }: PolicyWithRules) {
  const server = await request.services.effective.server(request, policy.server ?? '')
  return server.ok ? ok(enforcedOn(server.value.placements)) : server
}

async function optionsAnswer(request: DialectRequest, server: Result<ServerView, RequestError>): Handled {
  const view = await chainOf(request, server)
  if (!view.ok) return view
  const enforced = await enforcedOf(request, view.value)
  if (!enforced.ok) return enforced
  return ok({ status: 200, body: encodeV2Options(view.value.policy, enforced.value) })
}

const notEditable: V2Problem = {
  status: 409,
  code: 'rule_not_editable',
  title: 'Rule not editable',
  detail: 'Only inbound rules can be changed here.',
}

const primaryIp = ({ interfaces }: ServerView): string | null => interfaces[0]?.addresses[0] ?? null

export const routes = routesOf([
  {
    method: 'GET',
    path: '/v2/vps',
    operation: 'listVps',
    success: 200,
    summary: 'VPS of the account',
    handle: async (request) => {
      const { query } = request
      const limit = Number(query.get('limit') ?? 50)
      if (!Number.isInteger(limit) || limit < 1 || limit > 100) return invalid('limit', 'expected 1 to 100')
      const [name, address, cursor] = ['name', 'primaryIp', 'cursor'].map((key) => query.get(key))
      const all = (await request.services.servers.list(request, profile))
        .filter((each) => name === null || each.server.name === name)
        .filter((each) => address === null || primaryIp(each) === address)
      const after = cursor ? serverOf(cursor) : undefined
      const isAfter = ({ server }: ServerView) =>
        after !== undefined && ('id' in after ? server.id === after.id : server.number === after.number)
      const from = all.findIndex(isAfter) + 1
      const data = all.slice(from, from + limit).map((each) => ({
        id: vpsId(each.server.id, each.server.number),
        name: each.server.name,
        primaryIp: primaryIp(each),
      }))
      const hasMore = from + limit < all.length
      return ok({
        status: 200,
        body: { data, hasMore, nextCursor: hasMore ? (data.at(-1)?.id ?? null) : null },
      })
    },
  },

  {
    method: 'GET',
    path: '/v2/vps/:id/firewall',
    operation: 'getVpsFirewall',
    success: 200,
    summary: 'Rules, limits and what may be done',
    handle: async (request) => {
      const view = await chainOf(request, await findVps(request))
      if (!view.ok) return view
      const enforced = await enforcedOf(request, view.value)
      return enforced.ok ? ok({ status: 200, body: encodeV2Firewall(view.value, enforced.value) }) : enforced
    },
  },

  {
    method: 'POST',
    path: '/v2/vps/:id/firewall',
    operation: 'createVpsRule',
    success: 201,
    summary: 'Add an inbound rule at the top',
    handle: async (request) => {
      const vps = await findVps(request)
      if (!vps.ok) return vps
      const decoded = decodeV2Rule(request.body)
      if (!decoded.ok) return decoded
      const { rule, digest } = decoded.value
      const done = await insertAtTop(request, findVps, vps.value, rule, digest)
      return done.ok ? ok({ status: 201, body: encodeV2Rule(done.value) }) : done
    },
  },

  {
    method: 'PUT',
    path: '/v2/vps/:id/firewall/:pos',
    operation: 'replaceVpsRule',
    success: 200,
    summary: 'Replace an inbound rule',
    handle: (request) => {
      const digest = decodeDigest(request.body)
      if (!digest.ok) return Promise.resolve(digest)
      return onRow(request, digest.value, async (view, server, old) => {
        const decoded = decodeV2Rule(request.body, textOf(old))
        if (!decoded.ok) return decoded
        const { rule } = decoded.value
        const { chains } = request.services
        const done = await chains.update(request, profile, server, old.position, rule, condition(view))
        return done.ok ? ok({ status: 200, body: encodeV2Rule(done.value) }) : done
      })
    },
  },

  {
    method: 'DELETE',
    path: '/v2/vps/:id/firewall/:pos',
    operation: 'deleteVpsRule',
    success: 204,
    summary: 'Delete an inbound rule',
    handle: (request) =>
      onRow(request, request.query.get('digest'), async (view, server, { position }) => {
        const done = await request.services.chains.remove(request, profile, server, position, condition(view))
        return done.ok ? ok({ status: 204 }) : done
      }),
  },

  {
    method: 'GET',
    path: '/v2/vps/:id/firewall/options',
    operation: 'getVpsOptions',
    success: 200,
    summary: 'Switch and policy',
    handle: async (request) => {
      return optionsAnswer(request, await findVps(request))
    },
  },

  {
    method: 'PUT',
    path: '/v2/vps/:id/firewall/options',
    operation: 'updateVpsOptions',
    success: 200,
    summary: 'Change them',
    handle: async (request) => {
      const vps = await findVps(request)
      if (!vps.ok) return vps
      const decoded = decodeV2Options(request.body)
      if (!decoded.ok) return decoded
      const done = await changeOptions(request, findVps, vps.value, decoded.value)
      return optionsAnswer(request, done)
    },
  },
])
