/** Rules of security groups (contract: scaleway §2.2, calls 7 to 14). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { JsonValue } from '../../core/json.ts'
import { builtInRules } from '../../core/model/built-in.ts'
import { ok, type Result } from '../../core/result.ts'
import type { PolicyWithRules } from '../../service/groups.ts'
import { changeFound } from '../../service/retry.ts'
import type { PolicyRecord, RuleRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { decodeGiven, decodePosition, decodeRule, textOf, toRule } from './decode-rule.ts'
import { encodeBuiltIn, encodeRule, encodeRules, json } from './encode.ts'
import { type Failure, invalid, notFound } from './errors.ts'
import { Fields } from './fields.ts'
import {
  type Found,
  findGroup,
  type Handled,
  locationOf,
  noContent,
  profile,
  subject,
  zonedRoutesOf,
} from './find.ts'
import { manifest } from './manifest.ts'
import { decodePage, slice } from './pages.ts'
import type { RuleText } from './wire.ts'

/** Of a group, beside those that come with it. */
const { rulesPerGroup } = manifest.limits

const isBuiltIn = (id: string): boolean => builtInRules['no-smtp'].some((rule) => rule.id === id)
const missing = (id: string) => notFound('instance_security_group_rule', id)
const notEditable = () =>
  invalid([
    { argument: 'editable', reason: 'constraint', help: 'rules that come with a group cannot be changed' },
  ])

const answer = (status: number, rule: RuleRecord, zone: string): Answer => ({
  status,
  body: json({ rule: encodeRule(rule, zone) }),
})

export const ruleRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/security_groups/default/rules',
    operation: 'listDefaultRules',
    success: 200,
    summary: 'Rules that come with a group',
    handle: async (_request, zone) => ok({ status: 200, body: json({ rules: encodeBuiltIn(zone) }) }),
  },

  // Without a total and links, as the real service: helpers that ask for all pages then read the first alone, so it is whole.
  {
    method: 'GET',
    path: '/security_groups/:id/rules',
    operation: 'listRules',
    success: 200,
    summary: 'Rules of a group',
    handle: async (request, zone) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const group = await findGroup(request, zone)
      if (!group.ok) return group
      const { groups } = request.services
      if (!page.value.limited && page.value.page > 1) return ok({ status: 200, body: { rules: [] } })
      if (!page.value.limited) {
        const render = (rules: readonly RuleRecord[]) =>
          Buffer.from(JSON.stringify({ rules: encodeRules(group.value, rules) }))
        return ok({ status: 200, body: await groups.rulesBytes(group.value, 'scaleway', render) })
      }
      const view = await groups.get(request, profile, group.value.id)
      if (!view.ok) return view
      const rules = slice(encodeRules(view.value.policy, view.value.rules), page.value)
      return ok({ status: 200, body: json({ rules }) })
    },
  },

  {
    method: 'POST',
    path: '/security_groups/:id/rules',
    operation: 'createRule',
    success: 201,
    summary: 'Add a rule',
    handle: async (request, zone) => {
      const decoded = decodeWhole(request.body)
      if (!decoded.ok) return decoded
      const { text, position } = decoded.value
      const group = await findGroup(request, zone)
      if (!group.ok) return group
      const options = { maxRules: rulesPerGroup, ...(position !== undefined && { position }) }
      const rule = toRule(text)
      const done = await request.services.groups.insertRule(request, profile, group.value.id, rule, options)
      if (!done.ok) return done
      const headers = { location: locationOf(request, done.value.id) }
      return ok({ ...answer(201, done.value, zone), headers })
    },
  },

  {
    method: 'PUT',
    path: '/security_groups/:id/rules',
    operation: 'replaceRules',
    success: 200,
    summary: 'Set all rules',
    handle: async (request, zone) => {
      const wanted = decodeRules(request.body)
      if (!wanted.ok) return wanted
      return onGroup(request, zone, async (view) => {
        const { policy } = view
        const unknown = wanted.value.find(({ id }) => id && !view.rules.some((rule) => rule.id === id))
        if (unknown?.id) return missing(unknown.id)
        const rules = wanted.value.map(({ text }) => toRule(text))
        const ids = wanted.value.map(({ id }) => id ?? randomUUID())
        const same = isDeepStrictEqual(
          view.rules.map((rule) => [rule.id, textOf(rule)]),
          wanted.value.map(({ id, text }) => [id, text]),
        )
        if (same) return ok(listAnswer(view))
        const change = { rules, ruleIds: ids }
        const done = await request.services.groups.update(request, profile, policy.id, change, {
          ifRevision: policy.revision,
        })
        return done.ok ? ok(listAnswer(done.value)) : done
      })
    },
  },

  {
    method: 'GET',
    path: '/security_groups/:id/rules/:rule',
    operation: 'getRule',
    success: 200,
    summary: 'One rule',
    handle: async (request, zone) => {
      const view = await viewOf(request, zone)
      if (!view.ok) return view
      const { policy, rules } = view.value
      const { rule: id = '' } = request.params
      const found = encodeRules(policy, rules).find((each) => each.id === id.toLowerCase())
      return found ? ok({ status: 200, body: json({ rule: found }) }) : missing(id)
    },
  },

  {
    method: 'PUT',
    path: '/security_groups/:id/rules/:rule',
    operation: 'replaceRule',
    success: 200,
    summary: 'Set all of a rule',
    handle: (request, zone) => changeRule(request, zone, true),
  },
  {
    method: 'PATCH',
    path: '/security_groups/:id/rules/:rule',
    operation: 'updateRule',
    success: 200,
    summary: 'Change a rule',
    handle: (request, zone) => changeRule(request, zone, false),
  },

  {
    method: 'DELETE',
    path: '/security_groups/:id/rules/:rule',
    operation: 'deleteRule',
    success: 204,
    summary: 'Delete a rule',
    handle: async (request, zone) => {
      const group = await findGroup(request, zone)
      if (!group.ok) return group
      const { rule: id = '' } = request.params
      if (hasBuiltIn(group.value, id)) return notEditable()
      const done = await request.services.groups.removeRule(
        request,
        profile,
        group.value.id,
        id.toLowerCase(),
      )
      return done.ok ? ok(noContent) : done
    },
  },
])

const hasBuiltIn = ({ builtIn }: PolicyRecord, id: string): boolean =>
  builtIn !== null && isBuiltIn(id.toLowerCase())

const listAnswer = ({ policy, rules }: PolicyWithRules): Answer => ({
  status: 200,
  body: json({ rules: encodeRules(policy, rules) }),
})

/** Reads the group with its rules and goes on; again where that wrote on a condition that no longer held. */
function onGroup(request: DialectRequest, zone: string, handle: (view: PolicyWithRules) => Handled): Handled {
  return changeFound(subject(request), () => viewOf(request, zone), handle)
}

async function viewOf(request: DialectRequest, zone: string): Found<PolicyWithRules> {
  const { id = '' } = request.params
  const view = await request.services.groups.get(request, profile, id.toLowerCase())
  return view.ok && view.value.policy.zone === zone ? view : notFound('instance_security_group', id)
}

interface WholeRule {
  readonly text: RuleText
  readonly position: number | undefined
}

/** A rule that says everything, or over `old` what is given of one. */
function decodeWhole(body: JsonValue | undefined, old?: RuleText): Result<WholeRule, Failure> {
  const fields = Fields.of(body)
  const text = decodeRule(fields, old)
  const position = decodePosition(fields)
  return fields.result(() => ({ text: text as RuleText, position }))
}

async function changeRule(request: DialectRequest, zone: string, whole: boolean): Handled {
  const fields = Fields.of(request.body)
  decodeGiven(fields)
  decodePosition(fields)
  const stated = whole ? decodeWhole(request.body) : fields.result(() => undefined)
  if (!stated.ok) return stated
  return onGroup(request, zone, async ({ policy, rules }) => {
    const { rule: id = '' } = request.params
    if (hasBuiltIn(policy, id)) return notEditable()
    const old = rules.find((each) => each.id === id.toLowerCase())
    if (!old) return missing(id)
    const decoded = decodeWhole(request.body, whole ? undefined : textOf(old))
    if (!decoded.ok) return decoded
    const { text, position } = decoded.value
    const target = Math.min(position ?? old.position, rules.length)
    if (target === old.position && isDeepStrictEqual(text, textOf(old))) return ok(answer(200, old, zone))
    const rule = toRule(text)
    const condition = { ifRevision: policy.revision, ...(target !== old.position && { moveTo: target }) }
    const done = await request.services.groups.updateRule(
      request,
      profile,
      policy.id,
      old.id,
      rule,
      condition,
    )
    return done.ok ? ok(answer(200, done.value, zone)) : done
  })
}

interface WantedRule {
  /** Of a rule that is there and is kept; undefined: a new one. */
  readonly id: string | undefined
  readonly text: RuleText
}

/** The whole list, in order. Entries that nobody can edit say nothing: they stand in every list that is read. */
function decodeRules(body: JsonValue | undefined): Result<readonly WantedRule[], Failure> {
  const fields = Fields.of(body)
  const { rules } = fields.given
  const entries: readonly JsonValue[] = Array.isArray(rules) ? rules : []
  if (!Array.isArray(rules)) fields.refuse('rules', 'required', 'expected a list')
  // Before anything is looked at: what is listed may hold those that nobody can edit.
  if (entries.length > rulesPerGroup + builtInRules['no-smtp'].length) {
    return invalid([{ argument: 'rules', reason: 'constraint', help: `at most ${rulesPerGroup}` }])
  }
  const wanted: (WantedRule & { readonly position: number })[] = []
  const seen = new Set<string>()
  for (const [index, entry] of entries.entries()) {
    const each = fields.inside(entry, `rules.${index}`)
    if (!each || each.given.editable === false) continue
    const id = each.uuid('id')
    if (id !== undefined && isBuiltIn(id)) continue
    const text = decodeRule(each)
    const position = decodePosition(each) ?? Number.POSITIVE_INFINITY
    if (id !== undefined && seen.has(id)) each.refuse('id', 'constraint', 'the same rule is there twice')
    if (id !== undefined) seen.add(id)
    if (text) wanted.push({ id, text, position })
  }
  if (wanted.length > rulesPerGroup) fields.refuse('rules', 'constraint', `at most ${rulesPerGroup}`)
  // Those that ask for no position come last, in their order; with none asking the list is as it was sent.
  const byPosition = (a: { position: number }, b: { position: number }) =>
    a.position === b.position ? 0 : a.position - b.position
  return fields.result(() => wanted.toSorted(byPosition).map(({ id, text }) => ({ id, text })))
}
