/** Options of whatever enforces on this host: of `serve --enforce` and of `agent`. */
import { join, resolve } from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { maxConnections } from '../core/model/desired.ts'
import { runtimeDirectory, socketName } from '../core/model/local.ts'
import type { SourceOptions } from '../core/model/source-options.ts'

/** What a host with very many interfaces can tell of has other bounds; more than this of one nobody reads. */
const maxDecisionsRate = 1000

export interface EnforcingOptions {
  readonly observe: boolean
  readonly maxConnections: number
  readonly notrack: 'auto' | 'always' | 'never'
  readonly decisionsRate: number
  readonly libvirt?: string
  readonly proxmox?: string
  readonly adopt?: string
  readonly socket?: string
}

export const enforcingOptions = (): readonly Option[] => [
  new Option('--observe', 'judge and count every packet, and drop none (env: PORTCULLIS_OBSERVE)').default(
    false,
  ),
  new Option(
    '--max-connections <number>',
    'tracked connections each interface may begin, and as many towards it; 0 is no limit',
  )
    .env('PORTCULLIS_MAX_CONNECTIONS')
    .default(8192)
    .argParser(parseConnections),
  new Option(
    '--notrack <when>',
    'leave connections of stateless interfaces untracked; auto: where nobody else asks for their state',
  )
    .env('PORTCULLIS_NOTRACK')
    .choices(['auto', 'always', 'never'])
    .default('auto'),
  new Option(
    '--decisions-rate <number>',
    'packets a second of which it is told who decided, for each interface and direction; 0: of none',
  )
    .env('PORTCULLIS_DECISIONS_RATE')
    .default(10)
    .argParser(parseRate),
  new Option(
    '--libvirt [uri]',
    'know guests of this host from libvirt, by virsh; without a URI from qemu:///system',
  )
    .env('PORTCULLIS_LIBVIRT')
    .preset('qemu:///system')
    .argParser(parseUri),
  new Option(
    '--proxmox [directory]',
    'know guests of this node of Proxmox VE by their configuration; without a directory that of /etc/pve',
  )
    .env('PORTCULLIS_PROXMOX')
    .preset('/etc/pve'),
  new Option(
    '--adopt <file>',
    'rules of which account guests are adopted into that nobody has; read again on SIGHUP',
  ).env('PORTCULLIS_ADOPT'),
  new Option(
    '--socket <path>',
    `where whoever starts VMs on this host speaks to it (default: ${join(runtimeDirectory, socketName)} if there is that directory, else beside the guard)`,
  ).env('PORTCULLIS_SOCKET'),
]

export const socketOf = ({ socket }: EnforcingOptions) =>
  socket === undefined ? {} : { socket: resolve(socket) }

/** Who knows guests of this host, as its options say. */
export const sourcesOf = ({ libvirt, proxmox, adopt }: EnforcingOptions): SourceOptions => ({
  ...(libvirt !== undefined && { libvirt }),
  ...(proxmox !== undefined && { proxmox: resolve(proxmox) }),
  ...(adopt !== undefined && { adopt: resolve(adopt) }),
})

export const verifyOption = () =>
  new Option('--verify-ms <milliseconds>', 'how often what is enforced is read back')
    .env('PORTCULLIS_VERIFY_MS')
    .default(60_000)
    .argParser(parseMilliseconds)
    .hideHelp()

function parseConnections(text: string): number {
  if (!/^\d{1,7}$/.test(text) || Number(text) > maxConnections) {
    throw new InvalidArgumentError(`Expected a whole number up to ${maxConnections}; 0 is no limit.`)
  }
  return Number(text)
}

function parseRate(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > maxDecisionsRate)
    throw new InvalidArgumentError(`Expected a whole number up to ${maxDecisionsRate}; 0 is none.`)
  return Number(text)
}

/** As libvirt has them; whether it is there is said while it runs. */
function parseUri(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\S{1,255}$/i.test(text))
    throw new InvalidArgumentError('Expected a URI such as qemu:///system.')
  return text
}

export function parseMilliseconds(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number of milliseconds.')
  return Number(text)
}
