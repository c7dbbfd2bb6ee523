/** Functions that a program in a network namespace serves, called from here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

// biome-ignore lint/suspicious/noExplicitAny: any function can be served.
type Functions = Readonly<Record<string, (...args: any[]) => unknown>>
export type Remote<T extends Functions> = {
  readonly [K in keyof T]: (...args: Parameters<T[K]>) => Promise<Awaited<ReturnType<T[K]>>>
} & { /** Ends the program, and waits for that. */ readonly end: () => Promise<void> }

/** `program` is a file of this folder that answers `{ id, method, args }` with `{ id, value }` or `{ id, error }`. */
export function remote<T extends Functions>(netns: string, program: string): Remote<T> {
  const path = new URL(program, import.meta.url).pathname
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, path], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const gone = once(child, 'exit').then(() => {
    for (const each of waiting.values()) each.reject(new Error(`${program} has ended`))
  })
  child.on('message', ({ id, value, error }: { id: number; value: unknown; error?: string }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(error))
  })
  let calls = 0
  const ask = (method: string, args: readonly unknown[]) =>
    new Promise((resolve, reject) => {
      const id = ++calls
      waiting.set(id, { resolve, reject })
      child.send({ id, method, args }, (error) => error && reject(error))
    })
  async function end(): Promise<void> {
    if (child.connected) child.disconnect()
    await gone
  }
  return new Proxy({} as Remote<T>, {
    get: (_, method: string) => (method === 'end' ? end : (...args: unknown[]) => ask(method, args)),
  })
}
