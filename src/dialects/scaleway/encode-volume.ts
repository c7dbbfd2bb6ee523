/** Volumes → the JSON of the two products that have them (contract: scaleway-more §5). */
import type { JsonObject } from '../../core/json.ts'
import { derivedId } from '../../service/derived-id.ts'
import { instantOf, instantZ } from './encode.ts'
import type { VolumeRecord } from './find.ts'

/** A volume of the instance product, which servers show with their own. */
export function encodeLocalVolume(
  { id, attributes }: VolumeRecord,
  organization: string,
  user: { readonly id: string; readonly name: string } | undefined,
): JsonObject {
  const { name, type, project, size, createdAt, modifiedAt = createdAt, tags = [], zone } = attributes
  return {
    ...{ id, name, volume_type: type, export_uri: null, organization, project },
    server: user ? { id: user.id, name: user.name } : null,
    ...{ size, state: 'available' },
    creation_date: instantOf(createdAt),
    modification_date: instantOf(modifiedAt),
    ...{ tags, zone },
  }
}

/** A volume of the block storage product. `status` overrides what follows from its server. */
export function encodeBlockVolume(
  { id, attributes }: VolumeRecord,
  user: string | undefined,
  { alpha, status }: { readonly alpha: boolean; readonly status?: string },
): JsonObject {
  const { name, size, project, createdAt, modifiedAt = createdAt, tags = [], zone } = attributes
  const { iops = 5000, attachedAt = createdAt, snapshot = null, detachedAt } = attributes
  return {
    ...{ id, name, type: `sbs_${iops / 1000}k`, size, project_id: project },
    created_at: instantZ(createdAt),
    updated_at: instantZ(modifiedAt),
    references: user === undefined ? [] : [reference(id, user, attachedAt)],
    parent_snapshot_id: snapshot,
    status: status ?? (user === undefined ? 'available' : 'in_use'),
    tags,
    specs: { perf_iops: iops, class: 'sbs' },
    last_detached_at: detachedAt === undefined ? null : instantZ(detachedAt),
    zone,
    ...(!alpha && { kms_key_id: null }),
  }
}

const reference = (volume: string, server: string, attachedAt: number): JsonObject => ({
  id: derivedId('reference', volume, server),
  product_resource_type: 'instance_server',
  product_resource_id: server,
  created_at: instantZ(attachedAt),
  type: 'exclusive',
  status: 'attached',
})
