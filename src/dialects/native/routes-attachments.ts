/** What native policies are attached to, seen from the policy, and from a server or interface with their order. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Place, Places } from '../../storage/storage.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { encodePlace } from './encode-policy.ts'
import { bodyOf, creations, identifier, type Resource, removals, resources } from './endpoint.ts'
import { limits } from './limits.ts'
import { manifest } from './manifest.ts'
import { ownPolicy } from './own-policy.ts'
import {
  Attached,
  AttachedBody,
  Place as PlaceAnswer,
  PlaceBody,
  PlaceList,
  PlaceListBody,
} from './schemas-policies.ts'

const { profile } = manifest
const most = limits.policiesPerPlace

/** What is attached may be read of every profile. */
async function placesOf(request: DialectRequest): Promise<Result<Places, RequestError>> {
  const id = identifier(request, 'policy')
  return id.ok ? request.services.policies.places(request, id.value) : id
}

async function readPlaces(request: DialectRequest): Promise<Result<Resource, RequestError>> {
  const found = await placesOf(request)
  if (!found.ok) return found
  const { revision, members } = found.value
  return ok({ body: { attachments: members.map(encodePlace) }, revision })
}

async function readPlace(request: DialectRequest, place: Place): Promise<Result<Resource, RequestError>> {
  const found = await placesOf(request)
  if (!found.ok) return found
  const { revision, members } = found.value
  const member = members.find((each) => each.server === place.server && each.interface === place.interface)
  if (!member) return err({ kind: 'not-found', resource: 'server', id: place.server })
  return ok({ body: encodePlace(member), revision })
}

/** How a place stands in a path behind `attachments`. One whose id is half a character is not there, and has no path. */
const pathOf = ({ server, interface: nic }: Place): string =>
  [server, ...(nic === null ? [] : [nic])].map((id) => encodeURIComponent(id.toWellFormed())).join('/')
const placeIn = (path: string): Place => {
  const [server = '', nic] = path.split('/').map(decodeURIComponent)
  return { server, interface: nic ?? null }
}

const detaching: Parameters<typeof removals>[0][number]['handle'] = async (request, condition) => {
  const policy = await ownPolicy(request)
  if (!policy.ok) return policy
  const place = placeInParams(request, 'server')
  if (!place.ok) return place
  const to = { remove: place.value }
  return request.services.policies.attach(request, profile, policy.value, to, most, condition)
}

function placeInParams(request: DialectRequest, name: 'id' | 'server'): Result<Place, RequestError> {
  const server = identifier(request, 'server', name)
  if (!server.ok) return server
  if (request.params.interface === undefined) return ok({ server: server.value, interface: null })
  const nic = identifier(request, 'interface', 'interface')
  return nic.ok ? ok({ server: server.value, interface: nic.value }) : nic
}

const readAttached = async (request: DialectRequest): Promise<Result<Resource, RequestError>> => {
  const place = placeInParams(request, 'id')
  if (!place.ok) return place
  const found = await request.services.policies.attached(request, place.value)
  if (!found.ok) return found
  const { revision, policies } = found.value
  return ok({ body: { ...place.value, policies: policies.map((each) => ({ ...each })) }, revision })
}

const writeAttached: Parameters<typeof resources>[0][number]['handle'] = async (request, condition) => {
  const place = placeInParams(request, 'id')
  if (!place.ok) return place
  const body = bodyOf<AttachedBody>(request)
  if (!body.ok) return body
  const { policies } = request.services
  const there = await policies.attached(request, place.value)
  if (!there.ok) return there
  if (there.value.profile !== profile) {
    const reason = `Policies are attached to the server through the API of ${there.value.profile}.`
    return err({ kind: 'conflict', resource: 'server', reason })
  }
  const wanted = body.value.policies
  const done = await policies.attachTo(request, profile, place.value, wanted, most, condition)
  if (done.ok) return readAttached(request)
  const { error } = done
  if (error.kind !== 'not-found' || error.resource !== 'policy') return done
  return err({
    kind: 'invalid',
    field: `policies[${wanted.indexOf(error.id)}]`,
    reason: 'is no policy of the native profile',
  })
}

const servers = [
  ['', 'Server', 'to a server: to all its interfaces'],
  ['/interfaces/:interface', 'Interface', 'to one interface'],
] as const

export const attachmentRoutes: readonly Route[] = [
  ...resources([
    {
      method: 'GET',
      path: '/policies/:id/attachments',
      operation: 'listAttachments',
      summary: 'Servers and interfaces that a policy is attached to',
      operators: true,
      schema: { answer: PlaceList },
      handle: readPlaces,
    },
    {
      method: 'PUT',
      path: '/policies/:id/attachments',
      operation: 'replaceAttachments',
      summary:
        'Attach the policy to all of these and to nothing else; where it is new it goes behind the others',
      schema: { body: PlaceListBody, answer: PlaceList },
      handle: async (request, condition) => {
        const policy = await ownPolicy(request)
        if (!policy.ok) return policy
        const body = bodyOf<PlaceListBody>(request)
        if (!body.ok) return body
        const all = body.value.attachments.map(placeGiven)
        const done = await request.services.policies.attach(
          request,
          profile,
          policy.value,
          { all },
          most,
          condition,
        )
        return done.ok ? readPlaces(request) : misplaced(done.error, all)
      },
    },
  ]),
  ...creations([
    {
      path: '/policies/:id/attachments',
      operation: 'createAttachment',
      summary: 'Attach the policy to a server, or to one interface, behind what is attached there',
      schema: { body: PlaceBody, answer: PlaceAnswer },
      location: (id, { params }) => `/v1/policies/${params.id}/attachments/${id}`,
      read: (request, id) => readPlace(request, placeIn(id)),
      handle: async (request, once) => {
        const policy = await ownPolicy(request)
        if (!policy.ok) return policy
        const body = bodyOf<PlaceBody>(request)
        if (!body.ok) return body
        const place = placeGiven(body.value)
        const id = pathOf(place)
        const ctx = { ...request, ...once(id) }
        const done = await request.services.policies.attach(ctx, profile, policy.value, { add: place }, most)
        if (!done.ok) return misplaced(done.error, [place], '')
        const found = await readPlace(request, place)
        return found.ok ? ok({ id, ...found.value }) : found
      },
    },
  ]),
  ...removals([
    {
      path: '/policies/:id/attachments/:server',
      operation: 'deleteAttachment',
      summary: 'Take the policy off a server; what is attached to its interfaces stays',
      handle: detaching,
    },
    {
      path: '/policies/:id/attachments/:server/:interface',
      operation: 'deleteInterfaceAttachment',
      summary: 'Take the policy off one interface',
      handle: detaching,
    },
  ]),
  ...resources(
    servers.flatMap(([part, name, to]) => [
      {
        ...{ method: 'GET' as const, path: `/servers/:id${part}/policies`, operation: `list${name}Policies` },
        ...{ summary: `Policies attached ${to}, in order`, operators: true as const },
        ...{ schema: { answer: Attached }, handle: readAttached },
      },
      {
        ...{
          method: 'PUT' as const,
          path: `/servers/:id${part}/policies`,
          operation: `replace${name}Policies`,
        },
        summary: `Attach these policies ${to}, in order and in place of others`,
        ...{ schema: { body: AttachedBody, answer: Attached }, handle: writeAttached },
      },
    ]),
  ),
]

const placeGiven = ({ server, interface: nic = null }: PlaceBody): Place => ({ server, interface: nic })

/** What a body names and is not there is a fault of the body, not of the path. */
function misplaced(
  error: RequestError,
  places: readonly Place[],
  list = 'attachments',
): Result<never, RequestError> {
  if (error.kind !== 'not-found' || (error.resource !== 'server' && error.resource !== 'interface'))
    return err(error)
  const { resource, id } = error
  const index = places.findIndex((each) => each[resource] === id)
  const field = list === '' ? resource : `${list}[${index}].${resource}`
  return err({ kind: 'invalid', field, reason: `is no ${resource} of the native profile` })
}
