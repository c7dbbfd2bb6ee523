/** How commands speak: the answer on stdout, complaints in one line on stderr. */

export function answer(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Status 1: the answer is no, or it failed. 2: it could not be tried. */
export function complain(text: string, status: 1 | 2): void {
  process.stderr.write(`portcullis: ${text}\n`)
  process.exitCode = status
}
