/** The store cannot be read or written now: its database is away, or its disk is full. Trying again later can help. */
export class Unavailable extends Error {
  constructor(reason: string, cause?: unknown) {
    super(`the store is not available: ${reason}`, { cause })
    this.name = 'Unavailable'
  }
}
