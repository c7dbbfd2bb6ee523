/** Counts equal texts and knows which there are most of; adding and taking away cost the same however many there are. */

export interface Tally {
  add(text: string): void
  /** Takes away one that was added. */
  remove(text: string): void
  count(text: string): number
  /** One of those that there are most of; undefined when there are none. */
  most(): string | undefined
}

export function createTally(): Tally {
  const counts = new Map<string, number>()
  /** Texts by their count; a count changes by one, so the highest that any has does, too. */
  const texts: Set<string>[] = []
  let highest = 0

  function move(text: string, by: 1 | -1): void {
    const before = counts.get(text) ?? 0
    const now = before + by
    if (now < 0) throw new Error('a text is taken away that was not added')
    texts[before]?.delete(text)
    if (now === 0) counts.delete(text)
    else {
      counts.set(text, now)
      texts[now] ??= new Set()
      texts[now].add(text)
    }
    if (now > highest) highest = now
    else if (before === highest && texts[before]?.size === 0) highest = now
  }

  return {
    add: (text) => move(text, 1),
    remove: (text) => move(text, -1),
    count: (text) => counts.get(text) ?? 0,
    most: () => texts[highest]?.values().next().value,
  }
}
