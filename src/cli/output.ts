/** How commands speak: the answer on stdout, complaints in one line on stderr. */

export function answer(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What whoever reads the answer should know, and a program that reads it need not. */
export function note(text: string): void {
  process.stderr.write(`portcullis: ${text}\n`)
}

/** Status 1: the answer is no, or it failed. 2: it could not be tried. */
export function complain(text: string, status: 1 | 2): void {
  process.stderr.write(`portcullis: ${text}\n`)
  process.exitCode = status
}

/** As it is, but for characters that a terminal would act upon: names are what tenants gave. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are meant
export const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
