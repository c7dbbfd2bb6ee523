/** What can be done to a server: actions, and volumes that come and go (contract: scaleway-more §5, §6). */
import { ok } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { endServer, hindered, onServer, unprotected } from './change-server.ts'
import { decodeAction, maxVolumes, type PerformedAction, type WantedVolume } from './decode-server.ts'
import { decodeVolumeRequest } from './decode-volume.ts'
import { json } from './encode.ts'
import { actionsOf, encodeTask, serverAttributes, stateOf, statesFor } from './encode-server.ts'
import { invalid, notServed } from './errors.ts'
import { type Found, findServer, profile, zonedRoutesOf } from './find.ts'
import { planDynamicIp, type TakeAddress, takingOnce } from './ips.ts'
import { renderServer } from './render.ts'
import { alreadyAttached, changeSlots } from './volumes.ts'
import type { Slots } from './wire.ts'

/** Where lists are read that are always empty: nothing of the kind can be made, and 405 would blame the verb. */
const unserved = {
  method: 'POST',
  success: 404,
  summary: 'Not served: private networks',
  handle: async (request: DialectRequest) => notServed('POST', request.path),
} as const

const actions = zonedRoutesOf([
  {
    method: 'GET',
    path: '/servers/:id/action',
    operation: 'listServerActions',
    success: 200,
    summary: 'What can be done to it',
    handle: async (request, zone) => {
      const found = await findServer(request, zone)
      return found.ok ? ok({ status: 200, body: { actions: actionsOf(found.value) } }) : found
    },
  },

  {
    method: 'POST',
    path: '/servers/:id/action',
    operation: 'actOnServer',
    success: 202,
    summary: 'Start, stop, reboot, terminate',
    handle: async (request, zone) => {
      const action = decodeAction(request.body)
      if (!action.ok) return action
      const take = takingOnce(request, zone)
      return onServer(request, zone, async (view): Found<Answer> => {
        const done = await act(request, view, action.value, take)
        if (!done.ok) return done
        return ok({ status: 202, body: { task: encodeTask(view.server.id, zone, request.now) } })
      })
    },
  },

  {
    method: 'POST',
    path: '/servers/:id/attach-volume',
    operation: 'attachVolume',
    success: 200,
    summary: 'Attach a volume',
    handle: async (request, zone) => {
      const wanted = decodeVolumeRequest(request.body)
      if (!wanted.ok) return wanted
      return onServer(request, zone, async (view) => {
        const { volumes = {} } = serverAttributes(view)
        const { id } = wanted.value
        if (Object.values(volumes).some((volume) => volume.id === id))
          return refuseVolume(alreadyAttached(id))
        const slot = String(Array.from({ length: 100 }, (_, n) => n).find((n) => !volumes[n]))
        const added = { ...blank, ...wanted.value, slot, argument: 'volume_id' }
        return setSlots(request, view, [...stay(volumes), added])
      })
    },
  },

  {
    method: 'POST',
    path: '/servers/:id/detach-volume',
    operation: 'detachVolume',
    success: 200,
    summary: 'Detach a volume',
    handle: async (request, zone) => {
      const wanted = decodeVolumeRequest(request.body)
      if (!wanted.ok) return wanted
      return onServer(request, zone, async (view) => {
        const all = stay(serverAttributes(view).volumes ?? {})
        const { id } = wanted.value
        const others = all.filter((each) => each.id !== id)
        if (others.length === all.length) {
          const help = `Volume ${id} is not attached to this server`
          return invalid([{ argument: 'volume_id', reason: 'constraint', help }])
        }
        return setSlots(request, view, others)
      })
    },
  },

  { ...unserved, path: '/servers/:id/private_nics', operation: 'createPrivateNic' },
])

const privateNetworkActions = zonedRoutesOf(
  [{ ...unserved, path: '/private-network-interfaces', operation: 'createPrivateNetworkInterface' }],
  '/instance/v2alpha1',
)

export const actionRoutes: readonly Route[] = [...actions, ...privateNetworkActions]

const refuseVolume = (help: string) => invalid([{ argument: 'volume_id', reason: 'constraint', help }])

const blank = { size: undefined, name: undefined, snapshot: undefined }

const stay = (volumes: Slots): readonly WantedVolume[] =>
  Object.entries(volumes).map(([slot, { id, boot }]) => ({
    ...{ ...blank, argument: 'volume_id', slot, id, boot, type: undefined },
  }))

async function setSlots(
  request: DialectRequest,
  view: ServerView,
  wanted: readonly WantedVolume[],
): Found<Answer> {
  const { server } = view
  if (wanted.length > maxVolumes) {
    return refuseVolume(`at most ${maxVolumes} volumes`)
  }
  const { project, volumes = {} } = serverAttributes(view)
  const owner = { server: server.id, name: server.name, zone: server.zone, project }
  const slots = await changeSlots(request, owner, volumes, wanted)
  if (!slots.ok) return slots
  const done = await request.services.servers.update(request, profile, server.id, {
    attributes: { volumes: json(slots.value.volumes), modifiedAt: request.now },
    documents: { put: slots.value.documents },
    ifRevision: server.revision,
  })
  return done.ok ? ok(await renderServer(request, 200, done.value)) : done
}

/** What a server is at once, and what it then becomes. */
const transitions: Readonly<
  Record<Exclude<PerformedAction, 'terminate'>, { readonly now: string; readonly next: string }>
> = {
  poweron: { now: 'starting', next: 'running' },
  poweroff: { now: 'stopping', next: 'stopped' },
  stop_in_place: { now: 'stopping', next: 'stopped in place' },
  reboot: { now: 'starting', next: 'running' },
}

async function act(
  request: DialectRequest,
  view: ServerView,
  action: PerformedAction,
  take: TakeAddress,
): Found<void> {
  const { services } = request
  const { server } = view
  const requireStates = statesFor(action)
  const help = (now: ServerView) => `the server is ${stateOf(now)}: it cannot be asked for ${action}`
  if (action === 'terminate') {
    const ended = await endServer(request, view, { requireStates }, 'delete')
    return ended.ok ? ended : hindered(request, server.zone, ended, help)
  }
  const { now, next } = transitions[action]
  const required = serverAttributes(view).dynamic_ip_required === true
  const dynamicIp = requireStates.includes(server.state)
    ? await planDynamicIp(take, view, { powered: action !== 'poweroff', required })
    : undefined
  if (dynamicIp && !dynamicIp.ok) return dynamicIp
  const done = await services.servers.update(request, profile, server.id, {
    requireStates,
    ...(action === 'poweroff' && { refuseAttributes: unprotected }),
    state: { now, next: { state: next, afterMs: services.settings.transitionMs } },
    attributes: { ...dynamicIp?.value.attributes, modifiedAt: request.now },
    ...(dynamicIp && { addresses: { interfaces: dynamicIp.value.interfaces }, ifRevision: server.revision }),
  })
  return done.ok ? ok(undefined) : hindered(request, server.zone, done, help)
}
