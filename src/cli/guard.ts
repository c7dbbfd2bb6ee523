/**
 * `portcullis guard up | status | down`: what keeps the devices of VMs closed, with or without the service.
 *
 * It needs no store and no inventory: a boot unit may call it, or load the file with nft alone.
 */
import { resolve } from 'node:path'
import { Command } from 'commander'
import { readLinks } from '../agent/links.ts'
import {
  guardPath,
  guardPatienceMs,
  lowerGuard,
  type Raised,
  raiseGuard,
  readGuard,
} from '../agent/nftables/guard.ts'
import { type Kernel, OwnedError } from '../agent/nftables/kernel.ts'
import { openKernel } from '../agent/nftables/open-kernel.ts'
import { judges } from '../compile/nftables/entries.ts'
import { closes, describeGuard, type Guard } from '../compile/nftables/guard.ts'
import { bridgeTable, table } from '../compile/nftables/names.ts'
import { documented } from './help.ts'
import { dataOption, guardOption, netnsOption, nftOption } from './options.ts'
import { answer, complain } from './output.ts'
import { missingPrivilege } from './privileges.ts'

interface GuardFlags {
  readonly data: string
  readonly guard: readonly string[]
  readonly netns?: string
  readonly nft?: string
  readonly json?: true
}

export function guardCommand(): Command {
  const guard = new Command('guard').description(
    'what keeps devices of VMs closed until their packets are judged',
  )
  const verbs = [
    [
      'up',
      'close them, as the guard of the data directory says; what stands is left as it is',
      up,
      true,
      '0 it is up; 1 it failed, or is not kept for the next boot; 2 it could not be tried.',
    ],
    // Also while a service owns the tables.
    [
      'status',
      'exit status 0 the guard is up, 1 it is not',
      status,
      false,
      '0 the guard is up; 1 it is not, or it failed; 2 it could not be tried.',
    ],
    [
      'down',
      'remove the guard, and say what that opens',
      down,
      true,
      '0 it is gone; 1 it failed; 2 it could not be tried.',
    ],
  ] as const
  for (const [name, description, action, own, statuses] of verbs) {
    const command = guard
      .command(name)
      .description(description)
      .addOption(dataOption())
      .addOption(guardOption())
      .addOption(netnsOption())
      .addOption(nftOption())
      .option('--json', 'answer in JSON')
      .action(async (flags: GuardFlags) => {
        const missing = missingPrivilege()
        if (missing !== undefined) return complain(missing, 2)
        let kernel: Kernel | undefined
        try {
          kernel = await kernelOf(flags, own)
          await action(flags, context(flags, kernel))
        } catch (error) {
          complain(error instanceof Error ? error.message : String(error), 1)
        } finally {
          await kernel?.close()
        }
      })
    documented(command, `portcullis guard ${name} --guard 'tap*'`, statuses)
  }
  return guard
}

type GuardContext = ReturnType<typeof context>

async function kernelOf({ netns, nft }: GuardFlags, own: boolean): Promise<Kernel> {
  const by = { ...(netns !== undefined && { netns }), ...(nft !== undefined && { nft }) }
  return (await openKernel({ ...by, own, patienceMs: guardPatienceMs })).kernel
}
const context = ({ data, guard, netns }: GuardFlags, kernel: Kernel) => ({
  kernel,
  path: guardPath(resolve(data)),
  patterns: guard,
  readLinks: () => readLinks(netns),
})

/** One that a service owns and keeps up is found up, as any that stands; nothing is added to it. */
async function raised(flags: GuardFlags, at: GuardContext): Promise<Raised> {
  try {
    return await raiseGuard(at)
  } catch (error) {
    if (!(error instanceof OwnedError)) throw error
    const kernel = await kernelOf(flags, false)
    return await raiseGuard({ ...at, kernel }).finally(() => kernel.close())
  }
}

async function up(flags: GuardFlags, at: GuardContext): Promise<void> {
  const { json } = flags
  const { from, guard, unwritten } = await raised(flags, at)
  if (json) return answer(JSON.stringify({ up: true, from, ...listed(guard) }, null, 2))
  const source = { kept: 'it was up', file: `from ${at.path}`, patterns: 'from --guard' }[from]
  answer(`up: ${describeGuard(guard)} (${source})`)
  if (unwritten !== null) complain(`it is not kept for the next boot: ${unwritten}`, 1)
}

async function status({ json }: GuardFlags, at: GuardContext): Promise<void> {
  const [guard, held] = await Promise.all([readGuard(at.kernel), holds(at)])
  if (guard === undefined) process.exitCode = 1
  const closed = guard ? await closedBy(guard, at, held) : []
  if (json) {
    const more = guard ? { ...listed(guard), closed } : {}
    return answer(JSON.stringify({ up: guard !== undefined, judging: [...held], ...more }, null, 2))
  }
  if (!guard) answer(`down${held.size > 0 ? `; judged: ${[...held].join(', ')}` : ''}`)
  else {
    answer(`up: ${describeGuard(guard)}`)
    answer(`judged: ${[...held].join(', ') || 'none'}`)
    answer(`closed: ${closed.join(', ') || 'none'}`)
  }
}

async function down({ json }: GuardFlags, at: GuardContext): Promise<void> {
  const [guard, held] = await Promise.all([readGuard(at.kernel), holds(at)])
  const opened = guard ? await closedBy(guard, at, held) : []
  const removed = await lowerGuard(at.kernel)
  if (json) return answer(JSON.stringify({ removed, opened, judging: [...held] }, null, 2))
  if (!removed) return answer('it was down')
  answer(`down. Open now: ${opened.join(', ') || 'none'}`)
  answer(
    `Open as soon as the table ${table} is gone: ${[...held].join(', ') || 'none'}; and every new device at once`,
  )
  answer('A running portcullis serve puts the guard up again.')
}

/** Names of the devices that our tables judge. */
async function holds({ kernel, readLinks }: GuardContext): Promise<ReadonlySet<string>> {
  const links = await readLinks()
  const found = await Promise.all([table, bridgeTable].map((name) => kernel.read(name, undefined)))
  const judged = new Set(found.flatMap((each) => (each ? [...judges(each)] : [])))
  const names = links.filter(({ index }) => judged.has(index)).map(({ name }) => name)
  // The kernel lists devices in no order that means anything.
  return new Set(names.sort())
}

/** Names of the devices that pass nothing now, for no table of ours judges them. */
async function closedBy(
  guard: Guard,
  { readLinks }: GuardContext,
  held: ReadonlySet<string>,
): Promise<string[]> {
  return (await readLinks())
    .filter((link) => closes(guard, link) && !held.has(link.name))
    .map(({ name }) => name)
    .sort()
}

const listed = (guard: Guard) => ({
  patterns: guard.patterns,
  devices: [...guard.devices],
  open: [...guard.open],
})
