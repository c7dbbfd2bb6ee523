/** Base chains, and the maps by which they lead the packets of devices: in a table that is changed in place. */
import { headers6, ipTypes, memories, unansweredCount } from './bridge.ts'
import type { Elements, LiveTable } from './live-table.ts'
import { observedOf, unansweredOf } from './names.ts'
import { answering, bridged, deviceOf, hangsAt, hooks, routed } from './places.ts'
import { matchText, type Place } from './render.ts'
import type { Hook } from './ruleset.ts'
import type { RenderedTable } from './table.ts'

const mapOf = (hook: Hook) => `${hook}-devices`
/** What is asked first about packets that this host itself sends to a VM. */
const linkMap = 'link-to-vm-devices'
const framesMap = (hook: Hook) => `${hook}-frames`
const receivers = 'receivers'

type PerHook = Readonly<Record<Hook, Elements>>

/** By index of the device, but for `receivers`. */
export interface Entries {
  readonly devices: PerHook
  readonly observed: PerHook
  /** Only where packets are routed. */
  readonly link: Elements
  /** Only in a bridge: frames that are no IP packets, and MACs of VMs that reject. */
  readonly frames: PerHook
  readonly receivers: Elements
  /** After changes: what need not be there is there only while it holds something. */
  settle(): void
}

export function createEntries(live: LiveTable, place: Place): Entries {
  const map = (name: string, key = 'iface_index') => live.elements(name, 'map', `type ${key} : verdict`)
  const perHook = (make: (hook: Hook) => Elements): PerHook => ({
    'from-vm': make('from-vm'),
    'to-vm': make('to-vm'),
  })
  const devices = perHook((hook) => map(mapOf(hook)))
  const observed = perHook((hook) => live.elements(observedOf(hook), 'set', 'type iface_index\ncounter'))
  const link = map(linkMap)
  const frames = perHook((hook) => map(framesMap(hook)))
  const answers = map(receivers, 'ether_addr')

  const always = [...(place === 'inet' ? [link] : Object.values(frames)), ...Object.values(devices)]
  for (const each of always) each.stand(true)
  for (const [name, text] of place === 'inet' ? chainsWhereRouted() : chainsInBridge())
    live.setChain(name, text)
  if (place === 'bridge') {
    live.setSet('headers6', {
      ...{ kind: 'set', type: headers6.type },
      elements: new Map(headers6.elements.map((each) => [each, ''])),
    })
    for (const hook of hooks)
      live.setSet(unansweredOf(hook), { kind: 'set', type: unansweredCount, elements: new Map() })
    for (const [name, type] of memories) live.setSet(name, { kind: 'set', type, elements: new Map() })
  }

  return {
    ...{ devices, observed, link, frames, receivers: answers },
    settle() {
      for (const each of Object.values(observed)) each.stand(each.elements.size > 0)
      const rejects = answers.elements.size > 0
      answers.stand(rejects)
      live.setChain(
        answering.name,
        rejects ? `${hangsAt(answering)}\n${isIp()} ether daddr vmap @${receivers}` : undefined,
      )
    },
  }
}

const chainsWhereRouted = () =>
  routed.map((place): [string, string] => {
    const maps = [...(place.hook === 'output' ? [linkMap] : []), mapOf(place.from)]
    return [
      place.name,
      [hangsAt(place), ...maps.map((each) => `${deviceOf[place.from]} vmap @${each}`)].join('\n'),
    ]
  })

const isIp = () => matchText({ kind: 'ether-type', types: ipTypes }, 'bridge')
const chainsInBridge = () =>
  bridged.map(({ from, ...place }): [string, string] => {
    const device = deviceOf[from]
    const asked = [`${isIp()} ${device} vmap @${mapOf(from)}`, `${device} vmap @${framesMap(from)}`]
    return [place.name, [hangsAt(place), ...asked].join('\n')]
  })

/** Indexes of the devices that a table of ours, read back, judges. */
export function judges({ sets }: RenderedTable): ReadonlySet<number> {
  const names = hooks.map(mapOf)
  return new Set(names.flatMap((name) => [...(sets.get(name)?.elements.keys() ?? [])]).map(Number))
}
