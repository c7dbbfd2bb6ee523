/** Changes of volumes, and of the slots of servers with the volumes they attach and detach (contract: scaleway-more §5). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { ok } from '../../core/result.ts'
import { derivedId } from '../../service/derived-id.ts'
import type { ServerDocument } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import type { LocalImage } from './catalogue.ts'
import type { WantedVolume } from './decode-server.ts'
import type { VolumeChange } from './decode-volume.ts'
import { json } from './encode.ts'
import { invalid, notFound, precondition } from './errors.ts'
import { type Found, noContent, profile, userOf, type VolumeRecord, volumeById, volumeOf } from './find.ts'
import type { AttachedVolume, Slots, VolumeAttributes } from './wire.ts'

/** What an image takes. */
const rootBytes = 10_000_000_000

/** Where a server is that has slots. */
interface VolumeOwner {
  readonly server: string
  readonly name: string
  readonly zone: string
  readonly project: string
}

/** The slots as they will be, and the volumes to write with them. */
export interface SlotChange {
  readonly volumes: Slots
  readonly documents: readonly ServerDocument[]
}

/** The volume with a change, on condition that nobody else changes it first. */
export const changed = ({ id, revision, body }: VolumeRecord, change: Partial<VolumeAttributes>) => ({
  ...({ kind: 'volume', id, ifRevision: revision } as const),
  body: { ...body, ...json(change) },
})

/** Writes what differs; a volume does not shrink. */
export async function updateVolume(
  request: DialectRequest,
  volume: VolumeRecord,
  change: VolumeChange,
): Found<VolumeRecord> {
  const { size } = volume.attributes
  if (change.size !== undefined && change.size < size) {
    return invalid([{ argument: 'size', reason: 'constraint', help: `value must be at least ${size}` }])
  }
  if (isDeepStrictEqual({ ...volume.attributes, ...change }, volume.attributes)) return ok(volume)
  const { ifRevision, ...document } = changed(volume, { ...change, modifiedAt: request.now })
  const done = await request.services.documents.put(request, { ...document, profile }, { ifRevision })
  return done.ok ? ok(volumeOf({ ...volume, body: document.body })) : done
}

/** Deletes a volume that no server has. Whoever attaches it meanwhile writes it, and it is read again. */
export async function removeVolume(request: DialectRequest, volume: VolumeRecord): Found<Answer> {
  if (await userOf(request, volume)) {
    return precondition('resource_still_in_use', 'the volume is attached to a server')
  }
  const { id, revision } = volume
  const done = await request.services.documents.remove(request, profile, 'volume', id, {
    ifRevision: revision,
  })
  return done.ok ? ok(noContent) : done
}

export const detached = (volume: VolumeRecord, now: number): ServerDocument =>
  changed(volume, { server: null, detachedAt: now })

/** Puts exactly these volumes into the slots; those that have none of them any more are detached. */
export async function changeSlots(
  request: DialectRequest,
  owner: VolumeOwner,
  old: Slots,
  wanted: readonly WantedVolume[],
  image?: LocalImage,
): Found<SlotChange> {
  const documents: ServerDocument[] = []
  const slots: Record<string, AttachedVolume> = {}
  const kept = new Set<string>()
  for (const each of wanted) {
    const had = Object.values(old).find(({ id }) => id === each.id)
    if (had) slots[each.slot] = { ...had, boot: each.boot }
    else if (each.id === undefined) {
      const made = newVolume(request.now, owner, each, image)
      documents.push(made.document)
      slots[each.slot] = made.slot
    } else {
      const volume = await freeVolume(request, owner, each)
      if (!volume.ok) return volume
      documents.push(changed(volume.value, { server: owner.server, attachedAt: request.now }))
      slots[each.slot] = { id: each.id, volume_type: volume.value.attributes.type, boot: each.boot }
    }
    kept.add(slots[each.slot]?.id ?? '')
  }
  for (const { id } of Object.values(old)) {
    const volume = kept.has(id) ? undefined : await volumeById(request, owner.zone, id)
    if (volume) documents.push(detached(volume, request.now))
  }
  return ok({ volumes: slots, documents })
}

export const alreadyAttached = (id: string) => `Volume ${id} is already attached to a server`

/** A volume of the server's project and zone that no server has. */
async function freeVolume(
  request: DialectRequest,
  { zone, project }: VolumeOwner,
  { argument, id = '', type }: WantedVolume,
): Found<VolumeRecord> {
  const volume = await volumeById(request, zone, id)
  if (volume?.attributes.project !== project) return notFound('instance_volume', id)
  const refuse = (help: string) => invalid([{ argument, reason: 'constraint', help }])
  if (type !== undefined && type !== volume.attributes.type) {
    return refuse(`Volume ${id} is of type ${volume.attributes.type}`)
  }
  if (await userOf(request, volume)) return refuse(alreadyAttached(id))
  return ok(volume)
}

function newVolume(
  now: number,
  { server, name, zone, project }: VolumeOwner,
  wanted: WantedVolume,
  image: LocalImage | undefined,
): { document: ServerDocument; slot: AttachedVolume } {
  const id = randomUUID()
  const root = wanted.slot === '0' ? image : undefined
  const type = wanted.type ?? (image?.type === 'instance_local' ? 'l_ssd' : 'sbs_volume')
  const imageName = root && (type === 'sbs_volume' ? `${root.name}_sbs_volume_0` : root.name)
  const volume: VolumeAttributes = {
    name: wanted.name ?? imageName ?? `${name}-volume-${wanted.slot}`,
    ...{ type, size: wanted.size ?? rootBytes, zone, project, server, createdAt: now, attachedAt: now },
    ...(root && { snapshot: derivedId('snapshot', root.id) }),
  }
  return {
    document: { kind: 'volume', id, body: { ...json(volume) } },
    slot: { id, volume_type: type, boot: wanted.boot },
  }
}
