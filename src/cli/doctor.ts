/**
 * `portcullis doctor`: looks at all that enforcing on this host needs, and says of each what is so, and what to do where it
 * is not as it should be. It changes nothing.
 */
import { release } from 'node:os'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { examineConnectionTable } from '../agent/doctor/connection-table.ts'
import { type Finding, type Findings, findingsOn, wordsOf } from '../agent/doctor/finding.ts'
import { examineService } from '../agent/doctor/service.ts'
import { examineStateDirectory } from '../agent/doctor/state-directory.ts'
import { readLinks } from '../agent/links.ts'
import { examineBridges } from '../agent/nftables/doctor/bridges.ts'
import { examineFirewalls } from '../agent/nftables/doctor/firewalls.ts'
import { examineGuard } from '../agent/nftables/doctor/guard.ts'
import { examineKernel, ownsTables } from '../agent/nftables/doctor/kernel-features.ts'
import { guardPatienceMs } from '../agent/nftables/guard.ts'
import { readLegacy } from '../agent/nftables/legacy.ts'
import { openKernel } from '../agent/nftables/open-kernel.ts'
import { readToken } from '../agent/token.ts'
import { authoritiesFor, caOption, insecureOption } from './connection.ts'
import { documented } from './help.ts'
import { isOn, nftOption } from './options.ts'
import { answer, answerJson, printable } from './output.ts'
import { missingPrivilege } from './privileges.ts'

interface DoctorFlags {
  readonly stateDirectory: string
  readonly nft?: string
  readonly server?: string
  readonly tokenFile?: string
  readonly host?: string
  readonly ca?: string
  readonly insecure: boolean
  readonly json?: true
}

export const doctorCommand = (): Command =>
  documented(
    new Command('doctor')
      .description('whether this host has all that enforcing on it needs, and what to do where it has not')
      .addOption(
        new Option(
          '--state-directory <directory>',
          'of the agent, or --data of a service that enforces here: where the guard is kept',
        )
          .env('STATE_DIRECTORY')
          .default('.portcullis'),
      )
      .addOption(nftOption())
      .addOption(
        new Option('--server <url>', 'of the agent’s service; without it that is not looked at').env(
          'PORTCULLIS_SERVER',
        ),
      )
      .addOption(new Option('--token-file <file>', 'of the agent').env('PORTCULLIS_TOKEN_FILE'))
      .addOption(new Option('--host <name>', 'this host’s name in the inventory').env('PORTCULLIS_HOST'))
      .addOption(caOption())
      .addOption(insecureOption())
      .option('--json', 'answer in JSON')
      .action(doctor),
    'portcullis doctor --state-directory /var/lib/portcullis',
    '0 nothing fails, though there may be warnings; 1 something does, or could not be looked at; 2 usage.',
  )

async function doctor(flags: DoctorFlags): Promise<void> {
  const findings = [...(await examineHost(flags)), ...(await examineConnection(flags))]
  if (flags.json) answerJson(JSON.stringify({ findings }, null, 2))
  else for (const each of findings) answer(lineOf(each))
  if (findings.some(({ state }) => state === 'failure' || state === 'unknown')) process.exitCode = 1
}

const marks = { ok: 'ok     ', warning: 'warning', failure: 'FAILED ', unknown: 'unknown' } as const

const lineOf = ({ about, state, said, remedy }: Finding): string =>
  printable(`${marks[state]}  ${about}: ${said}${remedy === undefined ? '' : ` — ${remedy}`}`)

async function examineHost({ nft, stateDirectory }: DoctorFlags): Promise<Findings> {
  const rights = findingsOn('rights')
  const missing = missingPrivilege()
  const directory = resolve(stateDirectory)
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

async function examineConnection(flags: DoctorFlags): Promise<Findings> {
  const { server, tokenFile, host, ca } = flags
  const about = findingsOn('service')
  if (server === undefined) return []
  const url = URL.parse(server)
  if (!url || !/^https?:$/.test(url.protocol)) return [about.failure('--server is no URL of a service')]
  if (tokenFile === undefined || host === undefined)
    return [about.failure('--server is there without --token-file and --host')]
  const token = await readToken(tokenFile)
  if (!token.ok) return [about.failure(`${tokenFile}: ${token.error}`)]
  try {
    const insecure = isOn(flags.insecure, 'PORTCULLIS_INSECURE')
    const authorities = await authoritiesFor(url, { insecure, ...(ca !== undefined && { ca }) })
    if (!authorities.ok) return [about.failure(authorities.error)]
    const tls = authorities.value ? { ca: [...authorities.value] } : {}
    return await examineService({ server: url, tls, host }, token.value)
  } catch (error) {
    return [about.failure(wordsOf(error))]
  }
}
