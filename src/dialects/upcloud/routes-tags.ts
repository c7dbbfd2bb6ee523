/** Tags, and servers by their tags (contract: upcloud-more §3.6). */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { type Failure, invalid, refusal } from './errors.ts'
import { Fields, isAbsent } from './fields.ts'
import {
  decodeServerId,
  type Found,
  findServer,
  type Handled,
  noContent,
  profile,
  routesOf,
  serverList,
  shown,
} from './find.ts'
import { changeTags, findTag, findTags, isNamed, type Tag, tagsOf } from './tags.ts'

export const tagRoutes = routesOf([
  {
    method: 'GET',
    path: '/tag',
    operation: 'listTags',
    success: 200,
    summary: 'All tags of the account',
    handle: async (request) => {
      const tags = await tagsOf(request)
      const own = await ownServers(request)
      return ok({ status: 200, body: { tags: { tag: tags.map((tag) => encodeTag(tag, own)) } } })
    },
  },

  {
    method: 'GET',
    path: '/tag/:name',
    operation: 'getTag',
    success: 200,
    summary: 'One tag',
    handle: async (request) => {
      const tag = findTag(await tagsOf(request), request.params.name ?? '')
      return tag.ok ? ok(await answer(request, tag.value)) : tag
    },
  },

  {
    method: 'POST',
    path: '/tag',
    operation: 'createTag',
    success: 200,
    summary: 'Create a tag',
    handle: async (request) => {
      const wanted = await decodeTag(request)
      if (!wanted.ok) return wanted
      const { name, description = '', servers = [] } = wanted.value
      if (name === undefined) return err(invalid('name', 'TAG_INVALID', nameRule))
      const tag = { name, description, servers }
      const done = await changeTags(request, (tags) =>
        tags.some(isNamed(name)) ? exists(name) : ok([...tags, tag]),
      )
      return done.ok ? ok(await answer(request, tag)) : done
    },
  },

  {
    method: 'PUT',
    path: '/tag/:name',
    operation: 'modifyTag',
    success: 200,
    summary: 'Rename a tag, or change what has it',
    handle: async (request) => {
      const { name: called = '' } = request.params
      const there = findTag(await tagsOf(request), called)
      if (!there.ok) return there
      const wanted = await decodeTag(request)
      if (!wanted.ok) return wanted
      const done = await changeTags(request, (tags) => {
        const old = findTag(tags, called)
        if (!old.ok) return old
        const tag = { ...old.value, ...wanted.value }
        const others = tags.filter((each) => each !== old.value)
        if (others.some(isNamed(tag.name))) return exists(tag.name)
        return ok(tags.map((each) => (each === old.value ? tag : each)))
      })
      if (!done.ok) return done
      const tag = findTag(done.value, wanted.value.name ?? called)
      return tag.ok ? ok(await answer(request, tag.value)) : tag
    },
  },

  {
    method: 'DELETE',
    path: '/tag/:name',
    operation: 'deleteTag',
    success: 204,
    summary: 'Delete a tag; servers lose it',
    handle: async (request) => {
      const { name = '' } = request.params
      const done = await changeTags(request, (tags) => {
        const tag = findTag(tags, name)
        return tag.ok ? ok(tags.filter((each) => each !== tag.value)) : tag
      })
      return done.ok ? ok(noContent) : done
    },
  },

  {
    method: 'GET',
    path: '/server/tag/:names',
    operation: 'listServersByTag',
    success: 200,
    summary: 'Servers with any, or all, of some tags',
    handle: async (request) => {
      // Commas mean any of them, colons all.
      const choices = [...new Set((request.params.names ?? '').split(','))].map((names) => names.split(':'))
      const found = findTags(await tagsOf(request), choices.flat())
      if (!found.ok) return found
      const members = new Map([...found.value].map(([name, tag]) => [name, new Set(tag.servers)]))
      const servers = await request.services.servers.list(request, profile)
      const chosen = servers.filter(({ server }) =>
        choices.some((names) => names.every((name) => members.get(name)?.has(server.id))),
      )
      return ok(await serverList(request, chosen))
    },
  },

  {
    method: 'POST',
    path: '/server/:uuid/tag/:names',
    operation: 'tagServer',
    success: 200,
    summary: 'Give a server one tag or several',
    handle: (request) => fileUnder(request, (ids, id) => [...new Set([...ids, id])]),
  },
  {
    method: 'POST',
    path: '/server/:uuid/untag/:names',
    operation: 'untagServer',
    success: 200,
    summary: 'Take tags off a server',
    handle: (request) => fileUnder(request, (ids, id) => ids.filter((each) => each !== id)),
  },
])

/** Allowed in any state of the server, and done for all of the names or none. */
async function fileUnder(
  request: DialectRequest,
  change: (servers: readonly string[], server: string) => readonly string[],
): Handled {
  const found = await findServer(request)
  if (!found.ok) return found
  const { id } = found.value.server
  const names = (request.params.names ?? '').split(',')
  const done = await changeTags(request, (tags) => {
    const named = findTags(tags, names)
    if (!named.ok) return named
    const chosen = new Set(named.value.values())
    return ok(tags.map((tag) => (chosen.has(tag) ? { ...tag, servers: change(tag.servers, id) } : tag)))
  })
  return done.ok ? ok({ status: 200, body: { server: await shown(request, found.value) } }) : done
}

async function ownServers(request: DialectRequest): Promise<ReadonlySet<string>> {
  const servers = await request.services.servers.list(request, profile)
  return new Set(servers.map(({ server }) => server.id))
}

/** Servers that have been deleted are left out. */
const encodeTag = ({ description, name, servers }: Tag, own: ReadonlySet<string>): JsonObject => ({
  ...{ description, name, servers: { server: servers.filter((id) => own.has(id)) } },
})

const answer = async (request: DialectRequest, tag: Tag): Promise<Answer> => ({
  status: 200,
  body: { tag: encodeTag(tag, await ownServers(request)) },
})

const exists = (name: string): Result<never, Failure> =>
  err(refusal(409, 'TAG_EXISTS', `The tag ${name} exists already.`))

const nameRule = 'name must be 1 to 32 letters, digits and underscores'

const tagKeys: ReadonlySet<string> = new Set(['name', 'description', 'servers'])

/** What is absent is kept, or nothing where the tag is new; `servers`, when given, are all that shall have it. */
async function decodeTag(request: DialectRequest): Found<Partial<Tag>> {
  const fields = Fields.of(request.body, 'tag')
  fields.refuseUnknown(tagKeys)
  const { name, servers } = fields.given
  if (name !== undefined && (typeof name !== 'string' || !/^[A-Za-z0-9_]{1,32}$/.test(name))) {
    fields.refuse('name', 'TAG_INVALID', nameRule)
  }
  const description = fields.text('description', 255)
  const read = fields.result(() => ({
    ...(name !== undefined && { name: String(name) }),
    ...(fields.given.description !== undefined && { description: description ?? '' }),
  }))
  if (!read.ok || isAbsent(servers)) return read
  const ids = await decodeServers(request, servers)
  return ids.ok ? ok({ ...read.value, servers: ids.value }) : ids
}

/** `{"server":["<uuid>",…]}`, each a server of the account. */
async function decodeServers(request: DialectRequest, value: JsonValue): Found<readonly string[]> {
  const list = objectOf(value)?.server
  if (!Array.isArray(list)) return err(invalid('servers'))
  const own = await ownServers(request)
  const ids = new Set<string>()
  for (const element of list as readonly JsonValue[]) {
    if (typeof element !== 'string') return err(invalid('servers'))
    const id = decodeServerId(element)
    if (!id.ok) return id
    if (!own.has(id.value)) {
      const found = await request.services.servers.get(request, profile, id.value)
      if (!found.ok) return found
    }
    ids.add(id.value)
  }
  return ok([...ids])
}
