/** How commands speak: the answer on stdout, complaints in one line on stderr. */

export function answer(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** JSON says the same with characters escaped that a terminal would act upon. */
export function answerJson(text: string): void {
  answer(text.replace(acted, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`))
}

/** What whoever reads the answer should know, and a program that reads it need not. */
export function note(text: string): void {
  process.stderr.write(`portcullis: ${text.split('\n').map(printable).join('\n')}\n`)
}

/** Status 1: the answer is no, or it failed. 2: it could not be tried. */
export function complain(text: string, status: 1 | 2): void {
  note(text)
  process.exitCode = status
}

/** As it is, but for characters that a terminal would act upon: names are what tenants gave. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are meant
export const printable = (text: string): string => text.replace(/[\u0000-\u001f]/g, '?').replace(acted, '?')

/** Beside those that JSON escapes: controls, and what turns the direction of writing or begins a line. */
const acted = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
