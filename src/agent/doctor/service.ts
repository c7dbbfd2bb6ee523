/** Whether the service lets this host's agent in, understands it, and has the same time. */
import { type Address, ConnectError, type Connection, connect } from '../connect.ts'
import { commonVersion, spoken, type Versions } from '../versions.ts'
import { type Findings, findingsOn, wordsOf } from './finding.ts'

/** Milliseconds that two clocks may differ: credentials and certificates end by them. */
const apart = 30_000

/** Nothing is said once the door is open: an agent that runs stays the one that is heard. */
export async function examineService(address: Address, token: string, now = Date.now): Promise<Findings> {
  const about = findingsOn('service')
  let connection: Connection
  const sent = now()
  try {
    connection = await connect(address, token, AbortSignal.timeout(20_000))
  } catch (error) {
    const where = address.server.origin
    if (!(error instanceof ConnectError))
      return [about.failure(`${where} does not answer: ${wordsOf(error)}`)]
    return [
      error.answer === 'refused'
        ? about.failure(
            `${where} does not let this host in: ${error.message}`,
            `make a credential for it, and put its token into the file: portcullis host-credential create ${address.host}`,
          )
        : about.failure(
            `${where} does not answer: ${error.message}`,
            'what is enforced stays; look at the network, the certificate, and the service',
          ),
    ]
  }
  connection.stream.destroy()
  const { server } = connection
  const between = (sent + now()) / 2
  return [
    about.ok(`${address.server.origin} lets host ${address.host} in`),
    ...onVersions(server),
    ...onClock(server.date === undefined ? undefined : server.date - between),
  ]
}

function onVersions({ release, versions }: Connection['server']): Findings {
  const about = findingsOn('versions')
  if (!versions) return [about.unknown('the service does not say which versions of the protocol it speaks')]
  const theirs = `the service is ${release ?? 'of a release that it does not say'}`
  const common = commonVersion(versions)
  if (common === undefined)
    return [
      about.failure(
        `${theirs}, and speaks no version of the protocol that this agent does: what is enforced stays, and nothing new comes`,
        versions.most < spoken.least ? 'upgrade the service' : 'upgrade this host',
      ),
    ]
  return [
    common === spoken.most && common === versions.most
      ? about.ok(`${theirs}; both speak protocol ${common}`)
      : about.warning(
          `${theirs}; protocol ${common} is spoken, which is not the newest of both`,
          inWords(versions),
        ),
  ]
}

const inWords = ({ most }: Versions): string =>
  most > spoken.most ? 'upgrade this host within the next release' : 'upgrade the service first next time'

/** `ahead`: milliseconds of the service before this host, to about a second. */
function onClock(ahead: number | undefined): Findings {
  const about = findingsOn('clock')
  if (ahead === undefined) return [about.unknown('the service does not say what time it is')]
  const seconds = Math.round(Math.abs(ahead) / 1000)
  return [
    Math.abs(ahead) <= apart
      ? about.ok('the same as the service’s')
      : about.warning(
          `${seconds} s ${ahead > 0 ? 'behind' : 'before'} the service’s: certificates and credentials end by it`,
          'let both follow the same time servers (timedatectl set-ntp true)',
        ),
  ]
}
