/** A file of text that an option names. */
import { readFile } from 'node:fs/promises'
import { err, ok, type Result } from '../core/result.ts'
import { inWords } from './words.ts'

/** The error is one line. */
export async function readText(file: string): Promise<Result<string>> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    return err(inWords(error))
  }
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return err('it is not UTF-8 text')
  }
}
