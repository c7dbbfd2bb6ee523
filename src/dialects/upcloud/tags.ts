/**
 * Tags of an account: names that servers are filed under, and nothing more. One document holds all of them, so that
 * renaming one, or tagging with several, is one write.
 */
import type { JsonObject } from '../../core/json.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { DialectRequest } from '../dialect.ts'
import { type Failure, refusal } from './errors.ts'

export interface Tag {
  readonly name: string
  readonly description: string
  /** Ids of servers; those that have been deleted since are left out of answers. */
  readonly servers: readonly string[]
}

const profile = 'upcloud'
const kind = 'tags'
/** Of an account: the document is read whole with every server. */
const maxTags = 500

interface Tags {
  readonly tags: readonly Tag[]
  /** 0 while there is no document. */
  readonly revision: number
}

async function read(request: DialectRequest): Promise<Tags> {
  const found = await request.services.documents.get(request, profile, kind, request.principal.account)
  if (!found.ok) return { tags: [], revision: 0 }
  return { tags: found.value.body.tags as unknown as readonly Tag[], revision: found.value.revision }
}

/** In the order they were created. */
export const tagsOf = async (request: DialectRequest): Promise<readonly Tag[]> => (await read(request)).tags

/** Reads, changes and writes as if nobody else did. Answers all tags as they then are. */
export function changeTags(
  request: DialectRequest,
  change: (tags: readonly Tag[]) => Result<readonly Tag[], Failure>,
): Promise<Result<readonly Tag[], Failure>> {
  const { account } = request.principal
  return retryOnConflict(`tags of ${account}`, async () => {
    const { tags, revision } = await read(request)
    const changed = change(tags)
    if (!changed.ok) return changed
    if (changed.value.length > maxTags) {
      return err(refusal(409, 'TAG_LIMIT_REACHED', `The limit of ${maxTags} is reached.`))
    }
    const body = { tags: changed.value } as unknown as JsonObject
    const document = { profile, kind, id: account, body } as const
    const done = await request.services.documents.put(request, document, { ifRevision: revision })
    return done.ok ? changed : done
  })
}

/** Letters of either case are the same. */
export const isNamed =
  (name: string) =>
  (tag: Tag): boolean =>
    tag.name.toLowerCase() === name.toLowerCase()

export function findTag(tags: readonly Tag[], name: string): Result<Tag, Failure> {
  const tag = tags.find(isNamed(name))
  return tag ? ok(tag) : err(refusal(404, 'TAG_NOT_FOUND', `The tag ${name} does not exist.`))
}

/** Tags by the names they are called by; fails with the first that does not exist. */
export function findTags(
  tags: readonly Tag[],
  names: readonly string[],
): Result<ReadonlyMap<string, Tag>, Failure> {
  const found = new Map<string, Tag>()
  for (const name of new Set(names)) {
    if (found.size === maxTags)
      return err(refusal(400, 'TAG_INVALID', `At most ${maxTags} tags can be named.`))
    const tag = findTag(tags, name)
    if (!tag.ok) return tag
    found.set(name, tag.value)
  }
  return ok(found)
}

/** A server that is deleted loses its tags. */
export async function forget(request: DialectRequest, server: string): Promise<void> {
  if (tagNames(await tagsOf(request), server).length === 0) return
  await changeTags(request, (tags) =>
    ok(tags.map((tag) => ({ ...tag, servers: tag.servers.filter((id) => id !== server) }))),
  )
}

/** Names of the tags of one server. */
export const tagNames = (tags: readonly Tag[], server: string): readonly string[] =>
  tags.filter(({ servers }) => servers.includes(server)).map(({ name }) => name)
