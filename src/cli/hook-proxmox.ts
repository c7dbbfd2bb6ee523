/**
 * `portcullis hook proxmox`: called by a hookscript of Proxmox VE around the start of a guest.
 *
 * A pre-start that fails keeps the guest from starting; a post-start that fails is written into the task's log alone, and the
 * guest's devices stay closed.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { isProxmoxGuest, proxmoxPhases } from '../core/model/local.ts'
import { type HookFlags, hookVerb } from './hook.ts'
import { askAgent } from './local.ts'
import { answerJson, complain } from './output.ts'

export const hookProxmox = (): Command =>
  hookVerb(
    'proxmox',
    'called by a hookscript of Proxmox VE before and after a guest starts',
    'portcullis hook proxmox 100 pre-start',
  )
    .argument('<vmid>', 'the guest’s number', (text: string) => {
      if (isProxmoxGuest(text)) return text
      throw new InvalidArgumentError('Expected the number of a guest, such as 100.')
    })
    .argument('<phase>', 'pre-start or post-start; of others nobody is told')
    .action(hook)

async function hook(guest: string, phase: string, { json, ...local }: HookFlags): Promise<void> {
  const known = proxmoxPhases.find((each) => each === phase)
  if (!known) return
  const begins =
    known === 'pre-start' ? `guest ${guest} does not start` : `guest ${guest} runs, and is not connected`
  const fail = (why: string, status: 1 | 2) => complain(`${begins}: ${why}`, status)
  const said = await askAgent('proxmox', { guest, phase: known }, local)
  if (!said.ok) return fail(said.error.text, said.error.absent ? 2 : 1)
  const { value } = said
  if (value.answer === 'done') {
    if (json) answerJson(JSON.stringify({ devices: value.devices }, null, 2))
  } else if (value.answer === 'refused') {
    const closed = known === 'pre-start' ? '' : ' is closed'
    fail(value.devices.map(({ device, why }) => `${device}${closed}: ${why}`).join('; '), 1)
  } else fail(value.why, value.answer === 'invalid' ? 2 : 1)
}
