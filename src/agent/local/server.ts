/** The agent's Unix socket, for as long as the agent lives: made anew where somebody removed it, or where it could not be made. */
import { createServer } from 'node:net'
import { type Bounds, createConversations, type Handlers } from './conversations.ts'
import { type Listening, listenAt } from './socket.ts'

export interface LocalServer {
  /** Why nobody can ask this agent, in words for the operator; null: everybody who may open the socket can. */
  problem(): string | null
  close(): Promise<void>
}

export interface LocalServerOptions {
  readonly path: string
  readonly handlers: Handlers
  readonly bounds?: Partial<Bounds>
  /** Milliseconds between looks whether the socket is still there. */
  readonly everyMs?: number
}

/** Resolves after the first attempt. */
export async function openLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const { path, handlers, bounds, everyMs = 5000 } = options
  const conversations = createConversations(handlers, bounds)
  let listening: Listening | undefined
  let problem: string | null = null
  let closed = false

  async function ensure(): Promise<void> {
    try {
      if (listening && !(await listening.isThere())) {
        const lost = listening
        listening = undefined
        await lost.close()
      }
      listening ??= await listenAt(
        createServer({ allowHalfOpen: true }, (socket) => conversations.converse(socket)),
        path,
      )
      problem = null
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      problem = `nothing can be attached on this host, and VMs whose start waits for the agent do not start: ${path}: ${code ?? message}`
    }
  }

  let looking: Promise<void> = ensure()
  await looking
  const timer = setInterval(() => {
    looking = looking.then(() => (closed ? undefined : ensure()))
  }, everyMs)
  timer.unref()
  return {
    problem: () => problem,
    async close() {
      closed = true
      clearInterval(timer)
      await looking
      conversations.close()
      await listening?.close()
    },
  }
}
