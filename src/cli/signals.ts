/** How the service ends when it is asked to. */

interface Logger {
  info(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** A signal to a whole process group arrives twice where npm or a wrapper passes it on: that is not asking twice. */
const echoMs = 500
/** What has not ended by then is left to the system. */
const patienceMs = 10_000

/** SIGTERM and SIGINT end the process with status 0 when `stop` is done; asked once more, it ends at once with status 1. */
export function endWhenAsked(stop: () => Promise<void>, logger: Logger): void {
  let asked: number | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked !== undefined) {
        if (performance.now() - asked >= echoMs) process.exit(1)
        return
      }
      asked = performance.now()
      logger.info({ signal }, 'stopping')
      stop().then(
        () => process.exit(0),
        (error) => {
          logger.error({ err: error }, 'stopped badly')
          process.exit(1)
        },
      )
      setTimeout(() => process.exit(1), patienceMs).unref()
    })
  }
}

/** A terminal that closes does not end the service; an operator who asks for a reload gets it. */
export interface HangUp {
  /** What is read again when it is asked for, from now on. */
  readonly reloads: { readonly what: string; readonly again: () => Promise<void> }[]
}

/** Whoever wants to know that files are being read again. */
interface Told {
  reloading(): void
  reloaded(): void
}

export function hearHangUp(logger: Logger, told: Told): HangUp {
  const hangUp: HangUp = { reloads: [] }
  process.on('SIGHUP', () => {
    const { reloads } = hangUp
    const all = reloads.map(({ what }) => what).join(' and ')
    logger.info(
      { signal: 'SIGHUP' },
      all === '' ? 'ignored: there is no file to read again' : `reading ${all} again`,
    )
    told.reloading()
    void Promise.allSettled(reloads.map(({ again }) => again())).then(() => told.reloaded())
  })
  return hangUp
}
