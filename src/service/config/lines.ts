/** On which line of a configuration file a place is that a complaint names: `rules[2].match.pool`. */
import { EVENT_ID, type Event, getScalarValue, parseEvents } from 'js-yaml'

/** From 1 on; that of the nearest thing around it where the place is not there. The text must be one that can be read. */
export function lineOf(text: string, place: string): number {
  const wanted = place.replaceAll(/\[(\d+)\]/g, '.$1').split('.')
  let [found, depth] = [0, 0]
  /** The collections that the walk is in: how many of its members have begun, and the key of the one that it is at. */
  const within: { readonly keyed: boolean; members: number; key: string | undefined }[] = []
  for (const event of parseEvents(text, {})) {
    if (event.type === EVENT_ID.POP) {
      within.pop()
      continue
    }
    if (event.type === EVENT_ID.DOCUMENT) {
      within.push({ keyed: false, members: 0, key: undefined })
      continue
    }
    const parent = within.at(-1)
    if (!parent) continue
    const isKey = parent.keyed && parent.members++ % 2 === 0
    if (isKey) parent.key = event.type === EVENT_ID.SCALAR ? getScalarValue(text, event) : undefined
    else if (!parent.keyed) parent.key = String(parent.members++)
    // The document itself is at no key.
    const path = within.slice(1).map(({ key }) => key)
    const begin = startOf(event)
    if (begin >= 0 && path.length > depth && path.every((key, at) => key === wanted[at])) {
      depth = path.length
      found = begin
    }
    if (event.type === EVENT_ID.MAPPING) within.push({ keyed: true, members: 0, key: undefined })
    if (event.type === EVENT_ID.SEQUENCE) within.push({ keyed: false, members: 0, key: undefined })
  }
  return text.slice(0, found).split('\n').length
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart
  return 'start' in event ? event.start : -1
}
