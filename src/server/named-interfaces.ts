/** Interfaces that have series of their own: so few that a scrape stays cheap, whatever goes wrong on a large host. */
import type { InterfaceStatus } from '../core/model/desired.ts'
import type { HostView } from '../service/host-view.ts'

/** Of one host, in one metric. */
const mostNamed = 1000

export const namedNote = 'Of each host, 1,000 interfaces at most.'

export interface NamedInterface {
  readonly labels: { readonly host: string; readonly interface: string; readonly device: string }
  readonly status: InterfaceStatus
}

export function* namedInterfaces(
  hosts: readonly HostView[],
  wanted: (status: InterfaceStatus) => boolean,
): Iterable<NamedInterface> {
  for (const { words, noteworthy } of hosts) {
    let left = mostNamed
    for (const status of noteworthy()) {
      if (!wanted(status)) continue
      if (left-- === 0) break
      yield { labels: { host: words.host, interface: status.id, device: status.device }, status }
    }
  }
}
