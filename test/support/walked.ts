/** How much work some code does, counted instead of timed: entries of maps and sets that it walks over. */

const walks = ['entries', 'keys', 'values', 'forEach', Symbol.iterator] as const

/**
 * The sum of the sizes of all maps and sets that are walked, copied or spread until the work is done, each time that they
 * are. Other code must not run meanwhile.
 */
export async function walked(work: () => unknown): Promise<number> {
  let count = 0
  const undo: (() => void)[] = []
  for (const prototype of [Map.prototype, Set.prototype] as const) {
    for (const name of walks) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
      const original = descriptor.value as (...args: unknown[]) => unknown
      Object.defineProperty(prototype, name, {
        ...descriptor,
        value(this: Map<unknown, unknown> | Set<unknown>, ...args: unknown[]) {
          count += this.size
          return original.apply(this, args)
        },
      })
      undo.push(() => Object.defineProperty(prototype, name, descriptor))
    }
  }
  try {
    await work()
  } finally {
    for (const each of undo) each()
  }
  return count
}
