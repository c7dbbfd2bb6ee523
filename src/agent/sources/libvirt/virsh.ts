/**
 * What libvirt is asked, by its own program `virsh` on a read-only connection: it needs no right over any domain.
 */
import { randomUUID } from 'node:crypto'
import { maxDomainLength } from '../../../core/model/local.ts'
import { type Command, type Follower, follow, ProgramError, run } from '../../run.ts'

/** A domain that runs, paused ones included. */
export interface Running {
  readonly id: string
  readonly name: string
}

export interface Virsh {
  /** Rejects where libvirt does not answer, and when the signal is aborted. */
  running(signal: AbortSignal): Promise<readonly Running[]>
  /** XML of domains by id, as they run now; without those that are gone,  or of which nothing was said. Rejects as `running` does. */
  dump(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  /** Calls back with the name of a domain that started, ended or changed; with null when any may have. */
  follow(onChange: (name: string | null) => void): Follower
}

export interface VirshOptions {
  /** Of the hypervisor, as `virsh -c` takes it. */
  readonly uri: string
  /** The program. */
  readonly program?: string
}

/** Its words are read. */
const env = { LC_ALL: 'C' }
/** Milliseconds until libvirt has not answered. */
const patienceMs = 10_000
/** Asked of one process. */
const domainsAtOnce = 50
/** UTF-16 code units that a list may have: ten thousand domains' names. */
const maxListLength = 4 << 20

export function createVirsh({ uri, program = 'virsh' }: VirshOptions): Virsh {
  const command = (text: string): Command => [program, '--quiet', '--readonly', '--connect', uri, text]
  const ask = (text: string, maxLength: number, signal: AbortSignal) =>
    run(command(text), { patienceMs, maxLength, signal, env })

  async function dump(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    // Nothing that stands in a domain can be taken for it.
    const mark = randomUUID()
    const script = ids.map((id) => `echo ${mark}; dumpxml --domain ${id}`).join('; ')
    const printed = await ask(script, ids.length * maxDomainLength, signal).catch((error) => {
      // The last one is gone: its status is that of all.
      if (error instanceof ProgramError && error.stdout !== '') return error.stdout
      throw error
    })
    const parts = printed.split(mark).slice(1)
    return new Map(
      ids.flatMap((id, at) => {
        const xml = parts[at]?.trim() ?? ''
        return xml === '' ? [] : [[id, xml] as const]
      }),
    )
  }

  return {
    async running(signal) {
      const printed = await ask('list --uuid --name', maxListLength, signal)
      return printed.split('\n').flatMap((line) => {
        const [, id, name] = /^([0-9a-f-]{36}) +(.*?) *$/.exec(line) ?? []
        return id === undefined || name === undefined ? [] : [{ id, name }]
      })
    },
    async dump(ids, signal) {
      const all = new Map<string, string>()
      for (let at = 0; at < ids.length; at += domainsAtOnce) {
        for (const [id, xml] of await dump(ids.slice(at, at + domainsAtOnce), signal)) all.set(id, xml)
      }
      return all
    },
    follow: (onChange) =>
      follow({
        command: command('event --all --loop'),
        onLine(line) {
          const [, event = '', rest = ''] = /^event '([\w-]+)' for domain (.*)$/.exec(line) ?? []
          // A name may have quotes and colons of its own; what happened has no quotes.
          if (telling.has(event)) onChange(/^'(.*)': [^']*$/.exec(rest)?.[1] ?? null)
        },
        onGap: () => onChange(null),
        pauses: { first: 50, last: 5000 },
        env,
      }),
  }
}

/** Events after which devices of a domain may be others. Guests cause some of the rest, as often as they like. */
const telling: ReadonlySet<string> = new Set([
  'lifecycle',
  'device-added',
  'device-removed',
  'metadata-change',
])
