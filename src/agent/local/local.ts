/**
 * What whoever starts VMs on this host can ask of its agent: beside the service, and without it.
 *
 * It decides nothing: what is in force is the service's word, or what was kept of it.
 */
import { decodeWait } from '../../core/model/local.ts'
import { readLink } from '../links.ts'
import { type Handlers, handler } from './conversations.ts'
import { type LocalServer, openLocalServer } from './server.ts'
import type { Standing } from './standing.ts'
import { createWaiting } from './waiting.ts'

export interface LocalOptions {
  /** Of the socket. */
  readonly path: string
  readonly standing: Standing
  /** By verb, beside those that every agent knows. */
  readonly more?: Handlers
}

/** Resolves when it listens, or has a problem. */
export function openLocal({ path, standing, more = {} }: LocalOptions): Promise<LocalServer> {
  const waiting = createWaiting(standing, readLink)
  return openLocalServer({ path, handlers: { wait: handler(decodeWait, waiting.wait), ...more } })
}
