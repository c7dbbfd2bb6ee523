/** Devices that nobody has, adopted by an operator: what `unclaimed` lists, one at a time. */
import type { RequestError } from '../core/model/error.ts'
import { err, ok } from '../core/result.ts'
import type { SightingRecord, Storage } from '../storage/storage.ts'
import { type AdoptionReader, numberOf } from './adoption.ts'
import { actorOf, type Context, inAccount } from './context.ts'
import type { Outcome } from './outcome.ts'

export interface AdoptionByHand {
  readonly device: string
  readonly account: string
  readonly profile: string
  readonly zone?: string
  /** Absent: as the guest is called, or the device. */
  readonly name?: string
  /** Canonical text. Absent: what the host says. */
  readonly mac?: string
  readonly addresses: readonly string[]
  readonly policies: readonly string[]
}

export interface AdoptingService {
  /**
   * For operators. Makes the server of a guest, or adds an interface to the one that was made of it, on a device where none is;
   * answers the interface. One that is there already in that account and profile is answered as it is; any other is a `conflict` (binding).
   */
  adopt(
    ctx: Context,
    host: string,
    wanted: AdoptionByHand,
    once: (id: string) => Partial<Context>,
  ): Outcome<string>
}

export function createAdoptingService(storage: Storage, reader: AdoptionReader): AdoptingService {
  return {
    async adopt(ctx, host, { device, account, profile, zone, name, mac: given, addresses, policies }, once) {
      const seen = await storage.sighting(host, device)
      if (!seen) return invalid('device', 'the host sees no such device')
      const mac = given ?? seen.mac
      if (mac === null) return invalid('mac', 'is needed: nobody on the host says which its guest has')
      const server = { id: guestOf(seen, mac), name: name ?? (lineOf(seen.guest?.name ?? '') || device) }
      const read = await reader.read(
        {
          ...{ device, mac, account, profile, server, addresses, policies, number: numberOf(seen) },
          ...{ index: seen.adoption?.index ?? 1, ...(zone !== undefined && { zone }) },
        },
        { host, credential: null, now: ctx.now },
      )
      if (!read.ok) return read
      const { within, ...args } = read.value
      const id = args.servers[0]?.interfaces[0]?.id ?? ''
      const actor = actorOf({ ...inAccount(ctx, account), ...once(id) })
      const done = await storage.run(
        'adopt',
        { ...args, host, device, mac, awayBefore: 0, configured: null, ephemeral: false, told: false },
        { ...actor, ...(within && { within }) },
      )
      if (!done.ok) return done
      const made = done.value.interface ?? id
      if (made === id) return ok(id)
      const [binding, owner] = await Promise.all([storage.binding(made), storage.serverOf(made)])
      const isOn = binding?.host === host && binding.device === device
      if (isOn && owner?.account === account && owner.profile === profile) return ok(made)
      const reason = isOn
        ? `the device ${device} on ${host} is held by interface ${made}`
        : `the MAC address ${mac} is that of interface ${made}`
      return err({ kind: 'conflict', resource: 'binding', reason, id: made })
    },
  }
}

/** What a guest is called is not said by its operator. */
const lineOf = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, '?').trim()

/** As its host would name it. */
const guestOf = ({ adoption, guest, source }: SightingRecord, mac: string): string =>
  adoption?.server.id ??
  (guest ? (guest.id.includes('-') ? guest.id : `${source}-${guest.id}`) : `mac-${mac}`)

const invalid = (field: string, reason: string) => err<RequestError>({ kind: 'invalid', field, reason })
