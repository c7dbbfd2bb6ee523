import { familyBits, formatAddress, parseAddress } from '../../core/net/address.ts'
import { ok, type Result } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import type { DocumentRecord, PolicyRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { type Endpoint, routesSpelledBy } from '../route.ts'
import { catalogueOf } from './catalogue.ts'
import { attributesOf, type GroupContext } from './encode.ts'
import { errorAnswer, type Failure, forbidden, invalid, notFound, uuidPattern } from './errors.ts'
import { decodePage, type Page } from './pages.ts'
import type { IpAttributes, VolumeAttributes } from './wire.ts'

export const profile = 'scaleway'

export type Found<T> = Promise<Result<T, Failure>>
export type Handled = Found<Answer>

export const routesOf = routesSpelledBy((failure: Failure, request) =>
  failure.kind === 'refusal' ? failure.answer : errorAnswer(failure, request),
)

/** Routes of a product below a zone, which must be one there is; paths of the table begin after the zone. */
export const zonedRoutesOf = (
  endpoints: readonly Endpoint<Failure, [request: DialectRequest, zone: string]>[],
  product = '/instance/v1',
): readonly Route[] =>
  routesOf(
    endpoints.map(({ path, handle, ...endpoint }) => ({
      ...endpoint,
      path: `${product}/zones/:zone${path}`,
      handle: async (request) => {
        const { zone = '' } = request.params
        return catalogueOf(request).zones.includes(zone) ? handle(request, zone) : notFound('zone', zone)
      },
    })),
  )

/** What is written below a group's path: writers of one wait for each other. */
export const subject = ({ params }: DialectRequest): string => (params.id ?? '').toLowerCase()

/** Where the client finds what it has made; paths are taken with a slash at the end, too. */
export const locationOf = ({ baseUrl, path }: DialectRequest, id: string): string =>
  `${baseUrl}${path.replace(/\/$/, '')}/${id}`

/** A write that needs the project to be there still, and that keeps it from being deleted as empty. */
export const inProject = (request: DialectRequest, id: string): DialectRequest => ({
  ...request,
  within: { kind: 'project', id },
})

/** What a write in a project came to that was deleted in the meantime. */
export const projectGone = (failed: Result<never, Failure>): Result<never, Failure> =>
  !failed.ok && failed.error.kind === 'not-found' && failed.error.resource === 'document'
    ? forbidden('project', 'read')
    : failed

/** The real service keeps the media type on answers without a body. */
export const noContent: Answer = { status: 204, headers: { 'content-type': 'application/json' } }

export interface Projects {
  readonly all: readonly DocumentRecord[]
  /** The account's first one: its id is the organization's too. */
  readonly organization: string
  /** Of the key, where it names one. */
  readonly own: string
}

/** The account's projects, oldest first; its keys reach all of them. */
export async function projectsOf(request: DialectRequest): Promise<Projects> {
  const { account, credential } = request.principal
  const documents = await request.services.documents.list(request, profile, 'project')
  const all = documents.toSorted((a, b) => Number(a.body.createdAt) - Number(b.body.createdAt))
  const organization = all[0]?.id ?? account
  const { project } = credential.attributes
  return { all, organization, own: typeof project === 'string' ? project : organization }
}

/** The project that is named, by itself or as its organization's, or the key's own. */
export function chooseProject(
  projects: Projects,
  { project, organization }: { project?: string | undefined; organization?: string | undefined },
): Result<string, Failure> {
  const chosen = project ?? organization ?? projects.own
  const reached = projects.all.some(({ id }) => id === chosen)
  const owned = organization === undefined || organization === projects.organization
  return reached && owned ? ok(chosen) : forbidden('project', 'read')
}

export interface Listing {
  readonly page: Page
  readonly projects: Projects
  /** Whether something of that project, with these tags, is asked for. */
  wants(project: string, tags: readonly string[]): boolean
}

/** What lists of groups and of servers are asked for alike; a project that is not reached is refused. */
export async function decodeListing(request: DialectRequest): Found<Listing> {
  const { query } = request
  const page = decodePage(query)
  if (!page.ok) return page
  const projects = await projectsOf(request)
  const [project, organization] = ['project', 'organization'].map(
    (key) => query.get(key)?.toLowerCase() || undefined,
  )
  for (const [argument, value] of Object.entries({ project, organization })) {
    if (value !== undefined && !uuidPattern.test(value)) {
      return invalid([{ argument, reason: 'format', help: 'expected a UUID' }])
    }
  }
  if (project !== undefined || organization !== undefined) {
    const reached = chooseProject(projects, { project, organization })
    if (!reached.ok) return reached
  }
  // One parameter, joined by commas: exactly these tags, all of them.
  const tags = (query.get('tags') ?? '').split(',').filter((tag) => tag !== '')
  return ok({
    page: page.value,
    projects,
    wants: (own, has) => (project === undefined || own === project) && tags.every((tag) => has.includes(tag)),
  })
}

/** By the id in the path; in another zone it is not there. */
export async function findGroup(
  request: DialectRequest,
  zone: string,
  id = request.params.id ?? '',
): Found<PolicyRecord> {
  const found = await request.services.groups.find(request, profile, id.toLowerCase())
  return found.ok && found.value.zone === zone ? found : notFound('instance_security_group', id)
}

/** A group that a server of the project can be attached to. */
export async function groupFor(
  request: DialectRequest,
  zone: string,
  project: string,
  id: string,
): Found<PolicyRecord> {
  const group = await findGroup(request, zone, id)
  if (!group.ok || attributesOf(group.value).project === project) return group
  return notFound('instance_security_group', id)
}

export async function groupContext(request: DialectRequest, policy: string): Promise<GroupContext> {
  const { groups } = request.services
  const [{ organization }, members, unapplied] = await Promise.all([
    projectsOf(request),
    groups.members(request, profile, { policy }),
    groups.unapplied(request, policy),
  ])
  return { organization, members, unapplied: unapplied.get(policy) }
}

export interface VolumeRecord extends DocumentRecord {
  readonly attributes: VolumeAttributes
}

export const volumeOf = (document: DocumentRecord): VolumeRecord => ({
  ...document,
  attributes: document.body as unknown as VolumeAttributes,
})

export const isBlock = ({ attributes }: VolumeRecord): boolean => attributes.type === 'sbs_volume'

export async function volumeById(
  request: DialectRequest,
  zone: string,
  id: string,
): Promise<VolumeRecord | undefined> {
  const found = await request.services.documents.get(request, profile, 'volume', id.toLowerCase())
  return found.ok && found.value.body.zone === zone ? volumeOf(found.value) : undefined
}

/** The server that has the volume. */
export async function userOf(
  request: DialectRequest,
  { attributes: { server } }: VolumeRecord,
): Promise<ServerView | undefined> {
  const found = server ? await request.services.servers.get(request, profile, server) : undefined
  return found?.ok ? found.value : undefined
}

export interface IpRecord extends DocumentRecord {
  readonly attributes: IpAttributes
}

export const ipOf = (document: DocumentRecord): IpRecord => ({
  ...document,
  attributes: document.body as unknown as IpAttributes,
})

export async function ipById(
  request: DialectRequest,
  zone: string,
  id: string,
): Promise<IpRecord | undefined> {
  const found = await request.services.documents.get(request, profile, 'ip', id.toLowerCase())
  return found.ok && found.value.body.zone === zone ? ipOf(found.value) : undefined
}

/** By id, or by the address itself. */
export async function findIp(request: DialectRequest, zone: string): Found<IpRecord> {
  const { id = '' } = request.params
  const address = parseAddress(id)
  if (!address.ok) {
    const found = await ipById(request, zone, id)
    return found ? ok(found) : notFound('instance_ip', id)
  }
  const { family, value } = address.value
  const text = formatAddress(family, value)
  const all = await request.services.documents.list(request, profile, 'ip')
  const found = all.find(({ body }) => body.zone === zone && [body.address, body.host].includes(text))
  return found ? ok(ipOf(found)) : notFound('instance_ip', `${text}/${familyBits[family]}`)
}

/** The server of that id. */
export async function serverById(
  request: DialectRequest,
  zone: string,
  id: string,
): Promise<ServerView | undefined> {
  const found = await request.services.servers.get(request, profile, id.toLowerCase())
  return found.ok && found.value.server.zone === zone ? found.value : undefined
}

/** Whether an interface of the server has the address: an inventory may have ended the one it was attached to. */
export const hasIp = (
  { interfaces }: Pick<ServerView, 'interfaces'>,
  { attributes: { interface: nic, host } }: IpRecord,
): boolean => interfaces.some(({ id, addresses }) => id === nic && addresses.includes(host ?? ''))

/** The server that has the address. */
export async function holderOf(request: DialectRequest, ip: IpRecord): Promise<ServerView | undefined> {
  const { server, zone } = ip.attributes
  const view = server ? await serverById(request, zone, server) : undefined
  return view && hasIp(view, ip) ? view : undefined
}

export async function findServer(request: DialectRequest, zone: string): Found<ServerView> {
  const { id = '' } = request.params
  const found = await serverById(request, zone, id)
  return found ? ok(found) : notFound('instance_server', id)
}
