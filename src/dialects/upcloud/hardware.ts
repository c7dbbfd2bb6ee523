/** Interfaces and disks of a server that is being created. */
import { randomBytes, randomUUID } from 'node:crypto'
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import { type Interface, interfaceDefaults } from '../../core/model/interface.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import { err, ok } from '../../core/result.ts'
import type { NewServer } from '../../service/servers.ts'
import type { DialectRequest } from '../dialect.ts'
import type { WantedNic } from './decode-interfaces.ts'
import type { WantedDisk } from './decode-storages.ts'
import { type Failure, refusal } from './errors.ts'
import { type Found, findStorage, userOf } from './find.ts'
import type { StorageBody, WireDisk } from './wire.ts'

export async function makeInterfaces(
  request: DialectRequest,
  zone: string,
  wanted: readonly WantedNic[],
): Found<Omit<Interface, 'server'>[]> {
  const pools = wanted.map(poolsOf)
  const places = pools.flat().map((pool) => ({ pool, zone }))
  // All at once: a server that cannot have all of them sets none aside.
  const taken = await request.services.addresses.take(request, 'upcloud', ...places)
  if (!taken.ok) return taken
  const free = [...taken.value]
  const nics = wanted.map(({ type }, index) => {
    const addresses = free.splice(0, pools[index]?.length)
    // Locally administered, unicast.
    const bytes = randomBytes(6)
    bytes.writeUInt8((bytes.readUInt8(0) & 0xfc) | 0x02, 0)
    const mac = bytes.toString('hex').replace(/(..)(?=.)/g, '$1:')
    const defaults = { ...interfaceDefaults, attributes: {} }
    return { id: randomUUID(), index: index + 1, mac, addresses, type, ...defaults }
  })
  return ok(nics)
}

/** Of the addresses of an interface, in order. */
function poolsOf({ type, families }: WantedNic): readonly PoolKind[] {
  if (type === 'private') return []
  if (type === 'utility') return families.map(() => 'utility-ipv4')
  return families.map((family) => (family === 'IPv4' ? 'public-ipv4' : 'public-ipv6'))
}

type NewDisk = NewServer['documents'][number]

export async function makeDisks(
  request: DialectRequest,
  server: string,
  zone: string,
  wanted: readonly WantedDisk[],
): Found<{ disks: WireDisk[]; documents: NewDisk[] }> {
  const disks: WireDisk[] = []
  const documents: NewDisk[] = []
  const existing = wanted.flatMap((disk) => (disk.existing === undefined ? [] : [disk.existing]))
  if (new Set(existing).size < existing.length) {
    return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is attached more than once.' })
  }
  for (const [index, { existing, ...disk }] of wanted.entries()) {
    let { title, size, tier } = disk
    const { backupRule, labels } = disk
    if (existing !== undefined) {
      const found = await findStorage(request, existing)
      if (!found.ok) return found
      if (await userOf(request, found.value)) {
        return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is attached to a server.' })
      }
      if (found.value.body.zone !== zone) {
        return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is in another zone.' })
      }
      // On condition that nobody else attaches or deletes it meanwhile.
      const { body, revision: ifRevision } = found.value
      documents.push({ kind: 'storage', id: existing, body: { ...body, server }, ifRevision })
      ;({ title, size, tier } = { ...disk, ...(found.value.body as unknown as typeof disk) })
    }
    const id = existing ?? randomUUID()
    if (existing === undefined) {
      const body: StorageBody = {
        ...{ title, size, tier, zone, server },
        ...(backupRule && { backupRule }),
        ...(labels && { labels }),
      }
      documents.push({ kind: 'storage', id, body: body as unknown as JsonObject })
    }
    disks.push({
      address: `virtio:${index}`,
      boot_disk: '0',
      part_of_plan: index === 0 ? 'yes' : 'no',
      storage: id,
      storage_encrypted: 'no',
      storage_size: size,
      storage_tier: tier,
      storage_title: title,
      type: 'disk',
    })
  }
  return ok({ disks, documents })
}

/** A server has backups of its own, or its storages have rules for theirs. */
export function backupConflict(
  simpleBackup: JsonValue | undefined,
  storages: readonly { readonly body: JsonObject }[],
): Failure | undefined {
  if (simpleBackup === undefined || simpleBackup === 'no') return undefined
  const ruled = storages.some(({ body }) => Object.keys(objectOf(body.backupRule) ?? {}).length > 0)
  if (!ruled) return undefined
  return refusal(
    409,
    'BACKUP_RULE_CONFLICT',
    'The server has simple_backup: its storages have no backup_rule.',
  )
}
