/** Texts that people write. */

/** What is wrong with text that is to be one line; undefined: nothing. */
export const lineProblem = (text: string): string | undefined =>
  /[\p{Cc}\p{Cs}]/u.test(text) ? 'expected one line without control characters' : undefined
