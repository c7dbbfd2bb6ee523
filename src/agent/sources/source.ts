/**
 * A part of the agent that knows guests of this host: whose each device is, as the hypervisor or its configuration has it.
 *
 * What a guest can write to is no source.
 */

import type { Adoption, Guest, SightingSource } from '../../core/model/sighting.ts'
import type { Mac } from '../../core/net/mac.ts'

/** A device, as one source knows it. */
export interface Known {
  /** Its name; known before it comes where names do not change. */
  readonly device: string
  /** The kernel's number of the device that is meant, and no other of that name; absent: whichever has the name. */
  readonly link?: number
  /** The guest's. */
  readonly mac: Mac
  readonly guest: Guest
  /** What is said of it where adoption rules are found: labels of the guest, in the hypervisor's words. */
  readonly labels: Labels
  /** Canonical text, from configuration alone. */
  readonly addresses: readonly string[]
  /** Which of the guest's devices it is, from 1 on. */
  readonly index: number
}

export interface Labels {
  /** Tags and pools of the guest, without those that it has none of. */
  readonly tags: readonly string[]
  readonly pool?: string
  /** What its own metadata say is to be made of it. */
  readonly adoption?: Pick<Adoption, 'account' | 'profile' | 'ephemeral'> & {
    readonly policies: readonly string[]
  }
}

export interface Source {
  readonly name: Exclude<SightingSource, 'links'>
  /**
   * Whether a name is its guest's in every life of the device, as Proxmox gives them. Else what it says of a name is about the
   * device that bears it then, or about the next one where there is none, and counts no more once that is gone, until it is said again.
   */
  readonly namesLast: boolean
  /**
   * Whether its hypervisor gives every tap the guest's MAC with `fe` as first octet, as libvirt does: a tap with another address of
   * that form is another guest's, whatever was said of its name.
   */
  readonly marksTaps: boolean
  /**
   * Devices that it knows now, by name; the last ones that it knew where its hypervisor does not answer. Null: it has never known
   * any, and nothing may be concluded from what it does not say. What it knows of a device is the same object until it learns that
   * anew, and another one then, also where that is the same again. The map is not changed once it was answered.
   */
  observe(): ReadonlyMap<string, Known> | null
  /** Calls back when `observe` may answer otherwise. Answers how to stop listening. */
  onChange(listener: () => void): () => void
  /** What keeps it from knowing, in words for the operator; empty: nothing. */
  problems(): readonly string[]
  stop(): Promise<void>
}
