/**
 * When what deciders have counted is read and said: every so often, at once when it is asked for, and a last time.
 *
 * It says only what has counted, in parts that whoever hears them has time between.
 */
import type { Count, HitsReport, InterfaceHits } from '../core/model/hits.ts'

export interface HitRounds {
  /** Something is counted from now on: reads for the first time, and then again and again. */
  begin(): void
  /** Reads at once and says so, also when nothing has counted. Before anything is counted it is answered when it is. */
  ask(): void
  /** Resolves when it has said what was counted until now. */
  stop(): Promise<void>
}

export interface HitRoundsOptions {
  readonly host: string
  readonly read: () => Promise<readonly InterfaceHits[]>
  readonly say: (report: HitsReport) => void
  /** Whether anybody hears it: nothing is read while nobody does, so that what is counted meanwhile is said later. */
  readonly heard?: () => boolean
  /** Told of readings that failed. */
  readonly failed: (error: unknown) => void
  /** Resolves after so long, or when the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

const times = {
  /** From the end of a reading to the next one, milliseconds; from the beginning of one that is asked for to another. */
  pause: 10_000,
  asked: 200,
  /** Between two parts of what is said, milliseconds. */
  part: 5,
}
/** A reading that takes long pauses for so many times as long: 5 % of the time. */
const pauseFactor = 19
/** Counts in one message: whoever hears more at once answers nobody meanwhile. */
const perReport = 500

export function createHitRounds({
  host,
  read,
  say,
  heard = () => true,
  failed,
  sleep,
  now = () => performance.now(),
}: HitRoundsOptions): HitRounds {
  let asked = false
  let running: Promise<void> | undefined
  const stopping = new AbortController()
  let wake = new AbortController()

  async function round(): Promise<void> {
    // Who asks meanwhile asks for what is counted until then.
    const answers = asked
    asked = false
    if (!heard()) return
    const interfaces = await read()
    const at = Date.now()
    if (interfaces.length === 0 && !answers) return
    const parts = partsOf(interfaces)
    for (const [n, part] of parts.entries()) {
      if (n > 0) await sleep(times.part, stopping.signal)
      say({ host, at, asked: answers && n === parts.length - 1, interfaces: part })
    }
  }

  async function tryRound(): Promise<void> {
    try {
      await round()
    } catch (error) {
      failed(error)
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const began = now()
      await tryRound()
      const ended = now()
      wake = new AbortController()
      const signal = AbortSignal.any([wake.signal, stopping.signal])
      if (!asked) await sleep(Math.max(times.pause, (ended - began) * pauseFactor), signal)
      const early = began + times.asked - now()
      if (early > 0) await sleep(early, stopping.signal)
    }
    await tryRound()
  }

  return {
    begin() {
      running ??= run()
    },
    ask() {
      asked = true
      wake.abort()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Cut into lists of so many counts at most; one that is empty where there is nothing. */
function partsOf(interfaces: readonly InterfaceHits[]): readonly (readonly InterfaceHits[])[] {
  const parts: InterfaceHits[][] = [[]]
  let room = perReport
  for (const { ingress, egress, ...rest } of interfaces) {
    let [inAt, outAt] = [0, 0]
    do {
      if (room <= 0) {
        parts.push([])
        room = perReport
      }
      const take = (from: readonly Count[], at: number) => from.slice(at, at + room)
      const first = take(ingress, inAt)
      inAt += first.length
      // What it costs beside its counts.
      room -= first.length + 1
      const second = room > 0 ? take(egress, outAt) : []
      outAt += second.length
      room -= second.length
      parts.at(-1)?.push({ ...rest, ingress: first, egress: second })
    } while (inAt < ingress.length || outAt < egress.length)
  }
  return parts
}
