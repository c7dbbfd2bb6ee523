/** `portcullis hook …`, with the hooks of all hypervisors. */
import { Command } from 'commander'
import { hookLibvirt } from './hook-libvirt.ts'
import { hookProxmox } from './hook-proxmox.ts'

export function hooksCommand(): Command {
  const hook = new Command('hook').description('what a hypervisor calls when it starts a guest')
  for (const each of [hookLibvirt(), hookProxmox()]) hook.addCommand(each)
  return hook
}
