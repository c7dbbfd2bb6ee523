/** A helper process in one of the lab's namespaces, as its parent sees it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Reply, Request } from './helper.ts'

export interface Endpoint {
  /** Rejects when the helper cannot do it, or has ended. */
  ask(request: Request): Promise<Extract<Reply, { ok: true }>>
  close(): Promise<void>
}

// Beside this file in the sources, beside the bundle in what is shipped.
const helper = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'helper.ts' : 'lab-helper.js', import.meta.url),
)

/** Answers when the helper is ready to be asked. */
export async function startEndpoint(namespace: string): Promise<Endpoint> {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', namespace, process.execPath, helper], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>()
  let stderr = ''
  let ended: Error | undefined
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.on('message', ({ id, reply }: { id: number; reply: Reply }) => {
    waiting.get(id)?.resolve(reply)
    waiting.delete(id)
  })
  const end = (reason: string): void => {
    ended ??= new Error(`the helper in ${namespace} ended: ${reason}`)
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  child.on('error', (error) => end(error.message))
  const closed = new Promise<void>((resolve) => {
    // Not 'close': Node does not emit it once we have disconnected.
    child.on('exit', (code, signal) => {
      end(stderr.trim() || `status ${code ?? signal}`)
      resolve()
    })
  })

  let lastId = 0
  const reply = (id: number): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (ended) reject(ended)
      else waiting.set(id, { resolve, reject })
    })
  await reply(0)
  return {
    async ask(request) {
      lastId++
      const answered = reply(lastId)
      child.send({ id: lastId, request }, () => {})
      const answer = await answered
      if (!answer.ok) throw new Error(answer.error)
      return answer
    },
    async close() {
      if (child.connected) child.disconnect()
      await closed
    },
  }
}
