/** Callers' own words in error messages. */

/** Longer texts of a caller's come back shortened: an error about a megabyte is not a megabyte. */
export const clip = (text: string, most = 300): string =>
  text.length <= most ? text : `${text.slice(0, most)}…`
