/**
 * `portcullis serve`: the service. What must be right is checked first, what filters packets is closed before the store opens.
 *
 * Standard output begins with `listening on http://ADDR:PORT`, or `https://`; the log is standard error.
 */
import { resolve } from 'node:path'
import { Command } from 'commander'
import type { FastifyBaseLogger } from 'fastify'
import { pino } from 'pino'
import { findServiceManager } from '../../agent/service-manager.ts'
import { configurable } from '../config-file.ts'
import { hasPassword } from '../database.ts'
import { socketOf, sourcesOf } from '../enforcing-options.ts'
import { documented } from '../help.ts'
import { isOn } from '../options.ts'
import { complain } from '../output.ts'
import { hearHangUp } from '../signals.ts'
import { version as release } from '../version.ts'
import { inWords } from '../words.ts'
import { type AgentProcess, startAgentProcess } from './agent-process.ts'
import { type CertificateKeeper, keepCertificate } from './certificate.ts'
import { exposure } from './exposure.ts'
import { addressesOf, dialectsOf, metricsTokenOf } from './files.ts'
import { giveUp } from './give-up.ts'
import { refusal, type ServeOptions, serveOptions } from './options.ts'
import { start } from './start.ts'
import { openStore, whereOf } from './store.ts'

export function serveCommand(): Command {
  const command = new Command('serve').description(
    'serve the APIs, and enforce the rules on this host if told to',
  )
  for (const option of serveOptions()) command.addOption(option)
  return documented(
    configurable(command).action(serve),
    'portcullis serve --data /var/lib/portcullis --inventory /etc/portcullis/inventory.yaml --enforce nftables',
    '0 it was asked to end, and has; 1 it failed; 2 it could not be tried: usage, missing privileges.',
  )
}

async function serve(flags: ServeOptions, command: Command): Promise<void> {
  let options: ServeOptions
  try {
    options = {
      ...flags,
      observe: isOn(flags.observe, 'PORTCULLIS_OBSERVE'),
      json: isOn(flags.json, 'PORTCULLIS_JSON'),
      insecure: isOn(flags.insecure, 'PORTCULLIS_INSECURE'),
    }
  } catch (error) {
    return complain(messageOf(error), 2)
  }
  const refused = refusal(options)
  if (refused !== undefined) return complain(refused, 2)
  const dialects = await dialectsOf(options)
  if (!dialects.ok) return complain(dialects.error, 2)
  const addresses = await addressesOf(options)
  if (!addresses.ok) return complain(addresses.error, 2)
  const metricsToken = await metricsTokenOf(options)
  if (!metricsToken.ok) return complain(metricsToken.error, 2)
  const logger = createLogger(options.logLevel)
  const manager = await findServiceManager(process.env, logger)
  const hangUp = hearHangUp(logger, manager)
  if (command.getOptionValueSource('database') === 'cli' && hasPassword(options.database ?? '')) {
    logger.warn('who can list processes can read the password in --database: see --database-password-file')
  }
  let agent: AgentProcess | undefined
  if (options.enforce === 'nftables') {
    try {
      agent = await closeFirst(options, logger)
    } catch (error) {
      return complain(`the guard cannot be loaded: ${messageOf(error)}`, 1)
    }
  }
  const hidden = await exposure(options)
  if (hidden !== undefined) return giveUp(hidden, 2)
  let certificate: CertificateKeeper | undefined
  try {
    certificate = await certificateOf(options, logger)
  } catch (error) {
    return giveUp(messageOf(error), 2)
  }
  const opened = await openStore(options)
  if (!opened.ok) return giveUp(opened.error, 1)
  const storage = opened.value
  const where = await whereOf(options)
  if (!where.ok) return giveUp(where.error, 1)
  try {
    await start(
      options,
      dialects.value,
      addresses.value,
      { storage, where: where.value },
      agent,
      { logger, hangUp, certificate, manager },
      metricsToken.value,
    )
  } catch (error) {
    await storage.close()
    giveUp(inWords(error), 1)
  }
}

async function certificateOf({ tlsCert: cert, tlsKey: key }: ServeOptions, logger: FastifyBaseLogger) {
  return cert === undefined || key === undefined ? undefined : keepCertificate({ cert, key }, logger)
}

/** Starts what enforces, which closes what is to be closed, whatever the start comes to. */
const closeFirst = (options: ServeOptions, logger: FastifyBaseLogger): Promise<AgentProcess> => {
  const { host, guard, observe, maxConnections, notrack, nft, verifyMs, netns, agentPatienceMs } = options
  const { decisionsRate: decisionsPerSecond } = options
  return startAgentProcess(
    {
      ...{ host, release, data: resolve(options.data), guard, observe, maxConnections, notrack, verifyMs },
      ...{ decisionsPerSecond, sources: sourcesOf(options), ...socketOf(options) },
      ...(nft !== undefined && { nft }),
      ...(netns !== undefined && { netns }),
      patienceMs: agentPatienceMs,
    },
    logger,
  )
}

/** On standard error: standard output is the answer. */
function createLogger(level: string): FastifyBaseLogger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2))
}

const messageOf = (error: unknown): string => asError(error).message

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
