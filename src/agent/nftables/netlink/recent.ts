/** What was made of texts lately, so that it is not made again: of a bounded number of them. */
export class Recent<V> {
  readonly #most: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  /** Keeps at least the last `most` texts, and at most twice as many. */
  constructor(most: number) {
    this.#most = most
  }

  /** What `make` made of the text, now or before; what it throws is not kept. */
  of(text: string, make: (text: string) => V): V {
    const known = this.#young.get(text)
    if (known !== undefined) return known
    const value = this.#old.get(text) ?? make(text)
    if (this.#young.size >= this.#most) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(text, value)
    return value
  }
}
