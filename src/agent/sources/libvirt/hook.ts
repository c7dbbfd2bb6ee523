/**
 * Answers the hook that libvirt runs while a domain starts, moves or ends: no domain runs before its rules.
 *
 * At `start` its devices are there, and the guard closes them. A domain that comes from another host starts here while it still
 * runs there, so its interfaces are that host's: it may start while closed, and its devices are opened when the other host lets go.
 */
import { type LibvirtRequest, type LocalAnswer, longestWaitMs } from '../../../core/model/local.ts'
import type { Waiting } from '../../local/waiting.ts'
import { parseDomain } from './domain.ts'
import type { LibvirtSource } from './source.ts'

export interface LibvirtHook {
  answer(request: LibvirtRequest, ending: AbortSignal): Promise<LocalAnswer>
}

export interface LibvirtHookOptions {
  /** Undefined: the agent asks no libvirt. */
  readonly source: Pick<LibvirtSource, 'tell'> | undefined
  readonly waiting: Pick<Waiting, 'wait'>
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

/** Milliseconds from when a domain was said to come until it starts; libvirt takes much less. */
const comesWithinMs = 60_000
/** Domains that are said to come at once. */
const mostComing = 1000

const done: LocalAnswer = { answer: 'done', devices: [] }

export function createLibvirtHook({
  source,
  waiting,
  now = () => performance.now(),
}: LibvirtHookOptions): LibvirtHook {
  /** Ids of domains that come from other hosts, and when that was said. */
  const coming = new Map<string, number>()
  function expect(id: string): void {
    for (const [each, since] of coming)
      if (now() - since > comesWithinMs || coming.size >= mostComing) coming.delete(each)
    coming.set(id, now())
  }
  function isComing(id: string): boolean {
    const since = coming.get(id)
    coming.delete(id)
    return since !== undefined && now() - since <= comesWithinMs
  }

  return {
    async answer({ operation, xml }, ending) {
      if (!source) return { answer: 'unable', why: 'the agent of this host runs without --libvirt' }
      const parsed = parseDomain(xml)
      if (!parsed.ok) return { answer: 'invalid', why: parsed.error }
      const { value: domain } = parsed
      if (operation === 'migrate') {
        expect(domain.id)
        return done
      }
      const comes = isComing(domain.id)
      if (operation === 'stopped' || operation === 'release') {
        source.tell(domain, 'gone')
        return done
      }
      source.tell(domain, 'starts')
      const devices = domain.interfaces.flatMap(({ device, mac }) =>
        device === null ? [] : [{ device, mac }],
      )
      // One that runs already would be ended by a refusal, and it is closed as long as nothing proves whose its devices are.
      if (operation !== 'start' || comes || devices.length === 0) return done
      return waiting.wait({ devices, ms: longestWaitMs }, ending)
    },
  }
}
