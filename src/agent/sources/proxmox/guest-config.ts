/**
 * The configuration of a guest, as Proxmox VE keeps it in a file: what runs of it, and what awaits the next start.
 *
 * Grammar: qemu-server src/PVE/QemuServer.pm (parse_vm_config) and pve-container src/PVE/LXC/Config.pm (parse_pct_config). Lines
 * `key: value` until the first section are what runs; `[PENDING]`, in containers `[pve:pending]`, is what was changed since and
 * waits; all other sections are snapshots or of no concern here. Lines with `#` are the description.
 */
import type { Mac } from '../../../core/net/mac.ts'
import { err } from '../../../core/result.ts'
import { shortened } from '../shortened.ts'
import { type GuestKind, type Nic, parseAddresses, parseNic } from './network-devices.ts'

export interface GuestConfig {
  /** Null: it has none, and Proxmox shows its number. */
  readonly name: string | null
  /** Whether it is only there to be copied, and never runs. */
  readonly template: boolean
  readonly tags: readonly string[]
  /** By their N in `netN`; without those that cannot be understood. */
  readonly nics: ReadonlyMap<number, Nic & { readonly addresses: readonly string[] }>
  /** Why a network device cannot be understood, by N. */
  readonly unusable: ReadonlyMap<number, string>
  /** MACs that network devices get with the next start, or as soon as they are plugged anew, by N. */
  readonly pending: ReadonlyMap<number, Mac>
  /** What could not be understood, in words for the operator. */
  readonly problems: readonly string[]
}

/** `net0` to `net31`: qemu-server has as many, pve-container since 7.2 as well. */
const maxNics = 32

/** The last value of a key, which is Proxmox's choice. It writes a key once: another before it is a mistake of somebody's. */
interface Setting {
  readonly value: string
  readonly contradicted: boolean
}

export function parseGuestConfig(kind: GuestKind, text: string): GuestConfig {
  const problems: string[] = []
  const running = new Map<string, Setting>()
  const waiting = new Map<string, Setting>()
  let section: Map<string, Setting> | undefined = running
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('#') || line.trim() === '') continue
    // Also one that Proxmox would not take for a section: nothing after it is surely what runs.
    if (line.startsWith('[')) {
      section = isPending(kind, line) ? waiting : undefined
      continue
    }
    const [start = '', key] = /^([a-z][a-z_-]*\d*):/.exec(line) ?? []
    const value = line.slice(start.length).trim()
    if (key !== undefined && value !== '') {
      const before = section?.get(key)
      const contradicted = before !== undefined && (before.contradicted || before.value !== value)
      section?.set(key, { value, contradicted })
    } else if (section === running && !isForLxc(kind, line)) {
      // Not the line itself: it may be a password.
      problems.push(`line ${index + 1} is none of the format`)
    }
  }

  function setting(key: string): string | undefined {
    const { value, contradicted } = running.get(key) ?? {}
    if (!contradicted) return value
    problems.push(`${key}: ${twice}`)
    return undefined
  }

  const nics = new Map<number, Nic & { readonly addresses: readonly string[] }>()
  const pending = new Map<number, Mac>()
  const unusable = new Map<number, string>()
  for (let n = 0; n < maxNics; n++) {
    const key = `net${n}`
    const next = waiting.get(key)?.value
    const awaited = next === undefined ? undefined : parseNic(kind, next)
    if (awaited?.ok) pending.set(n, awaited.value.mac)
    if (!running.has(key)) continue
    const described = setting(key)
    const nic = described === undefined ? err(twice) : parseNic(kind, described)
    if (!nic.ok) {
      unusable.set(n, nic.error)
      if (described !== undefined) problems.push(`${key}: ${nic.error}`)
      continue
    }
    const addressed = kind === 'container' ? described : setting(`ipconfig${n}`)
    const addresses = parseAddresses(addressed ?? '')
    if (!addresses.ok) problems.push(`${kind === 'container' ? key : `ipconfig${n}`}: ${addresses.error}`)
    nics.set(n, { ...nic.value, addresses: addresses.ok ? addresses.value : [] })
  }
  for (const key of running.keys()) {
    const [, digits] = /^net(\d+)$/.exec(key) ?? []
    if (digits !== undefined && (String(Number(digits)) !== digits || Number(digits) >= maxNics))
      problems.push(`${key.slice(0, 20)}: network devices are net0 to net${maxNics - 1}`)
  }

  const name = setting(kind === 'vm' ? 'name' : 'hostname')
  const named = name === undefined || /^[A-Za-z0-9_.-]{1,128}$/.test(name)
  if (!named) problems.push('its name is none of a host')
  return {
    name: named ? (name ?? null) : null,
    template: /^(1|on|yes|true)$/i.test(setting('template') ?? ''),
    tags: parseTags(setting('tags') ?? ''),
    nics,
    unusable,
    pending,
    problems: shortened(problems, 5),
  }
}

const twice = 'it is there twice, with different values'

const isPending = (kind: GuestKind, line: string): boolean =>
  (kind === 'vm' ? /^\[PENDING\]\s*$/i : /^\[pve:pending\]\s*$/i).test(line)

/** A setting that Proxmox hands to LXC as it is. */
const isForLxc = (kind: GuestKind, line: string): boolean =>
  kind === 'container' && /^lxc\.[a-z0-9_.-]+(:|\s*=)/.test(line)

/** Between semicolons, commas or blanks (pve-common, PVE::Tools, split_list); without what no tag can be. */
export function parseTags(text: string): readonly string[] {
  const tags = text.split(/[;,\s\0]+/).filter((tag) => /^[a-z0-9_][a-z0-9_+.-]{0,127}$/i.test(tag))
  return [...new Set(tags)].slice(0, maxTags)
}

const maxTags = 100
