/** Bindings, for operators: which device on which host an interface is now. */
import type { JsonObject } from '../../core/json.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok } from '../../core/result.ts'
import type { BindingFilter } from '../../service/bindings.ts'
import type { BindingRecord } from '../../storage/storage.ts'
import type { Route } from '../dialect.ts'
import { conditionOf, etag } from './conditions.ts'
import { textOf } from './decode-query.ts'
import { answering, bodyOf, identifier, removals, resources, routesOf } from './endpoint.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import {
  Binding,
  BindingChanges,
  BindingClaim,
  BindingList,
  BindingQuery,
  BindingsChanged,
} from './schemas-servers.ts'

const encode = ({ boundAt, ...binding }: BindingRecord): JsonObject => ({
  ...binding,
  boundAt: boundAt === null ? null : new Date(boundAt).toISOString(),
})

function filterOf(query: URLSearchParams) {
  const filter: Record<string, string> = {}
  for (const name of ['host', 'device', 'server', 'mac', 'account'] as const) {
    const value = textOf(query, name)
    if (!value.ok) return value
    if (value.value !== undefined) filter[name] = value.value
  }
  const mac = filter.mac === undefined ? undefined : parseMac(filter.mac)
  if (mac?.ok === false) return err({ kind: 'invalid' as const, field: 'mac', reason: mac.error })
  return ok<BindingFilter>({ ...filter, ...(mac && { mac: mac.value }) })
}

/** 201 where the interface was nowhere before. */
const claim: readonly Route[] = answering([
  {
    method: 'PUT',
    path: '/bindings/:interface',
    operation: 'claimBinding',
    summary: 'Say where an interface is; `from` names the one that has the device until now',
    scope: 'operator',
    schema: { body: BindingClaim, answer: Binding, entity: true },
    handle: async (request) => {
      const id = identifier(request, 'interface', 'interface')
      if (!id.ok) return id
      const condition = conditionOf(request)
      if (!condition.ok) return condition
      const body = bodyOf<BindingClaim>(request)
      if (!body.ok) return body
      const { host, device, from } = body.value
      const wanted = { interface: id.value, host, device, ...(from !== undefined && { from }) }
      const done = await request.services.bindings.claim(request, wanted, condition.value)
      if (!done.ok) return done
      const { binding, isNew } = done.value
      return ok({ status: isNew ? 201 : 200, body: encode(binding), headers: etag(binding.revision) })
    },
  },
]).map((route) => ({ ...route, success: [200, 201] }))

export const bindingRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/bindings',
      operation: 'listBindings',
      summary: 'Interfaces that are somewhere, in order of host and device',
      scope: 'operator',
      schema: { query: BindingQuery, answer: BindingList },
      handle: async (request) => {
        const page = keyPageOf(request.query)
        if (!page.ok) return page
        const filter = filterOf(request.query)
        if (!filter.ok) return filter
        const found = await request.services.bindings.page(filter.value, page.value)
        if (!found.ok) return found
        const { items, next } = found.value
        return ok({ bindings: items.map(encode), next: next && encodeCursor(next) })
      },
    },
    {
      method: 'POST',
      path: '/bindings',
      operation: 'changeBindings',
      summary: 'Say of several interfaces where they are, all or nothing: moves, hand-overs and swaps',
      scope: 'operator',
      schema: { body: BindingChanges, answer: BindingsChanged },
      handle: async (request) => {
        const body = bodyOf<BindingChanges>(request)
        if (!body.ok) return body
        const done = await request.services.bindings.change(request, body.value.bindings)
        return done.ok ? ok({ bindings: done.value.map(encode) }) : done
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/bindings/:interface',
      operation: 'getBinding',
      summary: 'Where an interface is',
      scope: 'operator',
      schema: { answer: Binding },
      handle: async (request) => {
        const id = identifier(request, 'binding', 'interface')
        if (!id.ok) return id
        const found = await request.services.bindings.get(id.value)
        return found.ok ? ok({ body: encode(found.value), revision: found.value.revision }) : found
      },
    },
  ]),
  ...claim,
  ...removals([
    {
      path: '/bindings/:interface',
      operation: 'releaseBinding',
      summary: 'Release an interface from its device, which is closed or gone at once',
      scope: 'operator',
      handle: async (request, condition) => {
        const id = identifier(request, 'binding', 'interface')
        return id.ok ? request.services.bindings.release(request, id.value, condition) : id
      },
    },
  ]),
]
