/** Reads the token of a host's credential from a file that is its owner's alone. */
import { err, ok, type Result } from '../core/result.ts'
import { openRegular } from './regular-file.ts'

/** Bytes: a token is short, and a mistaken path may lead to anything. */
const most = 4096

/** The first line. The error is one line, and repeats nothing of the file. */
export async function readToken(path: string): Promise<Result<string>> {
  try {
    await using file = await openRegular(path)
    // Of what was opened, whatever the path leads to by now.
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) return err('others than its owner may read it: chmod 600')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
    const [token = ''] = buffer.toString('utf8', 0, bytesRead).split(/\r?\n/)
    // What may stand in a header (RFC 6750 §2.1).
    return /^[\w.~+/=-]+$/.test(token) ? ok(token) : err('its first line is no token')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return err(
      code === 'ENOENT' ? 'there is no such file' : (code && `it cannot be read: ${code}`) || message,
    )
  }
}
