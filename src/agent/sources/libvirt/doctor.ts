/** Whether the agent can ask libvirt whose devices are, and whether libvirt asks the agent before it starts a domain. */
import { access, constants, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AsAgent } from '../../doctor/as-agent.ts'
import { type Finding, type Findings, findingsOn, wordsOf } from '../../doctor/finding.ts'
import { run } from '../../run.ts'

const about = findingsOn('libvirt')

/** `root`: where the host's file system begins. */
export async function examineLibvirt(uri: string, as: AsAgent, root = '/'): Promise<Findings> {
  return [await asked(uri, as), await hooked(root)]
}

async function asked(uri: string, { user, command }: AsAgent): Promise<Finding> {
  try {
    const words = ['virsh', '--quiet', '--readonly', '--connect', uri, 'list', '--uuid'] as const
    const said = await run(command(words), { patienceMs: 10_000, env: { LC_ALL: 'C' } })
    const domains = said.split('\n').filter((line) => line.trim() !== '').length
    return about.ok(`${user} can ask ${uri}: ${domains} ${domains === 1 ? 'domain runs' : 'domains run'}`)
  } catch (error) {
    const why = wordsOf(error)
    if (/cannot be run|execute virsh/.test(why))
      return about.failure(
        'virsh is not installed: nobody says whose devices are',
        'apt install libvirt-clients',
      )
    return about.failure(
      `${user} cannot ask ${uri}: ${why}`,
      'start it (systemctl start libvirtd), and let anybody ask it in libvirtd.conf: unix_sock_ro_perms = "0777"',
    )
  }
}

/** One file, or several in a directory since libvirt 6.5. */
async function hooked(root: string): Promise<Finding> {
  const hooks = '/etc/libvirt/hooks'
  const several = await readdir(join(root, hooks, 'qemu.d')).catch(() => [])
  for (const name of ['qemu', ...several.map((each) => `qemu.d/${each}`)]) {
    const path = join(hooks, name)
    const text = await readFile(join(root, path), 'utf8').catch(() => '')
    if (!/hook libvirt/.test(text)) continue
    const runs = await access(join(root, path), constants.X_OK).then(
      () => true,
      () => false,
    )
    return runs
      ? about.ok(`${path} asks the agent before a domain starts`)
      : about.failure(
          `${path} may not be run: libvirt passes it by`,
          `chmod 755 ${path} && systemctl restart libvirtd`,
        )
  }
  return about.warning(
    'it starts domains without asking: their devices are closed until rules are in force, and nobody waits for that',
    `printf '#!/bin/sh\\nexec portcullis hook libvirt -- "$@"\\n' | install -D -m 755 /dev/stdin ${hooks}/qemu.d/50-portcullis && systemctl restart libvirtd`,
  )
}
