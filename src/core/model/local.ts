/**
 * What a launcher of VMs says to the agent of its own host, over the agent's Unix socket: one request a connection, each one line of
 * JSON, `{"<verb>": {…}}`, and one line that answers it.
 */
import { isObject, type JsonValue } from '../json.ts'
import { parseAddress } from '../net/address.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import { isDeviceName } from './link.ts'
import type { HostWords } from './status-change.ts'
import {
  anyText,
  exactly,
  integerFrom,
  listOf,
  oneOf,
  onlyTrue,
  orNull,
  type Reader,
  textOf,
} from './strict.ts'

/** Milliseconds that anybody waits at most until rules are in force: what starts a VM waits meanwhile. */
export const longestWaitMs = 2000

/** Bytes of one domain's XML of libvirt's; a real one has some ten thousand. */
export const maxDomainLength = 1 << 20

/** Devices that one request may name. */
const mostDevices = 64
/** Addresses, and policies, of one device. */
const mostOfOne = 256

export interface LocalDevice {
  readonly device: string
  readonly mac: Mac
}

/** Waits until each device is under its interface's policy. */
export interface WaitRequest {
  /** At least one. */
  readonly devices: readonly LocalDevice[]
  /** Milliseconds, at most `longestWaitMs`. */
  readonly ms: number
  /** The devices are not there yet: waits until the interface of each is known, and its rules are ready. Absent: they are there. */
  readonly before?: true
}

/** Says whose a device is, and waits as `WaitRequest` does. */
export interface AttachRequest extends LocalDevice {
  /** Canonical text; empty: none is known. */
  readonly addresses: readonly string[]
  /** Ids, in order; empty: what the profile attaches by itself. */
  readonly policies: readonly string[]
  /** In which a server is made for it where no interface has the MAC; null: none is. */
  readonly account: string | null
  readonly profile: string
  /** Of that server; null: made of the MAC. */
  readonly id: string | null
  /** For people; null: the id. */
  readonly name: string | null
  /** That server ends with its last device, unless somebody else says anything of it. Absent: it stays. */
  readonly ephemeral?: true
  readonly ms: number
}

/** Takes it back. */
export interface DetachRequest {
  readonly device: string
  readonly ms: number
}

/**
 * What a hook of libvirt was told of a domain: `start` waits until its devices are under their interfaces' policies, unless `migrate` has said
 * that it comes from another host; the others are done at once.
 */
export interface LibvirtRequest {
  readonly operation: LibvirtOperation
  /** The domain's, whole: at most `maxDomainLength`. */
  readonly xml: string
}

export const libvirtOperations = ['start', 'reconnect', 'attach', 'migrate', 'stopped', 'release'] as const
export type LibvirtOperation = (typeof libvirtOperations)[number]

/** What a hookscript of Proxmox VE was called with: waits until the guest's rules are ready, or its devices are under them. */
export interface ProxmoxRequest {
  /** Its number in the cluster, as Proxmox writes it. */
  readonly guest: string
  readonly phase: ProxmoxPhase
}

/** Of the others nobody is told: what is needed no more is let go of as its devices are gone. */
export const proxmoxPhases = ['pre-start', 'post-start'] as const
export type ProxmoxPhase = (typeof proxmoxPhases)[number]

/** The number of a guest, as file names of its cluster have it. */
export const isProxmoxGuest = (text: string): boolean => /^[1-9]\d{0,8}$/.test(text)

/** A device whose packets are judged, or will be as soon as it is there. */
export interface DeviceInForce {
  readonly device: string
  /** Id of its interface. */
  readonly interface: string
  /** `ready`: it is not there yet. `observing`: packets are judged and counted, and none is dropped. */
  readonly state: 'applied' | 'observing' | 'ready'
}

export interface DeviceRefused {
  readonly device: string
  readonly why: string
}

/**
 * - `done`: it is so; `devices` are those that it is so of.
 * - `refused`: it is not, and everything is as before.
 * - `invalid`: the request is no request.
 * - `unable`: the agent cannot say now.
 */
export type LocalAnswer =
  | { readonly answer: 'done'; readonly devices: readonly DeviceInForce[] }
  | { readonly answer: 'refused'; readonly devices: readonly DeviceRefused[] }
  | { readonly answer: 'invalid' | 'unable'; readonly why: string }

/** How the agent itself is, for whoever operates its host; it is answered at once. */
export interface AgentStanding {
  readonly answer: 'standing'
  /** Of its last round; `starting`: there was none yet. */
  readonly state: HostWords['state']
  /** Why it is not enforced as it should be, in words; null: nothing is against it. */
  readonly error: string | null
  /** Milliseconds since a service was heard; 0: one is; null: none was since the agent has started. */
  readonly silentMs: number | null
  /** Devices that are there, and that the service says are no interface's. */
  readonly unclaimed: number
  /** In words for the operator: also what sources do not answer. */
  readonly warnings: readonly string[]
}

const device = textOf('device', isDeviceName)
const short = (what: string) => textOf(what, (text) => text.length <= 128)
const mac: Reader<Mac> = (json) => {
  const text = textOf('mac')(json)
  const parsed = parseMac(text)
  if (!parsed.ok || parsed.value !== text) throw new Error('corrupt mac')
  return parsed.value
}
const some =
  <T>(what: string, read: Reader<T>, most: number, least = 0): Reader<T[]> =>
  (json) => {
    const all = listOf(what, read)(json)
    if (all.length < least || all.length > most)
      throw new Error(`corrupt ${what}: expected ${least} to ${most}`)
    return all
  }
const milliseconds = integerFrom('ms', 0, longestWaitMs)

/** Throws on anything else. */
export const decodeWait: Reader<WaitRequest> = exactly<WaitRequest>(
  'wait',
  {
    devices: some('devices', exactly<LocalDevice>('device', { device, mac }), mostDevices, 1),
    ms: milliseconds,
    before: onlyTrue('before'),
  },
  ['before'],
)
export const decodeAttach: Reader<AttachRequest> = exactly<AttachRequest>(
  'attach',
  {
    device,
    mac,
    addresses: some(
      'addresses',
      textOf('address', (text) => parseAddress(text).ok),
      mostOfOne,
    ),
    policies: some('policies', short('policy'), mostOfOne),
    account: orNull(short('account')),
    profile: short('profile'),
    id: orNull(short('id')),
    name: orNull(short('name')),
    ms: milliseconds,
    ephemeral: onlyTrue('ephemeral'),
  },
  ['ephemeral'],
)
export const decodeDetach: Reader<DetachRequest> = exactly<DetachRequest>('detach', {
  device,
  ms: milliseconds,
})
export const decodeLibvirt: Reader<LibvirtRequest> = exactly<LibvirtRequest>('libvirt', {
  operation: oneOf('operation', libvirtOperations),
  xml: textOf('xml'),
})
export const decodeProxmox: Reader<ProxmoxRequest> = exactly<ProxmoxRequest>('proxmox', {
  guest: textOf('guest', isProxmoxGuest),
  phase: oneOf('phase', proxmoxPhases),
})

const words = textOf('why')
const inForce = exactly<DeviceInForce>('device in force', {
  device,
  interface: textOf('interface'),
  state: oneOf('state', ['applied', 'observing', 'ready']),
})
const refused = exactly<DeviceRefused>('refused device', { device, why: words })
const answers: { readonly [Answer in LocalAnswer['answer']]: Reader<LocalAnswer> } = {
  done: exactly('answer', { answer: oneOf('answer', ['done']), devices: listOf('devices', inForce) }),
  refused: exactly('answer', { answer: oneOf('answer', ['refused']), devices: listOf('devices', refused) }),
  invalid: exactly('answer', { answer: oneOf('answer', ['invalid']), why: words }),
  unable: exactly('answer', { answer: oneOf('answer', ['unable']), why: words }),
}

/** Nothing is said with it. */
export const decodeStandingRequest: Reader<object> = exactly<object>('standing', {})

/** Throws on anything else. */
export const decodeStanding: Reader<AgentStanding> = exactly<AgentStanding>('standing', {
  answer: oneOf('answer', ['standing']),
  state: oneOf('state', ['starting', 'applied', 'applying', 'failing']),
  error: orNull(anyText('error')),
  silentMs: orNull((json) => {
    if (typeof json !== 'number' || !(json >= 0)) throw new Error('corrupt silentMs')
    return json
  }),
  unclaimed: integerFrom('unclaimed', 0),
  warnings: listOf('warnings', anyText('warning')),
})

/** Throws on anything else. */
export function decodeAnswer(json: JsonValue): LocalAnswer {
  if (!isObject(json)) throw new Error('corrupt answer')
  return answers[oneOf('answer', ['done', 'refused', 'invalid', 'unable'] as const)(json.answer ?? null)](
    json,
  )
}

/** Where the socket is unless somebody says otherwise: in the directory that the host's init system has made for it, if it has. */
export const socketName = 'agent.sock'
export const runtimeDirectory = '/run/portcullis'
