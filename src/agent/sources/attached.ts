/**
 * What whoever starts VMs on this host has said of their devices, one by one (`portcullis attach`).
 *
 * It is about a device of a number in this boot, and forgotten with it; it outlives the agent. Nobody else knows it.
 */
import { join } from 'node:path'
import type { JsonValue } from '../../core/json.ts'
import { isDeviceName, type Link } from '../../core/model/link.ts'
import { type Adoption, maxSightings } from '../../core/model/sighting.ts'
import { exactly, integerFrom, listOf, oneOf, onlyTrue, orNull, textOf } from '../../core/model/strict.ts'
import { parseMac } from '../../core/net/mac.ts'
import type { KeptFile } from '../kept/kept-file.ts'
import { createLineWriter } from '../kept/records.ts'
import type { Known, Source } from './source.ts'

export interface Attachment {
  readonly device: string
  /** The kernel's number of the device. */
  readonly link: number
  readonly mac: string
  /** Of the VM, the same for all of its devices; and for people. */
  readonly id: string
  readonly name: string
  /** Which of the VM's devices it is, from 1 on. */
  readonly index: number
  readonly addresses: readonly string[]
  readonly policies: readonly string[]
  /** Null: no server is made for it. */
  readonly account: string | null
  readonly profile: string
  readonly ephemeral?: true
}

export interface Attached extends Source {
  get(device: string): Attachment | undefined
  all(): Iterable<Attachment>
  /** Counts at once; resolves when the next agent knows it, too. Rejects where it cannot be kept. */
  put(attachment: Attachment): Promise<void>
  /** Likewise. Nothing is done where nothing is attached. */
  remove(device: string): Promise<void>
}

export interface AttachedOptions {
  readonly file: Pick<KeptFile, 'read' | 'draft' | 'close'>
  /** As of which numbers of devices mean something. */
  readonly boot: string
  /** The device of a name, as the kernel has it at this moment. */
  readonly lookAt: (device: string) => Promise<Pick<Link, 'index'> | undefined>
  /** Tells of a device that came, went or changed, by number and name; null: of any. Answers how to stop. */
  readonly follow: (changed: (device: Pick<Link, 'index' | 'name'> | null) => void) => () => void
}

/** In a directory of states. */
export const attachedPath = (directory: string): string => join(directory, 'attached')

/** Resolves with what was attached by an agent before, as far as its devices are still the same. */
export async function openAttached({ file, boot, lookAt, follow }: AttachedOptions): Promise<Attached> {
  const attachments = new Map<string, Attachment>()
  const listeners = new Set<() => void>()
  let unread: string | undefined
  let unwritten: string | undefined
  /** As `observe` answers it: another one after each change. */
  let known: ReadonlyMap<string, Known> | null = new Map()
  const knownOf = new Map<Attachment, Known>()

  function changed(): void {
    for (const each of knownOf.keys()) if (attachments.get(each.device) !== each) knownOf.delete(each)
    for (const each of attachments.values()) if (!knownOf.has(each)) knownOf.set(each, whatIsKnown(each))
    known = new Map([...knownOf].map(([{ device }, each]) => [device, each]))
    for (const listener of [...listeners]) listener()
  }

  /** One after the other, and one for all that wait: the one that runs may have read before. */
  let writing: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  function keep(): Promise<void> {
    next ??= writing.then(async () => {
      next = undefined
      const draft = await file.draft()
      try {
        await draft.add(encode(boot, [...attachments.values()]))
        await draft.take()
      } catch (error) {
        await draft.drop()
        throw error
      }
    })
    const own = next.then(
      () => {
        unwritten = undefined
      },
      (error: Error) => {
        unwritten = `what is attached cannot be kept for the next start of the agent: ${error.message}`
        throw new Error(unwritten)
      },
    )
    writing = own.catch(() => {})
    return own
  }

  async function isThere({ device, link }: Attachment): Promise<boolean> {
    return (await lookAt(device))?.index === link
  }
  /** Forgets what is gone. */
  async function look(some: readonly Attachment[]): Promise<void> {
    let gone = false
    for (const each of some) {
      if ((await isThere(each)) || attachments.get(each.device) !== each) continue
      attachments.delete(each.device)
      gone = true
    }
    if (!gone) return
    changed()
    await keep().catch(() => {})
  }

  try {
    const bytes = await file.read()
    for (const each of bytes ? decode(bytes, boot) : [])
      if (await isThere(each)) attachments.set(each.device, each)
    changed()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    unread = `what was attached before this agent started is not known, and stays closed until it is attached again: ${why}`
    known = null
  }
  let looking: Promise<void> = Promise.resolve()
  const stop = follow((changed) => {
    // It may bear another name by now.
    const some = [...attachments.values()].filter(
      ({ device, link }) => !changed || changed.index === link || changed.name === device,
    )
    if (some.length === 0) return
    // Where the kernel does not answer, its next word is awaited: what is attached is about a number, and harms no other device.
    looking = looking.then(() => look(some)).catch(() => {})
  })

  return {
    ...{ name: 'attached', namesLast: false, marksTaps: false },
    get: (device) => attachments.get(device),
    all: () => attachments.values(),
    async put(attachment) {
      if (!attachments.has(attachment.device) && attachments.size >= maxSightings)
        throw new Error(`${maxSightings} devices are attached already`)
      attachments.set(attachment.device, attachment)
      changed()
      await keep()
      // What was not read is overwritten now.
      unread = undefined
    },
    async remove(device) {
      if (!attachments.delete(device)) return
      changed()
      await keep()
    },
    observe: () => known,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    problems: () => [unread, unwritten].filter((each) => each !== undefined),
    async stop() {
      stop()
      await looking
      await writing
      await file.close()
    },
  }
}

const whatIsKnown = ({ device, link, mac, id, name, index, addresses, ...rest }: Attachment): Known => ({
  ...{ device, link, mac, guest: { id, name }, addresses, index },
  labels: {
    tags: [],
    ...(rest.account !== null && {
      adoption: {
        ...{ account: rest.account, profile: rest.profile, policies: rest.policies },
        ...(rest.ephemeral && { ephemeral: rest.ephemeral }),
      },
    }),
  },
})

const format = 'portcullis attached devices'

/** One line that begins with a checksum. */
const encode = (boot: string, attachments: readonly Attachment[]): string =>
  createLineWriter().line({ format, version: 1, boot, attachments: attachments.map((each) => ({ ...each })) })

/** Throws where it is damaged, or of another version; of another boot nothing is left. */
function decode(bytes: Buffer, boot: string): readonly Attachment[] {
  const text = bytes.toString('utf8')
  let json: JsonValue
  try {
    json = JSON.parse(text.slice(9))
  } catch {
    throw new Error('its file is damaged')
  }
  const { attachments, boot: of, ...rest } = read(json)
  if (encode(of, attachments) !== text || rest.version !== 1) throw new Error('its file is damaged')
  return of === boot ? attachments : []
}

const text = (what: string) => textOf(what, (each) => each.length <= 128)

const read = exactly<{
  readonly format: string
  readonly version: number
  readonly boot: string
  readonly attachments: readonly Attachment[]
}>('attached', {
  format: oneOf('format', [format]),
  version: integerFrom('version', 1, 1),
  boot: textOf('boot'),
  attachments: listOf(
    'attachments',
    exactly<Attachment>(
      'attachment',
      {
        device: textOf('device', isDeviceName),
        link: integerFrom('link', 1),
        mac: textOf('mac', (each) => parseMac(each).ok),
        id: text('id'),
        name: text('name'),
        index: integerFrom('index', 1),
        addresses: listOf('addresses', text('address')),
        policies: listOf('policies', text('policy')),
        account: orNull(text('account')),
        profile: text('profile'),
        ephemeral: onlyTrue('ephemeral'),
      },
      ['ephemeral'],
    ),
  ),
})

/** What is to be made of a device that was attached: as whoever starts the VM has said. */
export function adoptionOfAttached({ guest, labels, addresses, index }: Known): Adoption | undefined {
  const { adoption } = labels
  return adoption && { ...adoption, server: guest, index, addresses }
}
