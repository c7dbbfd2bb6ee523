/**
 * `portcullis hook …`: what a hypervisor calls when it starts a guest, so that none runs before its rules.
 *
 * Each asks the agent of this host alone: a hypervisor that waits for a hook waits for no network.
 */
import { Command } from 'commander'
import { documented } from './help.ts'
import { type LocalFlags, socketOption } from './local.ts'

export interface HookFlags extends LocalFlags {
  readonly json?: true
}

/** A hook of a hypervisor's; `example` is a whole line, as the hypervisor or somebody would call it. */
export const hookVerb = (name: string, description: string, example: string): Command =>
  documented(
    new Command(name).description(description).addOption(socketOption()).option('--json', 'answer in JSON'),
    example,
    '0 the guest may go on; 1 it may not: its rules are not in force, or the agent cannot say; 2 no agent runs on this host, or usage.',
  )
