/** Whether there is room for connections: without it new ones are dropped, whatever policies say. */
import { readFile } from 'node:fs/promises'
import { type Findings, findingsOn } from './finding.ts'

const about = findingsOn('connection table')
/** Of the table, before it is worth a word. */
const much = 0.8
/** Connections that one VM is allowed by default are no less: a smaller table is full with one of them. */
const least = 65_536

/** `folder`: that of the kernel's settings. */
export async function examineConnectionTable(folder = '/proc/sys/net/netfilter'): Promise<Findings> {
  const read = async (name: string) => Number((await readFile(`${folder}/${name}`, 'utf8')).trim())
  try {
    const [count, most] = await Promise.all([read('nf_conntrack_count'), read('nf_conntrack_max')])
    const raise = (to: number) => `sysctl net.netfilter.nf_conntrack_max=${to}, and a line in /etc/sysctl.d`
    const said = `${count} of ${most} connections`
    if (most > 0 && count >= most * much)
      return [about.failure(`${said}: new ones are dropped when it is full`, raise(most * 4))]
    if (most > 0 && most < least) return [about.warning(`${said}: one busy VM may fill it`, raise(262_144))]
    return [about.ok(said)]
  } catch {
    return [about.ok('the kernel tracks no connections yet')]
  }
}
