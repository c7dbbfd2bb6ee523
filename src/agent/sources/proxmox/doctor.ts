/** Whether the agent can read what Proxmox VE knows of its guests, and which of them ask it before they start. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AsAgent } from '../../doctor/as-agent.ts'
import { type Finding, type Findings, findingsOn, wordsOf } from '../../doctor/finding.ts'
import { run } from '../../run.ts'

const about = findingsOn('proxmox')

/** Of guests that are named in one line. */
const named = 10

const kinds = [
  { folder: 'qemu-server', program: 'qm' },
  { folder: 'lxc', program: 'pct' },
] as const

export async function examineProxmox(directory: string, as: AsAgent): Promise<Findings> {
  const read = await readable(directory, as)
  return read.state === 'ok' ? [read, await hooked(directory)] : [read]
}

async function readable(directory: string, { user, command }: AsAgent): Promise<Finding> {
  // Each file has rights of its own.
  const look =
    'ls "$1" >/dev/null && for file in "$1"/*/*.conf; do [ ! -e "$file" ] || head -c 0 "$file" || exit; done'
  try {
    await run(command(['sh', '-c', look, 'sh', directory]), { patienceMs: 10_000, env: { LC_ALL: 'C' } })
    return about.ok(`${user} can read ${directory}`)
  } catch (error) {
    return about.failure(
      `${user} cannot read ${directory}: ${wordsOf(error)}`,
      `usermod -a -G www-data ${user} && systemctl restart portcullis-agent`,
    )
  }
}

async function hooked(directory: string): Promise<Finding> {
  const all = await Promise.all(
    kinds.map(async ({ folder, program }) => {
      const names = await readdir(join(directory, folder)).catch(() => [])
      const guests = names.flatMap((name) => /^(\d+)\.conf$/.exec(name)?.[1] ?? [])
      return await Promise.all(
        guests.map(async (guest) => ({
          ...{ guest, program },
          text: runningPart(await readFile(join(directory, folder, `${guest}.conf`), 'utf8').catch(() => '')),
        })),
      )
    }),
  )
  // A template never runs.
  const guests = all.flat().filter(({ text }) => !/^template: *1/m.test(text))
  const without = guests.filter(({ text }) => !/^hookscript: .*portcullis/m.test(text))
  if (without.length === 0)
    return about.ok(`${guests.length} of ${guests.length} guests name a hookscript of ours`)
  const first = without.slice(0, named)
  return about.warning(
    `${without.length} of ${guests.length} guests name no hookscript of ours, and start without waiting for their rules: ${first.map(({ guest }) => guest).join(', ')}${without.length > named ? ', …' : ''}`,
    first
      .map(({ guest, program }) => `${program} set ${guest} --hookscript local:snippets/portcullis`)
      .join('; '),
  )
}

/** What comes behind are snapshots, and what waits for the next start. */
const runningPart = (text: string): string => text.split(/^\[/m)[0] ?? ''
