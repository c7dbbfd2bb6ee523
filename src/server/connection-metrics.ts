/** What /metrics tells of tracked connections: sums of a host, and the interfaces that are near their limit or beyond it. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Connections, PerDirection } from '../core/model/desired.ts'
import { type HostView, isPressed } from '../service/host-view.ts'
import { namedInterfaces, namedNote } from './named-interfaces.ts'

const directions = ['ingress', 'egress'] as const satisfies readonly (keyof PerDirection)[]

type Tracked = Pick<Connections, 'limit' | 'uses' | 'refusals'>
type Value = (of: Tracked, direction: keyof PerDirection) => number | undefined

/** `hosts` is asked at every scrape. */
export function createConnectionMetrics(registry: Registry, hosts: () => readonly HostView[]): void {
  const registers = [registry]
  const both = (kind: typeof Gauge | typeof Counter, name: string, help: string, value: Value) => {
    new kind({
      name: `portcullis_connections${name}`,
      help: `${help}, of all limited interfaces of the host; egress is begun by VMs.`,
      labelNames: ['host', 'direction'],
      registers,
      collect() {
        this.reset()
        for (const { words, tracked } of hosts()) {
          if (tracked.interfaces === 0) continue
          for (const direction of directions) {
            this.inc({ host: words.host, direction }, value(tracked, direction) ?? 0)
          }
        }
      },
    })
    new kind({
      name: `portcullis_interface_connections${name}`,
      help: `${help}, of an interface that is above half of its limit or has refused some. ${namedNote}`,
      labelNames: ['host', 'interface', 'device', 'direction'],
      registers,
      collect() {
        this.reset()
        for (const { labels, status } of namedInterfaces(hosts(), isUnderPressure)) {
          for (const direction of directions) {
            const now = status.connections && value(status.connections, direction)
            if (now !== undefined) this.inc({ ...labels, direction }, now)
          }
        }
      },
    })
  }
  both(
    Gauge,
    '',
    'Tracked connections, half-open ones from outside left out',
    ({ uses }, direction) => uses?.[direction],
  )
  both(Gauge, '_limit', 'Tracked connections that there may be', ({ limit }) => limit)
  both(
    Counter,
    '_refused_total',
    'Connections refused because of the limit since the agent started',
    ({ refusals }, direction) => refusals[direction],
  )
}

const isUnderPressure = ({ connections }: { readonly connections?: Connections }): boolean =>
  connections !== undefined && isPressed(connections)
