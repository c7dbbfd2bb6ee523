/** Who knows guests of a host, as its operator says: plain data, which a service hands to its own agent. */
import { exactly, type Reader, textOf } from './strict.ts'

export interface SourceOptions {
  /** URI of the libvirt that runs guests here; absent: none is asked. */
  readonly libvirt?: string
  /** Where Proxmox VE keeps the configuration of this node's guests, an absolute path; absent: there is none. */
  readonly proxmox?: string
}

/** Throws on what was not written as such. */
export const readSourceOptions: Reader<SourceOptions> = exactly<SourceOptions>(
  'sources',
  { libvirt: textOf('libvirt'), proxmox: textOf('proxmox', (text) => text.startsWith('/')) },
  ['libvirt', 'proxmox'],
)
