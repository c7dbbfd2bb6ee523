/** Where the database is and how it is entered: its password never has to stand on a command line. */
import { readFile } from 'node:fs/promises'
import { err, ok, type Result } from '../core/result.ts'
import { inWords } from './words.ts'

/**
 * The URL with its password, which is one of: its own, the file's first line, PORTCULLIS_DATABASE_PASSWORD. With none of
 * them PostgreSQL's own ways are left: PGPASSWORD and `~/.pgpass`. The error is one line and holds no password.
 */
export async function databaseUrl(
  database: string,
  passwordFile: string | undefined,
): Promise<Result<string>> {
  const password = await passwordOf(passwordFile, process.env.PORTCULLIS_DATABASE_PASSWORD || undefined)
  if (!password.ok) return password
  if (password.value === undefined) return ok(database)
  if (hasPassword(database)) return err('the database’s password is given twice: in its URL and beside it')
  // As a parameter it works for URLs without a host, too.
  const joint = database.includes('?') ? '&' : '?'
  return ok(`${database}${joint}password=${encodeURIComponent(password.value)}`)
}

async function passwordOf(
  file: string | undefined,
  given: string | undefined,
): Promise<Result<string | undefined>> {
  if (file === undefined) return ok(given)
  if (given !== undefined) {
    return err(
      'the database’s password is given twice: by --database-password-file and PORTCULLIS_DATABASE_PASSWORD',
    )
  }
  try {
    const [line = ''] = (await readFile(file, 'utf8')).split(/\r?\n/)
    return line === '' ? err(`--database-password-file ${file}: its first line is empty`) : ok(line)
  } catch (error) {
    return err(`--database-password-file ${file}: ${inWords(error)}`)
  }
}

/** Whether everybody who can list processes could read it, were it on a command line. */
export const hasPassword = (url: string): boolean =>
  /^[a-z]+:\/\/[^/?#@]*:[^/?#]*@/i.test(url) || /[?&]password=/i.test(url)
