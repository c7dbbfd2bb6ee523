/** A dataplane that cuts flows, in a process of a network namespace. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Served } from './cutting-child.ts'

type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never
}

export function cuttingIn(netns: string): Remote<Served> {
  const program = new URL('cutting-child.ts', import.meta.url).pathname
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, program], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const gone = once(child, 'exit').then(() => {
    for (const each of waiting.values()) each.reject(new Error('the process has ended'))
  })
  child.on('message', ({ id, value, error }: { id: number; value: unknown; error?: string }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(error))
  })
  let calls = 0
  const ask =
    (method: keyof Served) =>
    // biome-ignore lint/suspicious/noExplicitAny: what the child answers is of the type that the method has.
    (...args: readonly unknown[]): Promise<any> =>
      new Promise((resolve, reject) => {
        waiting.set(++calls, { resolve, reject })
        child.send({ id: calls, method, args })
      })
  return {
    ...{ apply: ask('apply'), flows: ask('flows'), remove: ask('remove'), track: ask('track') },
    async close() {
      if (child.connected) child.send({ id: 0, method: 'close', args: [] })
      await gone
    },
  }
}
