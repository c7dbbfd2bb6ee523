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
  /** What is done when it is asked for, from now on. */
  reload: (() => void) | undefined
}

export function hearHangUp(logger: Logger): HangUp {
  const hangUp: HangUp = { reload: undefined }
  process.on('SIGHUP', () => {
    const { reload } = hangUp
    logger.info(
      { signal: 'SIGHUP' },
      reload ? 'reading the inventory again' : 'ignored: there is no inventory to read again',
    )
    reload?.()
  })
  return hangUp
}
