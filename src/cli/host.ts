/** `portcullis host`: what hosts see, for operators. */
import { Command, Option } from 'commander'
import type { JsonObject } from '../core/json.ts'
import { printable } from './output.ts'
import { call, list, type ResourceFlags, show, table, verb } from './resource.ts'

interface Unclaimed extends JsonObject {
  readonly device: string
  readonly present: boolean
  readonly mac: string | null
  readonly guest: { readonly id: string; readonly name: string } | null
  readonly source: string
  readonly guarded: boolean
  readonly why: string
}

interface Adopted extends JsonObject {
  readonly id: string
  readonly server: string
}

interface AdoptFlags extends ResourceFlags {
  readonly account: string
  readonly profile: string
  readonly zone?: string
  readonly name?: string
  readonly mac?: string
  readonly address?: readonly string[]
  readonly policy?: readonly string[]
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
  const collect = (value: string, before: readonly string[] = []) => [...before, value]
  const adopt = verb(
    'adopt',
    'make the server of a device that nobody has, and put it there',
    'portcullis host adopt kvm1 vnet3 --account 7b0c6a52-6f0e-4b6e-8a7e-0d2f8f5f7c11 --profile upcloud',
  )
    .argument('<host>', 'its name')
    .argument('<device>', 'as `host unclaimed` lists it')
    .requiredOption('--account <id>', 'whose it is to be')
    .requiredOption('--profile <profile>', 'of the server')
    .option('--zone <zone>', 'of the server, or its datacenter; none: the first')
    .option('--name <name>', 'of the server; none: as the guest is called')
    .option('--mac <mac>', 'of the guest’s card, where nobody on the host says it')
    .addOption(new Option('--address <address>', 'from which it may send; repeatable').argParser(collect))
    .addOption(new Option('--policy <id>', 'attached to it, in order; repeatable').argParser(collect))
    .action(async (host: string, device: string, flags: AdoptFlags, self: Command) => {
      const { account, profile, zone, name, mac, address: addresses, policy: policies } = flags
      const all = { device, account, profile, zone, name, mac, addresses, policies }
      const body = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
      const at = `v1/hosts/${encodeURIComponent(host)}/adopt`
      const made = await call<Adopted>(self, at, 'id', { body })
      show(flags, made, ({ id, server }) => `interface ${id} of server ${server} is on ${device}`)
    })
  return new Command('host')
    .description('what hosts see, for operators')
    .addCommand(unclaimed)
    .addCommand(adopt)
}
