/** Who knows guests of a host, as its operator says: plain data, which a service hands to its own agent. */
import { exactly, type Reader, textOf } from './strict.ts'

export interface SourceOptions {
  /** URI of the libvirt that runs guests here; absent: none is asked. */
  readonly libvirt?: string
  /** Where Proxmox VE keeps the configuration of this node's guests, an absolute path; absent: there is none. */
  readonly proxmox?: string
  /** The file of rules of what is to be made of guests that nobody has, an absolute path; absent: nothing is adopted. */
  readonly adopt?: string
}

const isAbsolute = (text: string) => text.startsWith('/')

/** Throws on what was not written as such. */
export const readSourceOptions: Reader<SourceOptions> = exactly<SourceOptions>(
  'sources',
  { libvirt: textOf('libvirt'), proxmox: textOf('proxmox', isAbsolute), adopt: textOf('adopt', isAbsolute) },
  ['libvirt', 'proxmox', 'adopt'],
)
