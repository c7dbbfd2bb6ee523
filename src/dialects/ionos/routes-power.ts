/** Power of servers: a word that is kept, since no guest is started or stopped here (contract: ionos-more §6). */
import { err, ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { type Call, capitalised, gone, type Handled, mutation, route } from './call.ts'
import { impossible } from './errors.ts'
import { findServer } from './find.ts'
import { createWorld, profile } from './world.ts'

interface Action {
  /** The model's state afterwards. */
  readonly state: string
  /** Types of servers that it is for; absent: all. */
  readonly of?: readonly string[]
}

const own = ['ENTERPRISE', 'VCPU']
const actions: Readonly<Record<string, Action>> = {
  start: { state: 'started', of: own },
  stop: { state: 'stopped', of: own },
  reboot: { state: 'started' },
  suspend: { state: 'suspended', of: ['CUBE'] },
  resume: { state: 'started', of: ['CUBE'] },
}

export const powerRoutes: readonly Route[] = Object.entries(actions).map(([name, action]) =>
  route(
    'POST',
    `/datacenters/:datacenterId/servers/:serverId/${name}`,
    `${name}Server`,
    202,
    `${capitalised(name)} a server: its state is kept, its rules stay`,
    (call) => setPower(call, name, action),
  ),
)

async function setPower(call: Call, name: string, { state, of }: Action): Handled {
  const found = await findServer(call)
  if (!found.ok) return found
  const { zone, server } = found.value
  const change = mutation(call, zone.id, 'POST')
  const node = call.world.serverNode(server)
  const done = await call.request.services.zones.change(change.context, profile, zone.id, async () => {
    const there = await createWorld(call.request).server(zone.id, server.id)
    if (!there.ok) return there
    const { revision: _, ...old } = there.value
    const { type = 'ENTERPRISE' } = old.attributes
    if (of && !of.includes(String(type)))
      return err(impossible(`servers of type ${type} do not ${name}: it is for ${of.join(' and ')}`))
    // It bears on no rule, so no host is waited for.
    const request = change.log([node], {})
    if (old.state === state) return ok({ change: null, request })
    const event = {
      ...({ operation: `server.${name}`, resource: 'server', id: old.id } as const),
      ...{ before: { state: old.state }, after: { state } },
    }
    return ok({ change: { servers: { put: [{ ...old, state }] }, event }, request })
  })
  return done.ok ? gone(change) : done
}
