/** Servers with what their answers tell beside them: group, organization, local volumes. */
import type { JsonObject } from '../../core/json.ts'
import type { ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { encodeServer, serverAttributes } from './encode-server.ts'
import { ipOf, profile, projectsOf, type VolumeRecord, volumeById, volumeOf } from './find.ts'
import { ipsOf } from './ips.ts'

const noGroup: JsonObject = { id: '', name: '' }

const localIds = (view: ServerView): readonly string[] =>
  Object.values(serverAttributes(view).volumes ?? {}).flatMap(({ id, volume_type }) =>
    volume_type === 'sbs_volume' ? [] : id,
  )

export async function renderServer(
  request: DialectRequest,
  status: number,
  view: ServerView,
): Promise<Answer> {
  const { groups } = request.services
  const [member] = await groups.members(request, profile, { server: view.server.id })
  const group = member && (await groups.find(request, profile, member.policy))
  const { organization } = await projectsOf(request)
  const localVolumes = new Map<string, VolumeRecord>()
  for (const id of localIds(view)) {
    const volume = await volumeById(request, view.server.zone, id)
    if (volume) localVolumes.set(id, volume)
  }
  const ips = await ipsOf(request, view)
  const catalogue = catalogueOf(request)
  const named = group?.ok ? { id: group.value.id, name: group.value.name } : noGroup
  return {
    status,
    body: { server: encodeServer(view, { organization, group: named, localVolumes, ips, catalogue }) },
  }
}

/** Servers of one zone, each of them read with few queries for all. */
export async function renderServers(
  request: DialectRequest,
  zone: string,
  organization: string,
  views: readonly ServerView[],
): Promise<readonly JsonObject[]> {
  const { services } = request
  const names = new Map(
    (await services.groups.list(request, profile, zone)).map(({ id, name }) => [id, name]),
  )
  const groups = new Map(
    (await services.groups.members(request, profile)).map(({ server, policy }) => [server, policy]),
  )
  const volumes = views.some((view) => localIds(view).length > 0)
    ? await services.documents.list(request, profile, 'volume')
    : []
  const localVolumes = new Map(
    volumes.filter(({ body }) => body.type !== 'sbs_volume').map((each) => [each.id, volumeOf(each)]),
  )
  const addresses = views.some((view) => serverAttributes(view).ips?.length)
    ? await services.documents.list(request, profile, 'ip')
    : []
  const ips = new Map(addresses.map((each) => [each.id, ipOf(each)]))
  const catalogue = catalogueOf(request)
  return views.map((view) => {
    const id = groups.get(view.server.id)
    const group = id === undefined ? noGroup : { id, name: names.get(id) ?? '' }
    return encodeServer(view, { organization, group, localVolumes, ips, catalogue })
  })
}
