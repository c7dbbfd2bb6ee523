/** Where user data is kept: the keys with their server, so that no value outlives it, each value in a document of its own. */
import type { ServerView } from '../../service/servers.ts'
import { serverAttributes } from './encode-server.ts'

export const kind = 'user-data'

/** Sorted. */
export const keysOf = (view: ServerView): readonly string[] => serverAttributes(view).userData ?? []

export const documentId = ({ server }: ServerView, key: string): string => `${server.id}/${key}`

/** The documents of all its values. */
export const userDataOf = (view: ServerView): { kind: string; id: string }[] =>
  keysOf(view).map((key) => ({ kind, id: documentId(view, key) }))
