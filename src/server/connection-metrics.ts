/** What /metrics tells of tracked connections: sums of a host, and the interfaces that are near their limit or beyond it. */
import { Gauge, type Registry } from 'prom-client'
import type { Connections, PerDirection } from '../core/model/desired.ts'
import { type HostView, isPressed } from '../service/host-view.ts'

const directions = ['ingress', 'egress'] as const satisfies readonly (keyof PerDirection)[]

/** `hosts` is asked at every scrape. */
export function createConnectionMetrics(registry: Registry, hosts: () => readonly HostView[]): void {
  const gauge = (
    name: string,
    help: string,
    value: (
      connections: Pick<Connections, 'limit' | 'uses' | 'refusals'>,
      direction: keyof PerDirection,
    ) => number | undefined,
  ) => {
    new Gauge({
      name: `portcullis_connections${name}`,
      help: `${help}, of all limited interfaces; egress is begun by VMs`,
      labelNames: ['host', 'direction'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { words, tracked } of hosts()) {
          if (tracked.interfaces === 0) continue
          for (const direction of directions) {
            this.set({ host: words.host, direction }, value(tracked, direction) ?? 0)
          }
        }
      },
    })
    new Gauge({
      name: `portcullis_interface_connections${name}`,
      help: `${help}, of interfaces that are above half of their limit or have refused some`,
      labelNames: ['host', 'interface', 'device', 'direction'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { words, noteworthy } of hosts()) {
          for (const { id, device, connections } of noteworthy()) {
            if (!connections || !isPressed(connections)) continue
            for (const direction of directions) {
              const now = value(connections, direction)
              if (now !== undefined) this.set({ host: words.host, interface: id, device, direction }, now)
            }
          }
        }
      },
    })
  }
  gauge(
    '',
    'Tracked connections, half-open ones from outside left out',
    ({ uses }, direction) => uses?.[direction],
  )
  gauge('_limit', 'Tracked connections that there may be', ({ limit }) => limit)
  gauge(
    '_refused',
    'Connections refused because of the limit, since start',
    ({ refusals }, way) => refusals[way],
  )
}
