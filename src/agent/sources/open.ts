/** Opens what the options of an agent name: hypervisors whose guests it knows, and rules of what is to be made of them. */
import type { SourceOptions } from '../../core/model/source-options.ts'
import type { Adopting } from './adopting.ts'
import { createLibvirtSource } from './libvirt/source.ts'
import { createVirsh } from './libvirt/virsh.ts'
import { createProxmoxSource } from './proxmox/proxmox.ts'
import type { Source } from './source.ts'

export interface OpenSources {
  /** Where two know the same device, the first one’s words are said. */
  readonly sources: readonly Source[]
  /** Absent: nothing is adopted. */
  readonly adopting?: Adopting
}

/** Rejects on what cannot be used at all, in words for the operator; one whose hypervisor does not answer is opened, and says so. */
export async function openSources({ libvirt: uri, proxmox: directory }: SourceOptions): Promise<OpenSources> {
  return {
    sources: [
      ...(uri === undefined ? [] : [createLibvirtSource({ virsh: createVirsh({ uri }), uri })]),
      ...(directory === undefined ? [] : [createProxmoxSource({ directory })]),
    ],
  }
}
