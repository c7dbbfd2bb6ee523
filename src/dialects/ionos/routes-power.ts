/** Power of servers: a state that is stored, because no guest is started or stopped here (contract: ionos-more §6). */
import { err, ok } from '../../core/result.ts'
import { changeInZone } from './change.ts'
import { impossible } from './errors.ts'
import { type CallEndpoint, finding, findServer, type Handled, type InServer, routesOf } from './find.ts'
import { withoutRevision } from './records.ts'
import { capitalised } from './render.ts'
import type { Call } from './resources.ts'

interface Action {
  /** The model's state afterwards. */
  readonly state: string
  /** Types of servers that have the action; absent: all. */
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

export const powerRoutes = routesOf(
  Object.entries(actions).map(
    ([name, action]): CallEndpoint => ({
      method: 'POST',
      path: `/datacenters/:datacenterId/servers/:serverId/${name}`,
      operation: `${name}Server`,
      success: 202,
      summary: `${capitalised(name)} a server: its state is kept, its rules stay`,
      handle: finding(findServer, (call, found) => setPower(call, found, name, action)),
    }),
  ),
)

function setPower(call: Call, { zone, server }: InServer, name: string, { state, of }: Action): Handled {
  const targets = [call.resources.server(server)]
  return changeInZone(call, zone.id, 'POST', async ({ loader }) => {
    const there = await loader.server(zone.id, server.id)
    if (!there.ok) return there
    const old = withoutRevision(there.value)
    const { type = 'ENTERPRISE' } = old.attributes
    if (of && !of.includes(String(type)))
      return err(impossible(`servers of type ${type} do not ${name}: it is for ${of.join(' and ')}`))
    const event = {
      ...({ operation: `server.${name}`, resource: 'server', id: old.id } as const),
      ...{ before: { state: old.state }, after: { state } },
    }
    const change = old.state === state ? null : { servers: { put: [{ ...old, state }] }, event }
    // No rule depends on it, so no host is waited for.
    return ok({ change, targets, affects: {} })
  })
}
