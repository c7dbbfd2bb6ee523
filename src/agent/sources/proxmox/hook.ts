/**
 * Answers the hookscript that Proxmox VE runs around the start of a guest: no guest runs before its rules.
 *
 * Before the start its devices are not there: their names and MACs are those of its configuration, and their rules must be ready.
 * After it they are there, and what is not in force yet leaves them closed. A guest that comes from another node starts here while
 * its configuration is still that node's: it may start while closed, and is opened when the configuration has moved.
 */
import {
  type DeviceRefused,
  type LocalAnswer,
  type LocalDevice,
  longestWaitMs,
  type ProxmoxRequest,
} from '../../../core/model/local.ts'
import type { Waiting } from '../../local/waiting.ts'
import { type ConfiguredGuest, deviceOf } from './guest-devices.ts'
import type { Looked, ProxmoxSource } from './proxmox.ts'

export interface ProxmoxHook {
  answer(request: ProxmoxRequest, ending: AbortSignal): Promise<LocalAnswer>
}

export interface ProxmoxHookOptions {
  /** Undefined: the agent reads no configuration of Proxmox. */
  readonly source: Pick<ProxmoxSource, 'lookAt' | 'isElsewhere' | 'observe'> | undefined
  readonly waiting: Pick<Waiting, 'wait'>
  /** Whether nothing passes on a device of that name while it is nobody's. */
  readonly isGuarded: (device: string) => boolean
}

const unguarded = 'nothing closes it until its rules are in force: the agent’s --guard does not name it'
const done: LocalAnswer = { answer: 'done', devices: [] }

export function createProxmoxHook({ source, waiting, isGuarded }: ProxmoxHookOptions): ProxmoxHook {
  return {
    async answer({ guest: number, phase }, ending) {
      if (!source) return { answer: 'unable', why: 'the agent of this host runs without --proxmox' }
      const begun = performance.now()
      const { guests, problems } = await source.lookAt(number)
      if (guests.length === 0) {
        const why = problems.find(
          (problem) => problem.startsWith(`VM ${number}: `) || problem.startsWith(`CT ${number}: `),
        )
        if (why === undefined && (await source.isElsewhere(number))) {
          // Containers do not move while they run.
          const first = deviceOf({ kind: 'vm', number }, 0)
          if (phase === 'pre-start' && !isGuarded(first))
            return { answer: 'refused', devices: [{ device: first, why: unguarded }] }
          return done
        }
        return { answer: 'unable', why: why ?? 'it has no configuration on this node' }
      }
      const known = source.observe() ?? new Map()
      const [devices, refused] = [[] as LocalDevice[], [] as DeviceRefused[]]
      for (const guest of guests) {
        for (const [n, { mac }] of guest.config.nics) {
          const device = deviceOf(guest, n)
          // It is there before its rules are on it.
          if (phase === 'pre-start' && !isGuarded(device)) refused.push({ device, why: unguarded })
          else if (known.get(device)?.mac === mac) devices.push({ device, mac })
          else refused.push({ device, why: whyUnknown(guest, n, problems) })
        }
        for (const [n, why] of guest.config.unusable) refused.push({ device: deviceOf(guest, n), why })
      }
      if (refused.length > 0) return { answer: 'refused', devices: refused }
      if (devices.length === 0) return done
      const ms = Math.max(0, Math.round(longestWaitMs - (performance.now() - begun)))
      return waiting.wait({ devices, ms, ...(phase === 'pre-start' && { before: true }) }, ending)
    },
  }
}

function whyUnknown(guest: ConfiguredGuest, n: number, problems: Looked['problems']): string {
  if (guest.config.template) return 'its guest is a template, which never runs'
  if (guest.config.nics.get(n)?.onHost === false)
    return 'it has no bridge: QEMU would hand its packets on past every rule'
  const named = new RegExp(`\\b${deviceOf(guest, n)}\\b`)
  return problems.find((problem) => named.test(problem)) ?? 'nobody can tell whose it is'
}
