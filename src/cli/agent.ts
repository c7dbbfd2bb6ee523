/**
 * `portcullis agent`: enforces on this host what a service elsewhere says, and goes on while nobody says anything.
 *
 * It needs CAP_NET_ADMIN and the token of its host: no store, no password of a database, no port to listen on.
 */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { pino } from 'pino'
import { bootOf } from '../agent/boot.ts'
import { ConnectError, type TlsOptions } from '../agent/connect.ts'
import { createEnforcer, type Enforcer } from '../agent/enforcer.ts'
import { createJournal, type Log } from '../agent/journal.ts'
import { createKeptFile, keptPath } from '../agent/kept/kept-file.ts'
import { type KeptState, openKeptState } from '../agent/kept/kept-state.ts'
import { nftablesOn } from '../agent/nftables/enforcing.ts'
import { findServiceManager } from '../agent/service-manager.ts'
import { speakTo } from '../agent/speak-to.ts'
import { readToken } from '../agent/token.ts'
import { err, ok, type Result } from '../core/result.ts'
import { type AgentOptions, agentOptions } from './agent-options.ts'
import { configurable } from './config-file.ts'
import { authoritiesFor, refusedPlain } from './connection.ts'
import { socketOf, sourcesOf } from './enforcing-options.ts'
import { documented } from './help.ts'
import { isOn } from './options.ts'
import { complain } from './output.ts'
import { missingPrivilege } from './privileges.ts'
import { endWhenAsked, hearHangUp } from './signals.ts'
import { version } from './version.ts'
import { inWords } from './words.ts'

export function agentCommand(): Command {
  const command = new Command('agent').description(
    'enforce on this host what a service elsewhere says of it, also while that is away',
  )
  for (const option of agentOptions()) command.addOption(option)
  return documented(
    configurable(command).action(agent),
    'portcullis agent --server https://portcullis.example.com --token-file /etc/portcullis/host.token --host kvm1',
    '0 it was asked to end, and has; what it enforces stays. 1 it failed; 2 it could not be tried: usage, missing privileges.',
  )
}

async function agent(flags: AgentOptions): Promise<void> {
  let options: AgentOptions
  try {
    options = {
      ...flags,
      observe: isOn(flags.observe, 'PORTCULLIS_OBSERVE'),
      insecure: isOn(flags.insecure, 'PORTCULLIS_INSECURE'),
      json: isOn(flags.json, 'PORTCULLIS_JSON'),
    }
  } catch (error) {
    return complain(inWords(error), 2)
  }
  const missing = missingPrivilege()
  if (missing !== undefined) return complain(missing, 2)
  const refusal = refusedServer(options)
  if (refusal !== undefined) return complain(refusal, 2)

  const log = pino(
    { level: options.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination(2),
  )
  // Its files are read anew at each connection.
  const manager = await findServiceManager(process.env, log)
  const hangUp = hearHangUp(log, manager)
  // Whoever opens it listens.
  if (options.adopt !== undefined) hangUp.reloads.push({ what: 'the rules of adoption', async again() {} })
  const { host, server } = options
  const enforced = Promise.withResolvers<void>()
  const enforcer = createEnforcer({
    ...nftablesOn(processOptions(options)),
    heard: telling(options, log, enforced.resolve),
    openKept: () => openKept(options, log),
    compareMs: options.compareEvery * 1000,
  })
  const ending = new AbortController()
  let started: Awaited<ReturnType<Enforcer['start']>>
  try {
    started = await enforcer.start()
  } catch (error) {
    return complain(`the guard cannot be loaded: ${inWords(error)}`, 1)
  }
  log.info({ host, server: server.origin, release: version }, 'started')
  const connected = speakTo(
    {
      ...{ enforcer, log, patienceMs: options.patienceMs },
      address: { server, host, tls: {} },
      token: async () =>
        there(named(`--token-file ${options.tokenFile}`, await readToken(options.tokenFile))),
      tls: async () => there(await tlsOf(options)),
    },
    ending.signal,
  )
  manager.readyWhen(enforced.promise, `enforcing on host ${host}`)
  endWhenAsked(async () => {
    manager.stopping()
    await enforcer.stop()
    ending.abort()
    await connected
    log.info({}, 'stopped; what is enforced stays')
  }, log)
  try {
    await started.begun
  } catch (error) {
    complain(`the packet filter cannot be reached: ${inWords(error)}`, 1)
    process.exit()
  }
}

/** What was kept is enforced before any service answers, as far as its devices are proven. */
async function openKept({ stateDirectory, host }: AgentOptions, log: Log): Promise<KeptState> {
  const path = keptPath(resolve(stateDirectory))
  const kept = await openKeptState({ file: createKeptFile(path), path, host, boot: await bootOf() })
  for (const problem of kept.problems()) log.error({}, problem)
  const { revision, interfaces } = kept.state.desired
  if (kept.found)
    log.info({ revision, interfaces: interfaces.size }, 'enforcing what was kept until the service is heard')
  return kept
}

/** What the log and standard output are told of what is enforced. */
function telling({ json, host }: AgentOptions, log: Log, first: () => void) {
  const journal = createJournal(log)
  let revision: number | null = null
  let told = false
  return {
    guarded({ unwritten }: { readonly unwritten: string | null }) {
      if (unwritten !== null) log.warn({ reason: unwritten }, 'the guard for the next boot cannot be written')
    },
    status(change: Parameters<typeof journal.status>[0]) {
      revision = change.host.appliedRevision
      journal.status(change)
    },
    round(round: Parameters<typeof journal.round>[0]) {
      journal.round(round)
      if (round.kind !== 'applied') return
      if (round.changed || !told) log.info({ host, revision, guarded: round.guarded }, 'enforced')
      if (told) return
      told = true
      first()
      const line = `enforcing: nftables on host ${host}; guarded: ${round.guarded}`
      process.stdout.write(`${json ? JSON.stringify({ enforcement: line }) : line}\n`)
    },
  }
}

const processOptions = (options: AgentOptions) => {
  const { host, guard, observe, maxConnections, notrack, nft, verifyMs, decisionsRate, stateDirectory } =
    options
  return {
    ...{
      host,
      release: version,
      data: resolve(stateDirectory),
      guard,
      observe,
      maxConnections,
      notrack,
      verifyMs,
    },
    ...{ decisionsPerSecond: decisionsRate, sources: sourcesOf(options), ...socketOf(options) },
    ...(nft !== undefined && { nft }),
  }
}

/** Why the service cannot be spoken to, whatever is in files. */
function refusedServer({ server, ca, insecure }: AgentOptions): string | undefined {
  if (server.protocol !== 'http:') return undefined
  if (ca !== undefined) return '--ca: goes with https'
  const refusal = refusedPlain(server, insecure)
  return refusal && `--server ${server.origin}: ${refusal}`
}

/** What the service is verified with; or why it is not spoken to. */
async function tlsOf({ server, ca, insecure }: AgentOptions): Promise<Result<TlsOptions>> {
  const authorities = await authoritiesFor(server, { insecure, ...(ca !== undefined && { ca }) })
  return authorities.ok ? ok(authorities.value ? { ca: [...authorities.value] } : {}) : authorities
}

const named = <T>(option: string, result: Result<T>): Result<T> =>
  result.ok ? result : err(`${option}: ${result.error}`)

/**
 * What a file holds that only speaking to the service needs. It is read for each attempt: without it the host is closed and
 * enforced like that of a service that is away, and it may come or be replaced at any time.
 */
function there<T>(result: Result<T>): T {
  if (!result.ok) throw new ConnectError(result.error, 'none')
  return result.value
}
