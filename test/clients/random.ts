/** Choices that a seed repeats: configurations are generated data, and a run that failed can be had again. */
export interface Random {
  /** 0 up to `below`, not included. */
  below(below: number): number
  /** Both ends included. */
  between(first: number, last: number): number
  chance(of: number): boolean
  pick<T>(from: readonly T[]): T
}

/** Mulberry32: 32 bits of state, which is plenty for choosing cases. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (bound: number) => Math.floor(next() * bound)
  return {
    below,
    between: (first, last) => first + below(last - first + 1),
    chance: (of) => next() < of,
    pick<T>(from: readonly T[]) {
      if (from.length === 0) throw new Error('nothing to choose from')
      return from[below(from.length)] as T
    },
  }
}

/** A CIDR without host bits, of any length that occurs in practice, or an address. */
export function prefix(random: Random, family: 'ipv4' | 'ipv6'): string {
  if (family === 'ipv4') {
    const length = random.pick([0, 8, 12, 16, 20, 24, 25, 28, 30, 31, 32])
    const value = ((random.between(1, 223) << 24) | random.below(1 << 24)) >>> 0
    const network = length === 0 ? 0 : (value & (0xffffffff << (32 - length))) >>> 0
    return `${[24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join('.')}/${length}`
  }
  const length = random.pick([0, 32, 48, 56, 64, 80, 112, 128])
  // 2001:db8:: and what fits into the length, group by group: no host bits, and never two runs of zeros to abbreviate.
  if (length === 0) return '::/0'
  const groups = ['2001', 'db8']
  while (groups.length * 16 < length) {
    // Whole groups, and the upper byte of one that the length divides.
    const whole = (groups.length + 1) * 16 <= length
    groups.push(whole ? random.between(1, 0xffff).toString(16) : (random.between(1, 0xff) << 8).toString(16))
  }
  // One group of zeros alone is not abbreviated.
  const rest = groups.length === 8 ? '' : groups.length === 7 ? ':0' : '::'
  return `${groups.join(':')}${rest}/${length}`
}
