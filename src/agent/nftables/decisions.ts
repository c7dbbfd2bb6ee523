/**
 * Samples of decisions, from the packets that rules of ours log: whose they are, who decided, and as of which revision.
 *
 * What is not sure is not told: a packet of which it is not known whose rule it was, or whose device, is counted only. So
 * is what is more than can be told. Whose it was is counted where that is known.
 */
import { randomUUID } from 'node:crypto'
import { logGroup } from '../../compile/nftables/counting.ts'
import { deciderText } from '../../core/model/decider.ts'
import type { Decision } from '../../core/model/decision.ts'
import { type RawPacket, readPacket } from '../../core/model/read-packet.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { Events } from '../netlink/events.ts'
import { MalformedError, type MessageReader } from '../netlink/message.ts'
import { type LoggedPacket, type openLog, readLogged, readPlace } from '../netlink/nflog.ts'
import { createUntold, type Untold } from '../untold.ts'
import { createJudgedBy, type JudgedBy, type Owner } from './judged-by.ts'

/** One packet that was judged on this host. */
export type Sample = Omit<Decision, 'host'>

export interface DecisionsOptions {
  /** Reads a group of packet logs where the tables are; absent: nothing is told. */
  readonly log: typeof openLog | undefined
  /** Decisions that are told in a second, of all interfaces together. */
  readonly perSecond?: number
  /** Called when `problem` answers something else. */
  readonly onProblem?: () => void
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export interface Decisions extends Pick<JudgedBy, 'begin' | 'place'> {
  /** All that has begun is in force. */
  end(): void
  /** Begins to read with the first listener. Answers how to stop. */
  listen(listener: (samples: readonly Sample[]) => void): () => void
  /** How many were not told, of interfaces that this has changed of since it was asked last; said under an epoch of its own. */
  leftOut: Untold['read']
  /** Why nothing, or not everything, is told; null when it is. */
  problem(): string | null
  close(): void
}

/** Bytes of a packet: as many as rules log. */
const range = 128
/** What the kernel gathers is there, and has been read, so long after a change, milliseconds. */
const settleMs = 50
/** Between attempts to read a log that another reads, milliseconds. */
const retryMs = 10_000
/** For so long it is said that not everything was told, milliseconds. */
const complaintMs = 60_000

export function createDecisions({
  log,
  perSecond = 1000,
  onProblem,
  now = Date.now,
}: DecisionsOptions): Decisions {
  const judged = createJudgedBy(now)
  const listeners = new Set<(samples: readonly Sample[]) => void>()
  const allowed = createAllowance(perSecond, now)
  const untold = createUntold(`log.${randomUUID()}`)
  let events: Events | undefined
  /** Why the log cannot be read. */
  let unread: string | null = null
  let begun = false
  let closed = false
  let retry: NodeJS.Timeout | undefined
  let settling: NodeJS.Timeout | undefined
  let gathered: Sample[] = []
  let gathering: NodeJS.Immediate | undefined
  /** When more than may be told was logged last, and when the kernel had no room for some. */
  let [overflowed, lost] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  /** What `onProblem` was called for last, and when that is looked at again. */
  let complaint: string | null = null
  let reviewing: NodeJS.Timeout | undefined
  /** The number of the packet that comes next, as far as it is known. */
  let next: number | undefined

  function onMessage(message: MessageReader): void {
    try {
      if (allowed()) hear(readLogged(message))
      else {
        overflowed = now()
        if (complaint === null) review()
        if (next !== undefined) next = (next + 1) >>> 0
        const { prefix, ...devices } = readPlace(message)
        const said = readPrefix(prefix)
        if (said) leave(said, ownerOf(said, { ...devices, at: undefined }))
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
    }
  }

  function hear(packet: LoggedPacket): void {
    if (next !== undefined && packet.sequence !== next) {
      lost = now()
      if (complaint === null) review()
    }
    next = (packet.sequence + 1) >>> 0
    const said = readPrefix(packet.prefix)
    const owner = said && ownerOf(said, packet)
    const found = owner && judged.find(owner.id, said.direction, said.number ?? packet.mark, packet.at)
    if (!found) {
      if (said) leave(said, owner)
      return
    }
    const { direction, outcome, observed } = said
    const { by, position, level } = found.decider
    gathered.push({
      at: Math.floor(packet.at ?? now()),
      ...{ interface: owner.id, direction, outcome, by: deciderText(by), position, level },
      observed: observed || (outcome === 'allowed' && owner.observed),
      revision: found.revision,
      packet: readPacket(rawOf(packet)),
    })
    // What has come with it is told with it.
    gathering ??= setImmediate(tell)
  }

  /** It came from a VM by one device, and goes to one by the other. */
  const ownerOf = (
    { direction }: Said,
    { input, output, at }: Pick<LoggedPacket, 'input' | 'output' | 'at'>,
  ): Owner | undefined => judged.ownerOf(direction === 'egress' ? input : output, at)

  function leave({ direction }: Said, owner: Owner | undefined): void {
    if (owner) untold.count(owner.id, direction)
  }

  function tell(): void {
    gathering = undefined
    const samples = gathered
    gathered = []
    for (const listener of listeners) listener(samples)
  }

  async function open(): Promise<void> {
    if (!log || closed) return
    try {
      const opened = await log(
        { group: logGroup, range },
        // What there was no room for is missing in the numbers of those that come.
        { onMessage, onLost() {} },
      )
      if (closed) return opened.close()
      events = opened
      next = undefined
      unread = null
    } catch (error) {
      unread = `decisions are not told: ${error instanceof Error ? error.message : error}`
      retry = setTimeout(open, retryMs)
      retry.unref()
    }
    review()
  }

  function problem(): string | null {
    if (unread !== null) return unread
    const since = now() - complaintMs
    if (overflowed > since)
      return `there were more decisions than ${perSecond} in a second: the others were not told`
    return lost > since ? 'there were more decisions than the kernel had room for: some were not told' : null
  }

  function review(): void {
    clearTimeout(reviewing)
    const is = problem()
    if (is !== null) {
      reviewing = setTimeout(review, complaintMs)
      reviewing.unref()
    }
    if (is === complaint) return
    complaint = is
    onProblem?.()
  }

  function settle(): void {
    const by = now()
    settling = setTimeout(() => {
      // What waits to be read is read before.
      setImmediate(() => {
        settling = undefined
        if (judged.settle(by) && !closed) settle()
      })
    }, settleMs)
    settling.unref()
  }

  return {
    begin: judged.begin,
    place(changed, gone) {
      judged.place(changed, gone)
      for (const id of gone) untold.forget(id)
    },
    end() {
      judged.end()
      if (!settling) settle()
    },
    listen(listener) {
      listeners.add(listener)
      if (!begun) {
        begun = true
        open()
      }
      return () => void listeners.delete(listener)
    },
    leftOut: untold.read,
    problem,
    close() {
      closed = true
      clearTimeout(retry)
      clearTimeout(settling)
      clearTimeout(reviewing)
      clearImmediate(gathering)
      events?.close()
    },
  }
}

/** As many in a second as said, and so many at once. */
function createAllowance(perSecond: number, now: () => number): () => boolean {
  let [left, since] = [perSecond, now()]
  return () => {
    const time = now()
    left = Math.min(perSecond, left + (Math.max(0, time - since) * perSecond) / 1000)
    since = time
    if (left < 1) return false
    left--
    return true
  }
}

interface Said {
  readonly outcome: Sample['outcome']
  readonly direction: Direction
  readonly observed: boolean
  /** Absent where the mark has it. */
  readonly number?: number
}

const spelled = /^(observed )?(allowed|denied|rejected) (in|out)(?: 0x([0-9a-f]{8}))?$/
const directions = { in: 'ingress', out: 'egress' } as const

/** What rules of ours say before a packet; undefined: it is none of them. */
function readPrefix(prefix: string): Said | undefined {
  const [matched, observed, outcome, direction, number] = spelled.exec(prefix) ?? []
  if (matched === undefined) return undefined
  return {
    outcome: outcome as Said['outcome'],
    direction: directions[direction as keyof typeof directions],
    observed: observed !== undefined,
    ...(number !== undefined && { number: Number.parseInt(number, 16) }),
  }
}

const bridgeFamily = 7

/** In a bridge it is a frame. */
function rawOf({ family, protocol, tag, payload, source }: LoggedPacket): RawPacket {
  const header = family !== bridgeFamily ? 0 : tag === undefined ? 14 : 18
  return { etherType: tag ?? protocol, bytes: payload, header, sourceMac: source }
}
