/** Reads server-sent events as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

export interface ServerEvent {
  readonly event: string
  readonly data: string
  /** The last id that was given; empty: none. */
  readonly id: string
}

/** Milliseconds without a byte, of which heartbeats come every 15 s, after which nobody is taken to be there. */
const silentMs = 45_000

/** Ends when the answer does, or when nothing has come for long. Rejects when the connection breaks. */
export async function* eventsOf({ body }: Response): AsyncGenerator<ServerEvent> {
  if (!body) return
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  const read = async () => {
    const timer = setTimeout(() => void reader.cancel().catch(() => {}), silentMs)
    return reader.read().finally(() => clearTimeout(timer))
  }
  let rest = ''
  let [event, data, id]: [string, string[], string] = ['', [], '']
  try {
    for (let piece = await read(); !piece.done; piece = await read()) {
      // A line break may be two characters, of which the second is yet to come.
      const lines = (rest + piece.value).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
        if (line === '') {
          if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id }
          ;[event, data] = ['', []]
        } else if (field === 'event') event = value ?? ''
        else if (field === 'data') data.push(value ?? '')
        else if (field === 'id') id = value ?? ''
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
