/** What an agent writes to the log: each problem once, again at growing intervals while it lasts, and its end. */
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { Round } from './agent.ts'

export interface Log {
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface Journal {
  /** `status` is that after the round. */
  round(round: Round, status: HostStatus): void
}

/** Between two reports of the same problem, milliseconds: doubled from the first to the last. */
const intervals = { first: 60_000, last: 3_600_000 } as const

/** `now` is in milliseconds, from whatever beginning. */
export function createJournal(log: Log, now: () => number = () => performance.now()): Journal {
  const host = createReminder(now)
  const stuck = createReminder(now)
  /** Reasons by id of the interface. */
  let failing: ReadonlyMap<string, string> = new Map()
  let warnings: ReadonlySet<string> = new Set()

  function interfaces(round: Round & { kind: 'applied' }, statuses: readonly InterfaceStatus[]): void {
    const details = new Map(round.report.interfaces.map(({ id, detail }) => [id, detail]))
    const bad = statuses.filter(({ state }) => state === 'failing')
    const found = new Map(bad.map(({ id, error }) => [id, error ?? '']))
    for (const { id, device, error } of bad) {
      if (failing.get(id) === error) continue
      const detail = details.get(id)
      log.error(
        { interface: id, device, reason: error, ...(detail !== undefined && { detail }) },
        'interface fails',
      )
    }
    for (const { id, device } of statuses) {
      if (failing.has(id) && !found.has(id)) log.info({ interface: id, device }, 'interface fails no more')
    }
    if (found.size === 0) stuck.ended()
    else if (stuck.due(true)) {
      const first = bad.slice(0, 10).map(({ device }) => device)
      log.error({ interfaces: found.size, first }, 'interfaces still fail')
    }
    failing = found
  }

  return {
    round(round, { interfaces: statuses, warnings: said }) {
      if (round.kind === 'failed') {
        if (host.due()) {
          log.error(
            { err: round.error, attempts: host.times() },
            'rules could not be applied; those before stay in force',
          )
        }
        return
      }
      if (host.ended()) log.info({}, 'rules are applied again')
      if (round.repaired) log.warn({}, 'somebody changed our tables; they are repaired')
      interfaces(round, statuses)
      for (const text of said) if (!warnings.has(text)) log.warn({}, text)
      warnings = new Set(said)
    },
  }
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
