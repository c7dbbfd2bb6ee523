/** The certificate that `serve` presents: read at the start, and again whenever its files change or somebody asks. */
import type { CertificateState } from '../../server/certificate-metrics.ts'
import type { KeyPair } from '../../server/tls.ts'
import { inWords } from '../words.ts'
import { type KeyPairFiles, readKeyPair } from './key-pair.ts'
import { watchFile } from './watch-file.ts'

interface Logger {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface CertificateKeeper {
  /** What is presented to begin with. */
  readonly pair: KeyPair
  state(): CertificateState
  /** What is wrong with it, for readiness; empty: nothing. */
  reasons(): readonly string[]
  /** Reads the files again, whether they have changed or not. */
  again(): Promise<void>
  /** Calls back with every pair that is to be presented from then on. */
  follow(present: (pair: KeyPair) => void): void
  close(): Promise<void>
}

/**
 * A pair that cannot be presented, or has expired, changes nothing: what was read before is presented until the files are right.
 * Throws, in one line, when the first one cannot be presented. One that has expired can: clients refuse it, and everybody else
 * is served.
 */
export async function keepCertificate(
  files: KeyPairFiles,
  logger: Logger,
  now: () => number = Date.now,
): Promise<CertificateKeeper> {
  const named = `--tls-cert ${files.cert}`
  const first = await readKeyPair(files)
  if (!first.ok) throw new Error(first.error)
  let current = first.value
  /** Why the files, as they are now, are not presented. */
  let wrong: string | undefined
  /** The end that was told of. */
  let toldOf: number | undefined
  let present: ((pair: KeyPair) => void) | undefined
  let running: Promise<void> = Promise.resolve()
  let watched: { close(): void }[] = []

  const moment = (at: number) => new Date(at).toISOString()
  const toldIn = (text: string) =>
    logger.info({ names: current.names, notAfter: moment(current.notAfter) }, `${named}: ${text}`)

  function warn(): void {
    for (const each of current.warnings) logger.warn({}, `${named}: ${each}`)
    if (current.notBefore > now()) {
      logger.warn({}, `${named}: it is not valid before ${moment(current.notBefore)}, and clients refuse it`)
    }
    warnOfEnd()
  }

  function warnOfEnd(): void {
    if (current.notAfter >= now() || toldOf === current.notAfter) return
    toldOf = current.notAfter
    logger.warn({}, `${named}: it has expired ${moment(current.notAfter)}, and clients refuse it`)
  }

  /** Why what the files hold is not presented; undefined: it is. */
  async function look(): Promise<string | undefined> {
    const read = await readKeyPair(files)
    if (!read.ok) return read.error
    const { cert, key, notAfter } = read.value
    if (cert === current.cert && key === current.key) return undefined
    if (notAfter < now()) return `${named}: it has expired ${moment(notAfter)}`
    present?.(read.value)
    current = read.value
    toldIn('presented from now on')
    warn()
    return undefined
  }

  function inTurn(asked: boolean): Promise<void> {
    running = running.then(async () => {
      const before = wrong
      wrong = await look().catch((error) => `${named}: ${inWords(error)}`)
      if (wrong !== undefined && (asked || wrong !== before)) {
        logger.error({}, `${wrong}; the certificate from before is presented until the files are right`)
      }
      if (wrong === undefined && before !== undefined) toldIn('the files are right')
      warnOfEnd()
    })
    return running
  }

  toldIn('presented')
  warn()
  return {
    pair: current,
    state: () => ({ inForce: wrong === undefined, notAfter: current.notAfter }),
    reasons: () => [
      ...(wrong === undefined
        ? []
        : ['the files of the TLS certificate are wrong, and the one from before is presented']),
      ...(current.notAfter < now() ? ['the TLS certificate has expired'] : []),
    ],
    again: () => inTurn(true),
    follow(next) {
      present = next
      watched = [files.cert, files.key].map((file) => watchFile(file, () => inTurn(false)))
      // What was written between the first look and now.
      inTurn(false)
    },
    async close() {
      for (const each of watched) each.close()
      await running
    },
  }
}
