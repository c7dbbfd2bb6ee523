/**
 * Changes of volumes: each is a document, and its server stores the order of attachment.
 *
 * Device numbers and slots belong to the attachment. A server counts its volumes, and its volumes and NICs together; it
 * never reuses or changes a number.
 */
import { randomUUID } from 'node:crypto'
import { isObject, type JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { NewDocument, ServerRecord, ZoneChange } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { authored, authorshipOf } from './authorship.ts'
import { impossible } from './errors.ts'
import { merged } from './fields.ts'
import { attachmentsOf, isDas, pciSlotOf, serverOf, type Volume, withoutRevision } from './records.ts'
import type { Call } from './resources.ts'
import { profile } from './wire.ts'

type Server = Omit<ServerRecord, 'revision'>

/** The highest numbers that a server has used. */
interface Counted {
  readonly device: number
  readonly pci: number
}

function countedOf(attributes: JsonObject, nics: readonly Interface[]): Counted {
  const { device = 0, pci = 0 } = isObject(attributes.counted) ? attributes.counted : {}
  const volumes = attachmentsOf(attributes)
  return {
    device: Math.max(Number(device), ...volumes.map(({ deviceNumber }) => deviceNumber)),
    // The first four are the machine's own.
    pci: Math.max(4, Number(pci), ...volumes.map(({ pciSlot }) => pciSlot), ...nics.map(pciSlotOf)),
  }
}

/** A server with slots for so many more NICs; `first` is the first of them. `nics`: all it has. */
export function withSlots<T extends Server>(
  server: T,
  nics: readonly Interface[],
  count: number,
): { readonly server: T; readonly first: number } {
  const { device, pci } = countedOf(server.attributes, nics)
  const attributes = { ...server.attributes, counted: { device, pci: pci + count } }
  return { server: { ...server, attributes }, first: pci + 1 }
}

export const inSlot = (nic: Interface, pciSlot: number): Interface => ({
  ...nic,
  attributes: { ...nic.attributes, pciSlot },
})

function attach<T extends Server>(server: T, { id, body }: Volume, nics: readonly Interface[]): T {
  const { device, pci } = countedOf(server.attributes, nics)
  const entry = { id, deviceNumber: device + 1, pciSlot: pci + 1 }
  const boots =
    body.bootOrder === 'PRIMARY' || (server.attributes.bootVolume === undefined && isBootable(body))
  const attributes: JsonObject = {
    ...server.attributes,
    volumes: [...attachmentsOf(server.attributes), entry],
    counted: { device: device + 1, pci: pci + 1 },
    ...(boots && { bootVolume: id }),
  }
  return { ...server, attributes }
}

function detach<T extends Server>(server: T, id: string): T {
  const { bootVolume, ...rest } = server.attributes
  const attributes: JsonObject = {
    ...rest,
    volumes: attachmentsOf(rest).filter((each) => each.id !== id),
    counted: { ...countedOf(server.attributes, []) },
    ...(bootVolume !== undefined && bootVolume !== id && { bootVolume }),
  }
  return { ...server, attributes }
}

/** Whether a server without a boot volume boots from it. */
const isBootable = ({ image, bootOrder }: JsonObject): boolean => image !== undefined && bootOrder !== 'NONE'

export const newVolume = (request: DialectRequest, zone: string, body: JsonObject): Volume => ({
  id: randomUUID(),
  zone,
  body: { ...body, meta: authored(request) },
})

/** The volume as this request changes it; null removes a key. */
export function changedVolume(request: DialectRequest, volume: Volume, change: JsonObject): Volume {
  const before = authorshipOf(volume.body.meta, request.principal.account, 0)
  return { ...volume, body: { ...merged(volume.body, change), meta: authored(request, before) } }
}

/**
 * Servers and volumes within one change of a datacenter: each is read once and written once, however often a volume moves
 * in between.
 */
export function createRewiring({ request, loader }: Call, zone: string) {
  const servers = new Map<string, Server>()
  const volumes = new Map<string, Volume>()
  const removed: { kind: string; id: string }[] = []
  const put = (server: Server) => servers.set(server.id, server)
  const putVolume = (volume: Volume) => volumes.set(volume.id, volume)
  /** Undefined if there is none, or the inventory no longer names it. */
  async function read(id: string | undefined): Promise<Server | undefined> {
    if (id === undefined) return undefined
    const known = servers.get(id)
    if (known) return known
    const found = await loader.server(zone, id)
    return found.ok ? withoutRevision(found.value) : undefined
  }
  async function release(volume: Volume): Promise<Volume> {
    const server = await read(serverOf(volume))
    if (server) put(detach(server, volume.id))
    const free = changedVolume(request, volume, { server: null })
    putVolume(free)
    return free
  }
  return {
    /** As it will be written; undefined if it does not change. */
    server: (id: string): Server | undefined => servers.get(id),
    put,
    putVolume,
    release,
    /** Attaches to a present or `put` server, and detaches from another first. */
    async attach(volume: Volume, to: string): Promise<Volume> {
      const free = serverOf(volume) === undefined ? volume : await release(volume)
      const server = await read(to)
      if (!server) return free
      put(attach(server, free, await request.services.zones.interfacesOf(to)))
      const attached = changedVolume(request, free, { server: to })
      putVolume(attached)
      return attached
    },
    /** Makes the volume its server's boot volume, or no longer. */
    async boot(volume: Volume, starts: boolean): Promise<void> {
      const server = await read(serverOf(volume))
      if (!server) return
      const { bootVolume = null, ...rest } = server.attributes
      const next = starts ? volume.id : bootVolume === volume.id ? null : bootVolume
      put({ ...server, attributes: { ...rest, ...(next !== null && { bootVolume: next }) } })
    },
    /** Detached first, if it is attached. */
    async remove(volume: Volume): Promise<void> {
      await release(volume)
      volumes.delete(volume.id)
      removed.push({ kind: 'volume', id: `${zone}/${volume.id}` })
    },
    change(): Required<Pick<ZoneChange, 'servers' | 'documents'>> {
      const put = [...volumes.values()].map((volume) => volumeDocument(request, volume))
      return { servers: { put: [...servers.values()] }, documents: { put, remove: removed } }
    },
  }
}
/** See `createRewiring`. */
export type Rewiring = ReturnType<typeof createRewiring>

export function volumeDocument(request: DialectRequest, { id, zone, body }: Volume): NewDocument {
  return { account: request.principal.account, profile, kind: 'volume', id: `${zone}/${id}`, body }
}

/** Attaches new volumes, and present ones by id; each once, in order. */
export async function attachAll(
  { loader }: Call,
  rewiring: Rewiring,
  { zone, server }: { readonly zone: string; readonly server: string },
  volumes: readonly (Volume | string)[],
): Promise<Result<readonly Volume[], RequestError>> {
  const attached = new Map<string, Volume>()
  for (const each of volumes) {
    const found = typeof each === 'string' ? await loader.volume(zone, each) : ok(each)
    if (!found.ok)
      return err(impossible(`volume ${String(each).slice(0, 64)} does not exist in the datacenter`))
    const volume = found.value
    if (attached.has(volume.id)) continue
    if (isDas(volume) && typeof each === 'string') return err(dasStays)
    attached.set(volume.id, await rewiring.attach(volume, server))
  }
  return ok([...attached.values()])
}

export const dasStays = impossible('a DAS volume stays with its Cube')
