/**
 * What the log is told of an agent: each problem once, again at growing intervals while it lasts, and its end.
 *
 * It listens where the log is, to an agent that may begin anew in another process: what lasts is not told twice.
 */
import type { InterfaceStatus } from '../core/model/desired.ts'
import type { StatusChange } from '../core/model/status-change.ts'
import type { Detail, Round } from './round.ts'

export interface Log {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface Journal {
  status(change: StatusChange): void
  /** Its status was told before. */
  round(round: Round): void
}

/** Between two reports of the same problem, milliseconds: doubled from the first to the last. */
const intervals = { first: 60_000, last: 3_600_000 } as const

/** Interfaces that are named after one round: a host may have 100,000. */
const mostNamed = 100

/** `now` is in milliseconds, from whatever beginning. */
export function createJournal(log: Log, now: () => number = () => performance.now()): Journal {
  const host = createReminder(now)
  const stuck = createReminder(now)
  /** Those that fail now. */
  const failing = new Map<string, InterfaceStatus>()
  /** Those that the log was told of, by id: that they fail or are closed, and why. */
  const told = new Map<string, Trouble>()
  /** What the log is to be told of after the next round that succeeds; null: it is there no more. */
  let said = new Map<string, InterfaceStatus | null>()
  let warned: ReadonlySet<string> = new Set()
  let warnings: readonly string[] = []

  /** Answers whether there was something to tell; `mute`: it is only remembered. */
  function tell(status: InterfaceStatus, detail: string | undefined, mute: boolean): boolean {
    const { id, device } = status
    const [before, now] = [told.get(id), troubleOf(status)]
    if (before?.state === now?.state && before?.reason === now?.reason) return false
    if (now) told.set(id, now)
    else told.delete(id)
    if (mute) return true
    const about = { interface: id, device }
    const more = detail === undefined ? {} : { detail }
    if (now?.state === 'failing') log.error({ ...about, reason: now.reason, ...more }, 'interface fails')
    else if (now) log.info({ ...about, reason: now.reason, ...more }, 'interface is closed')
    else
      log.info(about, before?.state === 'failing' ? 'interface fails no more' : 'interface is closed no more')
    return true
  }

  function interfaces(details: readonly Detail[]): void {
    const detailOf = new Map(details.map((each) => [each.interface, each.detail]))
    let count = 0
    for (const [id, status] of said) {
      if (!status) told.delete(id)
      else if (tell(status, detailOf.get(id), count >= mostNamed)) count++
    }
    said = new Map()
    if (count > mostNamed)
      log.warn({ more: count - mostNamed }, 'more interfaces fail, are closed, or no longer')
    if (failing.size === 0) stuck.ended()
    else if (stuck.due(true)) {
      const first = [...failing.values()].slice(0, 10).map(({ device }) => device)
      log.error({ interfaces: failing.size, first }, 'interfaces still fail')
    }
  }

  return {
    status({ host: words, whole, put, remove }) {
      warnings = words.warnings
      if (whole) {
        failing.clear()
        said = new Map([...told.keys()].map((id) => [id, null]))
      }
      for (const id of remove) {
        failing.delete(id)
        said.set(id, null)
      }
      for (const each of put) {
        if (each.state === 'failing') failing.set(each.id, each)
        else failing.delete(each.id)
        // In the order in which they were said last.
        const before = said.delete(each.id)
        if (before || troubleOf(each) || told.has(each.id)) said.set(each.id, each)
      }
    },
    round(round) {
      if (round.kind === 'failed') {
        if (host.due()) {
          const { kind: type, message, stack } = round.error
          const err = { type, message, stack }
          log.error({ err, attempts: host.times() }, 'rules could not be applied; those before stay in force')
        }
        return
      }
      if (round.kind === 'compared') {
        const { policies, interfaces } = round
        log.error(
          { policies, interfaces },
          'what the agent held was not what the service has: it is repaired; please report it',
        )
        return
      }
      if (round.kind === 'cut') {
        const { flows, interfaces, seconds, problem } = round
        const about = { flows, interfaces, milliseconds: Math.round(1000 * seconds) }
        if (problem !== null) log.error({ ...about, problem }, 'connections that rules deny now may go on')
        else if (flows > 0) log.info(about, 'connections that rules deny now were ended')
        return
      }
      if (host.ended()) log.info({}, 'rules are applied again')
      if (round.repaired) log.warn({}, 'somebody changed our tables; they are repaired')
      interfaces(round.details)
      for (const text of warnings) if (!warned.has(text)) log.warn({}, text)
      warned = new Set(warnings)
    },
  }
}

interface Trouble {
  readonly state: 'failing' | 'closed'
  readonly reason: string | null
}

/** Undefined when there is nothing to explain: one that is closed without a reason is as it should be. */
function troubleOf({ state, error }: InterfaceStatus): Trouble | undefined {
  if (state === 'failing' || (state === 'closed' && error !== null)) return { state, reason: error }
  return undefined
}

interface Reminder {
  /** The problem is there: whether it is to be told. `toldElsewhere`: not the first time. */
  due(toldElsewhere?: boolean): boolean
  /** How often it was there since it began. */
  times(): number
  /** The problem is not there; answers whether it was. */
  ended(): boolean
}

function createReminder(now: () => number): Reminder {
  let times = 0
  let interval: number = intervals.first
  let next = 0
  return {
    due(toldElsewhere = false) {
      times++
      if (times > 1 && now() < next) return false
      if (times > 1) interval = Math.min(interval * 2, intervals.last)
      next = now() + interval
      return times > 1 || !toldElsewhere
    },
    times: () => times,
    ended() {
      const was = times > 0
      times = 0
      interval = intervals.first
      return was
    },
  }
}
