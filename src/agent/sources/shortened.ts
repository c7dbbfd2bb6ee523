/** Lists of problems that are short enough to be read. */

/** The first ones, and how many more there are. */
export const shortened = (problems: readonly string[], most: number): readonly string[] =>
  problems.length <= most + 1
    ? problems
    : [...problems.slice(0, most), `and ${problems.length - most} more like these`]
