/**
 * Waits until devices are under the policies of their interfaces, and says why where they are not: no guest runs before its rules.
 *
 * Nothing is taken for so that is not: the interface has the MAC that was named, and the device with the number that the kernel
 * has for that name now is the one that the last round enforced it on.
 */
import type { Link } from '../../core/model/link.ts'
import type {
  DeviceInForce,
  DeviceRefused,
  LocalAnswer,
  LocalDevice,
  WaitRequest,
} from '../../core/model/local.ts'
import type { Placed, Standing } from './standing.ts'

/** The device of a name, as the kernel has it at this moment; undefined: there is none. */
export type LookAt = (device: string) => Promise<Pick<Link, 'index'> | undefined>

export interface WaitOptions extends WaitRequest {
  /** What else keeps an interface from being what was asked for, in words; undefined: nothing. */
  readonly differs?: (placed: Placed) => string | undefined
}

export interface Waiting {
  /** Answers `done`, or after `ms` or the end of the signal `refused`. */
  wait(options: WaitOptions, ending: AbortSignal): Promise<LocalAnswer>
  /** Resolves when nothing passes on the device that was found by its MAC: true; after so many milliseconds: false. */
  closed(device: string, ms: number, ending: AbortSignal): Promise<boolean>
}

export function createWaiting(standing: Standing, lookAt: LookAt): Waiting {
  /** Looks again after each change, and once more at the end; answers what is found then. */
  async function until<T>(
    look: () => Promise<T | undefined>,
    ms: number,
    ending: AbortSignal,
  ): Promise<T | undefined> {
    const over = AbortSignal.any([ending, AbortSignal.timeout(ms)])
    let changed = Promise.withResolvers<void>()
    const stop = standing.onChange(() => changed.resolve())
    const isOver = new Promise<void>((resolve) => {
      if (over.aborted) resolve()
      else over.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      for (;;) {
        changed = Promise.withResolvers()
        const found = await look()
        if (found !== undefined || over.aborted) return found
        await Promise.race([changed.promise, isOver])
      }
    } finally {
      stop()
    }
  }

  /** What was so at the end of the last round that went well, by device. */
  function snapshots({ devices, before, differs }: WaitOptions) {
    const last = new Map<string, Placed>()
    const take = () => {
      if (!standing.isSettled()) return
      for (const each of devices) {
        const placed = standing.on(each.device).find((one) => isReady(one, each, before) && !differs?.(one))
        if (placed) last.set(each.device, placed)
        else last.delete(each.device)
      }
    }
    take()
    return { last, stop: standing.onChange(take) }
  }

  return {
    async wait(options, ending) {
      const { devices, ms, before } = options
      const { last, stop } = snapshots(options)
      async function look(): Promise<LocalAnswer | undefined> {
        // Of one moment: rounds go on while the kernel is asked.
        const found = devices.map(({ device }) => last.get(device))
        if (found.some((placed) => !placed)) return undefined
        const links = await Promise.all(devices.map(({ device }) => lookAt(device)))
        const inForce = devices.flatMap(({ device }, at): DeviceInForce[] => {
          const [placed, link] = [found[at], links[at]]
          if (!placed) return []
          const { id, state } = placed.status
          const isOn = link && placed.link === link.index
          if (isOn && (state === 'applied' || state === 'observing'))
            return [{ device, interface: id, state }]
          return before ? [{ device, interface: id, state: 'ready' }] : []
        })
        return inForce.length === devices.length ? { answer: 'done', devices: inForce } : undefined
      }
      try {
        const answer = await until(look, ms, ending)
        if (answer) return answer
        const links = await Promise.all(devices.map(({ device }) => lookAt(device)))
        const refused = devices.flatMap((each, at): DeviceRefused[] => {
          const why = whyNot(standing, each, links[at], options)
          return why === undefined ? [] : [{ device: each.device, why }]
        })
        // What has come to be so after all was not so in time.
        const [first] = devices
        const late = first ? [{ device: first.device, why: `it was not so within ${ms / 1000} s` }] : []
        return { answer: 'refused', devices: refused.length > 0 ? refused : late }
      } finally {
        stop()
      }
    },
    async closed(device, ms, ending) {
      const isOpen = ({ status, wanted, link }: Placed) =>
        wanted?.found === true &&
        link !== undefined &&
        status.state !== 'closed' &&
        status.state !== 'failing'
      const look = async () => (standing.isSettled() && !standing.on(device).some(isOpen) ? true : undefined)
      return (await until(look, ms, ending)) ?? false
    },
  }
}

/** Whether its rules are in force, or wait for a device that is not there. */
function isReady({ status, wanted, link }: Placed, { mac }: LocalDevice, before: true | undefined): boolean {
  if (!wanted || wanted.mac !== mac || wanted.policy === null) return false
  if (status.state === 'applied' || status.state === 'observing') return link !== undefined
  return before === true && status.state === 'closed' && wanted.closed === undefined
}

/** In words for whoever starts the VM; undefined: nothing is against it now. */
function whyNot(
  standing: Standing,
  { device, mac }: LocalDevice,
  link: Pick<Link, 'index'> | undefined,
  { before, differs }: WaitOptions,
): string | undefined {
  if (!link && !before) return `there is no device ${device}`
  const host = standing.host()
  const silent = silence(standing.silentMs())
  if (!host || host.state === 'starting')
    return ['the agent has just started, and enforces nothing yet', ...silent].join('; ')
  if (host.state === 'failing')
    return `the packet filter cannot be changed: ${host.error ?? 'for no known reason'}`
  const placed = standing.on(device)
  const own = placed.find(({ wanted }) => wanted?.mac === mac)
  if (own) {
    const { id, state, error } = own.status
    const otherwise = differs?.(own)
    if (otherwise !== undefined) return otherwise
    if (error !== null) return [`interface ${id}: ${error}`, ...silent].join('; ')
    if (isReady(own, { device, mac }, before) && (!link || own.link === link.index)) return undefined
    return [`the rules of interface ${id} are not in force on it yet (${state})`, ...silent].join('; ')
  }
  const claim = standing.claim(device)
  if (silent.length > 0) return silent[0]
  if (claim && claim.why !== null) return claim.why
  const [other] = placed
  if (other) {
    const whose = other.wanted?.mac ?? 'is not known'
    return `interface ${other.status.id} is on ${device}, and its MAC ${whose === 'is not known' ? whose : `is ${whose}`}`
  }
  return `the service has not said yet which interface is on ${device}`
}

function silence(ms: number | null): readonly string[] {
  if (ms === 0) return []
  if (ms === null) return ['no service has been heard since the agent has started']
  return [`no service has been heard for ${Math.max(1, Math.round(ms / 1000))} s`]
}
