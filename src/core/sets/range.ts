/** The range that every set is made of. */

/** `first` to `last`, both inclusive; `first` is never above `last`. */
export interface Range<T extends number | bigint> {
  readonly first: T
  readonly last: T
}
