/** `portcullis host`: what hosts see, for operators. */
import { Command } from 'commander'
import type { JsonObject } from '../core/json.ts'
import { printable } from './output.ts'
import { list, type ResourceFlags, show, table, verb } from './resource.ts'

interface Unclaimed extends JsonObject {
  readonly device: string
  readonly present: boolean
  readonly mac: string | null
  readonly guest: { readonly id: string; readonly name: string } | null
  readonly source: string
  readonly guarded: boolean
  readonly why: string
}

const heading = ['DEVICE', 'MAC', 'GUEST', 'SOURCE', 'GUARDED', 'WHY']

function row({ device, present, mac, guest, source, guarded, why }: Unclaimed): readonly string[] {
  const named = present ? device : `${device} (expected)`
  // A guest is called as its owner likes, and a line that it begins would read as ours.
  return [named, mac ?? '-', guest?.name ?? '-', source, guarded ? 'yes' : 'NO', why].map(printable)
}

/** What makes an interface of each: names of hosts and devices mean nothing to a shell. */
const adopting = (host: string, devices: readonly Unclaimed[]): string =>
  devices
    .map(({ device }) => `  portcullis host adopt ${host} ${device} --account ACCOUNT --profile PROFILE`)
    .join('\n')

function inWords(host: string, devices: readonly Unclaimed[]): string {
  if (devices.length === 0) return 'every device that the host sees has an interface'
  const known = devices.filter(({ mac }) => mac !== null)
  const open = devices.some(({ guarded }) => !guarded) ? ['', 'Packets pass where GUARDED says NO.'] : []
  const how = known.length === 0 ? [] : ['', 'Each is adopted by:', adopting(host, known)]
  return [table([heading, ...devices.map(row)]), ...open, ...how].join('\n')
}

export function hostCommand(): Command {
  const unclaimed = verb(
    'unclaimed',
    'list devices of guests that a host sees and no interface is on, with what adopts each',
    'portcullis host unclaimed kvm1',
  )
    .argument('<host>', 'its name')
    .action(async (host: string, flags: ResourceFlags, self: Command) => {
      const devices = await list<Unclaimed>(self, `v1/hosts/${encodeURIComponent(host)}/unclaimed`, 'devices')
      show(flags, devices && { devices }, () => inWords(host, devices ?? []))
    })
  return new Command('host').description('what hosts see, for operators').addCommand(unclaimed)
}
