/** Whether every device of a VM is judged or closed, now and after a boot. */
import { readFile } from 'node:fs/promises'
import { judges } from '../../../compile/nftables/entries.ts'
import { closes, describeGuard, type Guard, readGuardFile } from '../../../compile/nftables/guard.ts'
import { bridgeTable, table } from '../../../compile/nftables/names.ts'
import type { Link } from '../../../core/model/link.ts'
import { type Findings, findingsOn } from '../../doctor/finding.ts'
import { guardPath, readGuard } from '../guard.ts'
import type { Kernel } from '../kernel.ts'

const about = findingsOn('guard')

/** `directory`: where the guard is kept. */
export async function examineGuard(
  kernel: Kernel,
  links: readonly Link[],
  directory: string,
): Promise<Findings> {
  const [guard, held] = await Promise.all([readGuard(kernel), judged(kernel, links)])
  const taps = links.filter(({ kind }) => kind === 'tun')
  const open = taps.filter((link) => !held.has(link.name) && !(guard && closes(guard, link)))
  const names = open.map(({ name }) => name).sort()
  const prefixes = [...new Set(names.map((name) => `${name.replace(/\d+(i\d+)?$/, '')}*`))]
  const raise = (patterns: readonly string[]) =>
    `portcullis guard up --data ${directory} --guard '${patterns.join(',')}', and the same patterns for the agent`
  return [
    guard
      ? about.ok(`up: ${describeGuard(guard)}`)
      : about.failure(
          'down: whatever is not judged is open',
          raise([...new Set(['tap*', 'vnet*', ...prefixes])]),
        ),
    names.length === 0
      ? about.ok(`of ${taps.length} devices of VMs each is judged or closed`)
      : about.failure(`open: ${names.join(', ')}`, raise([...(guard?.patterns ?? []), ...prefixes])),
    ...(await kept(directory, guard)),
  ]
}

async function judged(kernel: Kernel, links: readonly Link[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all([table, bridgeTable].map((name) => kernel.read(name, undefined)))
  const indexes = new Set(found.flatMap((each) => (each ? [...judges(each)] : [])))
  return new Set(links.filter(({ index }) => indexes.has(index)).map(({ name }) => name))
}

/** What a boot unit loads before the network is up. */
async function kept(directory: string, standing: Guard | undefined): Promise<Findings> {
  const path = guardPath(directory)
  const write = 'start the agent, or portcullis guard up, where it may write there'
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return [
      about.failure(
        `${path} ${code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`}: nothing closes devices at the next boot until the agent runs`,
        write,
      ),
    ]
  }
  const guard = readGuardFile(text)
  if (!guard) return [about.failure(`${path} holds no guard: it would not be loaded`, write)]
  const lacking = (standing?.patterns ?? []).filter((each) => !guard.patterns.includes(each))
  return lacking.length === 0
    ? [about.ok(`kept for the next boot in ${path}`)]
    : [about.warning(`${path} lacks ${lacking.join(', ')}`, write)]
}
