/**
 * Attaches devices and takes that back, for whoever starts VMs on this host: done when the policy is in force, or when the device
 * is closed. What cannot be done in time leaves everything as it was.
 */
import type { AttachRequest, DetachRequest, LocalAnswer } from '../../core/model/local.ts'
import { attachedBy } from '../desired-state.ts'
import type { Attached, Attachment } from '../sources/attached.ts'
import type { Placed } from './standing.ts'
import type { LookAt, Waiting } from './waiting.ts'

export interface Attaching {
  attach(request: AttachRequest, ending: AbortSignal): Promise<LocalAnswer>
  detach(request: DetachRequest, ending: AbortSignal): Promise<LocalAnswer>
}

export interface AttachingOptions {
  readonly attached: Attached
  readonly waiting: Waiting
  readonly lookAt: LookAt
  /** Whether a device is closed while it is nobody's. */
  readonly isGuarded: (device: string) => boolean
}

export function createAttaching({ attached, waiting, lookAt, isGuarded }: AttachingOptions): Attaching {
  /** By device, what is done with it last: one thing after the other. */
  const turns = new Map<string, Promise<unknown>>()
  async function inTurn<T>(device: string, act: () => Promise<T>): Promise<T> {
    const before = turns.get(device) ?? Promise.resolve()
    const own = before.then(act, act)
    turns.set(device, own)
    try {
      return await own
    } finally {
      if (turns.get(device) === own) turns.delete(device)
    }
  }

  async function attach(request: AttachRequest, ending: AbortSignal): Promise<LocalAnswer> {
    const { device, mac, ms } = request
    const link = await lookAt(device)
    const refuse = (why: string): LocalAnswer => ({ answer: 'refused', devices: [{ device, why }] })
    if (!link) return refuse(`there is no device ${device}`)
    // It would be open whenever this says no.
    if (!isGuarded(device))
      return refuse(`nothing closes ${device} while it is nobody’s: --guard has to name it`)
    const other = [...attached.all()].find((each) => each.mac === mac && each.device !== device)
    if (other) return refuse(`${mac} is attached to ${other.device}`)
    const before = attached.get(device)
    const [unkept, answer] = await Promise.all([
      // It counts before anything is waited for.
      attached.put(attachmentOf(request, link.index)).then(
        () => undefined,
        (error: Error) => error.message,
      ),
      waiting.wait({ devices: [{ device, mac }], ms, differs: differs(request) }, ending),
    ])
    if (answer.answer === 'done' && unkept === undefined) return answer
    await (before ? attached.put(before) : attached.remove(device)).catch(() => {})
    if (!before) await waiting.closed(device, ms, ending)
    return unkept === undefined ? answer : { answer: 'unable', why: unkept }
  }

  function attachmentOf(request: AttachRequest, link: number): Attachment {
    const { device, mac, account, profile, addresses, policies, ephemeral } = request
    const id = request.id ?? `attached-${mac.replaceAll(':', '')}`
    const taken = new Set(
      [...attached.all()].flatMap((each) => (each.id === id && each.device !== device ? [each.index] : [])),
    )
    let index = 1
    while (taken.has(index)) index++
    return {
      ...{ device, link, mac, id, name: request.name ?? id, index },
      ...{ addresses, policies, account, profile },
      ...(ephemeral && { ephemeral }),
    }
  }

  async function detach({ device, ms }: DetachRequest, ending: AbortSignal): Promise<LocalAnswer> {
    if (!attached.get(device)) return { answer: 'done', devices: [] }
    try {
      await attached.remove(device)
    } catch (error) {
      return { answer: 'unable', why: error instanceof Error ? error.message : String(error) }
    }
    if (await waiting.closed(device, ms, ending)) return { answer: 'done', devices: [] }
    return {
      answer: 'unable',
      why: `${device} is detached, and was not seen to be closed within ${ms / 1000} s`,
    }
  }

  return {
    attach: (request, ending) => inTurn(request.device, () => attach(request, ending)),
    detach: (request, ending) => inTurn(request.device, () => detach(request, ending)),
  }
}

/** What an interface has otherwise than it is to have: one of this MAC may have been there before. */
const differs =
  ({ addresses, policies, account }: AttachRequest) =>
  ({ status: { id }, wanted }: Placed): string | undefined => {
    if (account !== null && wanted?.account !== undefined && wanted.account !== account)
      return `interface ${id} has this MAC, and is in another account`
    const own = wanted?.addresses ?? []
    if (addresses.length > 0 && !sameMembers(own, addresses))
      return `interface ${id} has this MAC, and its addresses are ${listed(own)}: change them there, or name them`
    const has = wanted?.policy == null ? [] : attachedBy(wanted.policy)
    const lacking = policies.filter((each) => !has.includes(each))
    if (lacking.length > 0)
      return `interface ${id} has this MAC, and ${listed(lacking)} is not attached to it: attach it there, or leave it out`
    return undefined
  }

const sameMembers = (a: readonly string[], b: readonly string[]): boolean => {
  const [left, right] = [new Set(a), new Set(b)]
  return left.size === right.size && [...left].every((each) => right.has(each))
}
const listed = (all: readonly string[]): string => all.join(', ') || 'none'
