/** Decisions as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { JsonValue } from '../../core/json.ts'
import { type Context, isOperator } from '../../service/context.ts'
import type { DecisionFilter, DecisionService, NamedDecision } from '../../service/decisions.ts'
import { encodeDecision } from './encode-traffic.ts'
import { problem } from './errors.ts'

/** Milliseconds without an event, after which a comment says that the connection stands. */
const heartbeatMs = 15_000
/** Milliseconds that a client should wait before it comes again. */
const retryMs = 1000

/** What was told and is not sent yet. Whoever tells waits until it has been taken. */
interface Batch {
  readonly decisions: readonly NamedDecision[]
  readonly lost: number
  readonly taken: () => void
}

/** `since`: only those of this moment and later, milliseconds since 1970. */
export async function* decisionEvents(
  service: DecisionService,
  ctx: Context,
  filter: DecisionFilter & { readonly after?: string },
  since: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let next: Batch | undefined
  let wake = Promise.withResolvers<void>()
  const operator = isOperator(ctx.principal)
  const wakeUp = () => wake.resolve()
  signal.addEventListener('abort', wakeUp)
  const followed = await service.follow(ctx, filter, (decisions, lost) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    next = { decisions, lost, taken: resolve }
    wakeUp()
    return promise
  })
  try {
    // What the filter names may have gone since it was looked at.
    if (!followed.ok)
      return yield event({ event: 'error', data: problem(followed.error, ctx).body as JsonValue })
    yield `retry: ${retryMs}\n: following\n\n`
    while (!signal.aborted) {
      const batch = next
      next = undefined
      if (batch) {
        const { decisions, lost, taken } = batch
        const wanted = decisions.filter(({ at }) => at >= since).map((each) => decisionEvent(each, operator))
        yield [...(lost > 0 ? [event({ event: 'lost', data: { lost } })] : []), ...wanted].join('')
        taken()
        continue
      }
      wake = Promise.withResolvers()
      const beat = setTimeout(wakeUp, heartbeatMs)
      await wake.promise
      clearTimeout(beat)
      if (!next && !signal.aborted) yield ': still here\n\n'
    }
  } finally {
    signal.removeEventListener('abort', wakeUp)
    if (followed.ok) followed.value()
    next?.taken()
  }
}

const decisionEvent = (decision: NamedDecision, operator: boolean): string =>
  event({ event: 'decision', id: decision.id, data: encodeDecision(decision, operator) })

/** JSON has no line breaks but escaped ones. */
function event({ event, id, data }: { event: string; id?: string; data: JsonValue }): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
