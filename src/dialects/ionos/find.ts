/** From the ids in a path to what they name; a parent that does not own the child is as if the child were not there. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, PolicyRecord, ServerRecord } from '../../storage/storage.ts'
import type { Call } from './call.ts'
import type { Bears, Lan, Volume } from './world.ts'

type Found<T> = Promise<Result<T, RequestError>>

export const findZone = (call: Call): Found<DocumentRecord> => call.world.datacenter(call.id('datacenterId'))

export interface InServer {
  readonly zone: DocumentRecord
  readonly server: ServerRecord
}

export async function findServer(call: Call): Found<InServer> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const server = await call.world.server(zone.value.id, call.id('serverId'))
  return server.ok ? ok({ zone: zone.value, server: server.value }) : server
}

export async function findNic(call: Call): Found<InServer & { readonly nic: Interface }> {
  const place = await findServer(call)
  if (!place.ok) return place
  const nic = await call.world.nic(place.value.server, call.id('nicId'))
  return nic.ok ? ok({ ...place.value, nic: nic.value }) : nic
}

export async function findGroup(
  call: Call,
): Found<{ readonly zone: DocumentRecord; readonly group: PolicyRecord }> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const group = await call.world.group(zone.value.id, call.id('securityGroupId'))
  return group.ok ? ok({ zone: zone.value, group: group.value }) : group
}

export async function findVolume(call: Call): Found<Volume> {
  const zone = await findZone(call)
  return zone.ok ? call.world.volume(zone.value.id, call.id('volumeId')) : zone
}

/** A volume of the server in the path. */
export async function findAttached(call: Call): Found<Volume> {
  const place = await findServer(call)
  if (!place.ok) return place
  const id = call.id('volumeId').toLowerCase()
  const volume = (await call.world.volumesOf(place.value.server)).find((each) => each.id === id)
  return volume ? ok(volume) : err({ kind: 'not-found', resource: 'storage', id })
}

export async function findLan(call: Call): Found<{ readonly zone: string; readonly lan: Lan }> {
  const zone = await findZone(call)
  if (!zone.ok) return zone
  const lan = await call.world.lan(zone.value.id, call.id('lanId'))
  return lan.ok ? ok({ zone: zone.value.id, lan: lan.value }) : lan
}

/** Where rules are: a NIC or a group. The policy of a NIC has the NIC's id. */
export interface RuleHolder {
  readonly zone: string
  readonly policy: string
  /** Of the collection of its rules. */
  readonly path: string
  readonly bears: Bears
}

export async function nicRules(call: Call): Found<RuleHolder> {
  const found = await findNic(call)
  if (!found.ok) return found
  const { zone, nic } = found.value
  const { path, bears } = call.world.nicNode(zone.id, nic)
  return ok({ zone: zone.id, policy: nic.id, path: `${path}/firewallrules`, bears })
}

export async function groupRules(call: Call): Found<RuleHolder> {
  const found = await findGroup(call)
  if (!found.ok) return found
  const { zone, group } = found.value
  const { path, bears } = call.world.groupNode(zone.id, group)
  return ok({ zone: zone.id, policy: group.id, path: `${path}/rules`, bears })
}
