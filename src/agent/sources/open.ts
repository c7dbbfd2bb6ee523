/** Opens what the options of an agent name: hypervisors whose guests it knows, and rules of what is to be made of them. */
import { decodeLibvirt, decodeProxmox } from '../../core/model/local.ts'
import type { SourceOptions } from '../../core/model/source-options.ts'
import { err } from '../../core/result.ts'
import { type Handlers, handler } from '../local/conversations.ts'
import type { LocalServer } from '../local/server.ts'
import type { Waiting } from '../local/waiting.ts'
import { type Adopting, createAdopting } from './adopting.ts'
import { createLibvirtHook } from './libvirt/hook.ts'
import { createLibvirtSource } from './libvirt/source.ts'
import { createVirsh } from './libvirt/virsh.ts'
import { createProxmoxHook } from './proxmox/hook.ts'
import { createProxmoxSource } from './proxmox/proxmox.ts'
import type { Source } from './source.ts'

export interface OpenSources {
  /** Where two know the same device, the first one’s words are said. */
  readonly sources: readonly Source[]
  /** Absent: nothing is adopted. */
  readonly adopting?: Adopting
  /** Where whoever starts VMs on this host can ask for them; absent: nowhere. */
  readonly local?: LocalServer
}

/** As the options name them. */
export interface NamedSources extends Omit<OpenSources, 'local'> {
  /** What their hypervisors ask over the agent's socket, by verb. Absent: nothing. */
  readonly handlers?: Handlers
}

/** Rejects on what cannot be used at all, in words for the operator; one whose hypervisor does not answer is opened, and says so. */
export async function openSources(
  { libvirt: uri, proxmox: directory, adopt }: SourceOptions,
  waiting: Waiting,
  isGuarded: (device: string) => boolean,
): Promise<NamedSources> {
  const libvirt = uri === undefined ? undefined : createLibvirtSource({ virsh: createVirsh({ uri }), uri })
  const proxmox = directory === undefined ? undefined : createProxmoxSource({ directory })
  return {
    sources: [libvirt, proxmox].filter((each) => each !== undefined),
    ...(adopt !== undefined && { adopting: await openAdopting(adopt) }),
    handlers: {
      libvirt: handler(decodeLibvirt, createLibvirtHook({ source: libvirt, waiting }).answer),
      proxmox: handler(decodeProxmox, createProxmoxHook({ source: proxmox, waiting, isGuarded }).answer),
    },
  }
}

/** Read again when whoever runs the host asks for it. */
async function openAdopting(path: string): Promise<Adopting> {
  // Only here: what reads it takes memory.
  const { readAdoptionRules } = await import('./adoption-file.ts')
  const adopting = createAdopting(async () => {
    const read = await readAdoptionRules(path)
    return read.ok ? read : err(`${path}: ${read.error}`)
  })
  await adopting.reload()
  process.on('SIGHUP', () => void adopting.reload())
  return adopting
}
