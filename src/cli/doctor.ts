/**
 * `portcullis doctor`: looks at all that enforcing on this host needs, and says of each what is so, and what to do where it
 * is not as it should be. It changes nothing.
 */
import { release } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { examineAgent } from '../agent/doctor/agent.ts'
import { type AsAgent, asAgent } from '../agent/doctor/as-agent.ts'
import { examineClock } from '../agent/doctor/clock.ts'
import { examineConnectionTable } from '../agent/doctor/connection-table.ts'
import { type Finding, type Findings, findingsOn, wordsOf } from '../agent/doctor/finding.ts'
import { examineService } from '../agent/doctor/service.ts'
import { examineStateDirectory } from '../agent/doctor/state-directory.ts'
import { examineToken } from '../agent/doctor/token.ts'
import { examineUnits } from '../agent/doctor/units.ts'
import { readLinks } from '../agent/links.ts'
import { examineBridges } from '../agent/nftables/doctor/bridges.ts'
import { examineFirewalls } from '../agent/nftables/doctor/firewalls.ts'
import { examineGuard } from '../agent/nftables/doctor/guard.ts'
import { examineKernel, ownsTables } from '../agent/nftables/doctor/kernel-features.ts'
import { guardPatienceMs } from '../agent/nftables/guard.ts'
import { readLegacy } from '../agent/nftables/legacy.ts'
import { openKernel } from '../agent/nftables/open-kernel.ts'
import { examineLibvirt } from '../agent/sources/libvirt/doctor.ts'
import { examineProxmox } from '../agent/sources/proxmox/doctor.ts'
import { decodeStanding } from '../core/model/local.ts'
import { type AgentOptions, agentOptions } from './agent-options.ts'
import { configurable } from './config-file.ts'
import { authoritiesFor } from './connection.ts'
import { sourcesOf } from './enforcing-options.ts'
import { documented } from './help.ts'
import { askAt, socketPaths } from './local.ts'
import { isOn } from './options.ts'
import { answer, answerJson, printable } from './output.ts'
import { missingPrivilege } from './privileges.ts'

/** Where the package has the agent's file, and where its unit keeps states. */
const installed = { config: '/etc/portcullis/agent.yaml', states: '/var/lib/portcullis/agent' }

/** The agent's own values; those that it cannot do without may be missing here. */
type DoctorFlags = Omit<AgentOptions, 'server' | 'tokenFile' | 'host'> &
  Partial<Pick<AgentOptions, 'server' | 'tokenFile' | 'host'>> & { readonly config?: string }

/** Which of the agent's options its help shows; the others are taken, because the agent's file may have them. */
const shown = new Set([
  'server',
  'token-file',
  'host',
  'state-directory',
  'ca',
  'insecure',
  'libvirt',
  'proxmox',
  'socket',
])

export function doctorCommand(): Command {
  const command = new Command('doctor').description(
    'whether this host has all that enforcing on it needs, and what to do where it has not',
  )
  for (const option of agentOptions()) {
    option.makeOptionMandatory(false)
    if (option.name() === 'json') option.description = 'answer in JSON'
    else if (!shown.has(option.name())) option.hideHelp()
    command.addOption(option)
  }
  return documented(
    configurable(command, { installed: installed.config }).action(doctor),
    'portcullis doctor',
    '0 nothing fails, though there may be warnings; 1 something does, or could not be looked at; 2 usage.',
  )
}

async function doctor(flags: DoctorFlags, command: Command): Promise<void> {
  const isDefault = command.getOptionValueSource('stateDirectory') === 'default'
  const states = isDefault && flags.config === installed.config ? installed.states : flags.stateDirectory
  const directory = resolve(states)
  const as = await asAgent(directory)
  const findings = [
    ...(await examineHost(flags, directory)),
    ...(await examineUnits()),
    ...(await examineAgentHere(flags, directory)),
    ...(await examineSources(flags, as)),
    ...(await examineClock()),
    ...(await examineConnection(flags, as)),
  ]
  // In the agent's file it says how the agent's log is written.
  if (command.getOptionValueSource('json') === 'cli') answerJson(JSON.stringify({ findings }, null, 2))
  else for (const each of findings) answer(lineOf(each))
  if (findings.some(({ state }) => state === 'failure' || state === 'unknown')) process.exitCode = 1
}

const marks = { ok: 'ok     ', warning: 'warning', failure: 'FAILED ', unknown: 'unknown' } as const

const lineOf = ({ about, state, said, remedy }: Finding): string =>
  printable(`${marks[state]}  ${about}: ${said}${remedy === undefined ? '' : ` — ${remedy}`}`)

async function examineHost({ nft }: DoctorFlags, directory: string): Promise<Findings> {
  const rights = findingsOn('rights')
  const missing = missingPrivilege()
  const state = await examineStateDirectory(directory)
  if (missing !== undefined) return [rights.failure(missing, 'run the doctor as the agent runs'), ...state]
  const may = rights.ok('CAP_NET_ADMIN')
  const features = await examineKernel(nft)
  if (features.some((each) => each.state === 'failure')) return [may, ...features, ...state]
  try {
    const { kernel, remarks } = await openKernel({
      ...(nft !== undefined && { nft }),
      own: false,
      patienceMs: guardPatienceMs,
    })
    try {
      const [links, legacy] = await Promise.all([readLinks(undefined), readLegacy(undefined).catch(wordsOf)])
      const owned = nft === undefined && remarks.length === 0 && ownsTables(release())
      return [
        may,
        ...features,
        ...(await examineBridges(kernel, links, legacy)),
        ...(await examineGuard(kernel, links, directory)),
        ...(await examineFirewalls(kernel, links, legacy, { owned })),
        ...(await examineConnectionTable()),
        ...state,
      ]
    } finally {
      await kernel.close()
    }
  } catch (error) {
    return [
      may,
      ...features,
      findingsOn('kernel').unknown(`it could not be read: ${wordsOf(error)}`),
      ...state,
    ]
  }
}

/** Asked at once: an agent that does not answer within seconds is in no state to. */
async function examineAgentHere({ server, host, socket, config }: DoctorFlags, directory: string) {
  const said = await askAt(socketPaths(socket, directory), 'standing', {}, decodeStanding)
  const isInstalled = config === installed.config
  return examineAgent(said, {
    ...{ configured: server !== undefined, host },
    start: !isInstalled
      ? 'start it: portcullis agent, or serve --enforce'
      : server === undefined
        ? `put server, host and token-file into ${config}, then: systemctl start portcullis-agent`
        : 'systemctl start portcullis-agent',
  })
}

async function examineSources(flags: DoctorFlags, as: AsAgent): Promise<Findings> {
  const { libvirt, proxmox } = sourcesOf(flags)
  return [
    ...(libvirt === undefined ? [] : await examineLibvirt(libvirt, as)),
    ...(proxmox === undefined ? [] : await examineProxmox(proxmox, as)),
  ]
}

async function examineConnection(flags: DoctorFlags, as: AsAgent): Promise<Findings> {
  const { server, tokenFile, host, ca } = flags
  const about = findingsOn('service')
  if (server === undefined) return []
  if (tokenFile === undefined || host === undefined)
    return [about.failure('--server is there without --token-file and --host')]
  const token = await examineToken(tokenFile, as)
  if (!token.ok) return [token.error]
  try {
    const insecure = isOn(flags.insecure, 'PORTCULLIS_INSECURE')
    const authorities = await authoritiesFor(server, { insecure, ...(ca !== undefined && { ca }) })
    if (!authorities.ok) return [about.failure(authorities.error)]
    const tls = authorities.value ? { ca: [...authorities.value] } : {}
    return await examineService({ server, tls, host }, token.value)
  } catch (error) {
    return [about.failure(wordsOf(error))]
  }
}
