/** What /metrics tells of tracked connections: sums of a host, and the interfaces that are near their limit or beyond it. */
import { Gauge, type Registry } from 'prom-client'
import type { Connections, HostStatus, PerDirection } from '../core/model/desired.ts'

const directions = ['ingress', 'egress'] as const satisfies readonly (keyof PerDirection)[]

/** From this part of its limit on an interface has series of its own: a host of thousands would have too many. */
const nearLimit = 0.5

/** `hosts` is asked at every scrape. */
export function createConnectionMetrics(registry: Registry, hosts: () => readonly HostStatus[]): void {
  const gauge = (
    name: string,
    help: string,
    value: (connections: Connections, direction: keyof PerDirection) => number | undefined,
  ) => {
    new Gauge({
      name: `portcullis_connections${name}`,
      help: `${help}, of all limited interfaces; egress is begun by VMs`,
      labelNames: ['host', 'direction'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { host, interfaces } of hosts()) {
          for (const direction of directions) {
            for (const { connections } of interfaces) {
              if (connections) this.inc({ host, direction }, value(connections, direction) ?? 0)
            }
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
        for (const { host, interfaces } of hosts()) {
          for (const { id, device, connections } of interfaces) {
            if (!connections || !isNoteworthy(connections)) continue
            for (const direction of directions) {
              const now = value(connections, direction)
              if (now !== undefined) this.set({ host, interface: id, device, direction }, now)
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

const isNoteworthy = ({ limit, uses, refusals }: Connections): boolean =>
  directions.some((way) => refusals[way] > 0 || (uses?.[way] ?? 0) > limit * nearLimit)
