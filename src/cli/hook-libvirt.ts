/**
 * `portcullis hook libvirt`: called by libvirt as its hook of QEMU domains, with the domain's XML on standard input. It never asks libvirt,
 * which waits for it.
 *
 * It prints nothing on standard output: libvirt would take that for another description of the domain. What it says on standard
 * error libvirt shows to whoever starts the domain.
 */
import type { Command } from 'commander'
import { type LibvirtOperation, libvirtOperations, maxDomainLength } from '../core/model/local.ts'
import { type HookFlags, hookVerb } from './hook.ts'
import { askAgent } from './local.ts'
import { answerJson, complain, note } from './output.ts'
import { inWords } from './words.ts'

/** Whether a domain may go on without an answer: it runs already, or is gone. */
const goesOn: Readonly<Record<LibvirtOperation, boolean>> = {
  start: false,
  migrate: false,
  reconnect: true,
  attach: true,
  stopped: true,
  release: true,
}

export const hookLibvirt = (): Command =>
  hookVerb(
    'libvirt',
    'called by libvirt while a domain starts, moves or ends, with its XML on standard input',
    'portcullis hook libvirt -- web start begin - < domain.xml',
  )
    .argument('<domain>', 'its name')
    .argument(
      '<operation>',
      'what happens to it; of others than start, migrate, reconnect, attach, stopped and release nobody is told',
    )
    .argument('[suboperation]', 'begin or end')
    .argument('[extra]', 'of the operation')
    .action((domain: string, operation: string, _suboperation, _extra, flags: HookFlags) =>
      hook(domain, operation, flags),
    )

async function hook(domain: string, operation: string, { json, ...local }: HookFlags): Promise<void> {
  const known = libvirtOperations.find((each) => each === operation)
  if (!known) return
  const fail = (why: string, status: 1 | 2) =>
    goesOn[known] ? note(`${domain}: ${why}`) : complain(`${domain} does not ${operation}: ${why}`, status)
  let xml: string
  try {
    xml = await readInput()
  } catch (error) {
    return fail(inWords(error), 2)
  }
  const said = await askAgent('libvirt', { operation, xml }, local)
  if (!said.ok) return fail(said.error.text, said.error.absent ? 2 : 1)
  const { value } = said
  if (value.answer === 'done') {
    if (json) answerJson(JSON.stringify({ devices: value.devices }, null, 2))
  } else if (value.answer === 'refused') {
    fail(value.devices.map(({ device, why }) => `${device}: ${why}`).join('; '), 1)
  } else fail(value.why, value.answer === 'invalid' ? 2 : 1)
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxDomainLength) throw new Error(`standard input has more than ${maxDomainLength} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
