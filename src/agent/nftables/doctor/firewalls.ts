/** Who else filters here: now, and at the next boot or reload of theirs. */
import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Link } from '../../../core/model/link.ts'
import { type Findings, findingsOn, wordsOf } from '../../doctor/finding.ts'
import { hindrances } from '../hindrances.ts'
import type { Kernel } from '../kernel.ts'
import type { Legacy } from '../legacy.ts'

const about = findingsOn('other firewalls')

/** `root` is where the host's file system begins; `owned`: whether our tables are, so that a flush of others passes them by. */
export async function examineFirewalls(
  kernel: Kernel,
  links: readonly Link[],
  legacy: Legacy | string,
  { owned, root = '/' }: { readonly owned: boolean; readonly root?: string },
): Promise<Findings> {
  const chains = await kernel.baseChains().catch(wordsOf)
  const now = hindrances(chains, legacy, links).map((each) => about.warning(each))
  const starting = await flushing(root, owned)
  const all = [...now, ...starting]
  return all.length > 0 ? all : [about.ok('nobody else drops what policies let pass, and nobody flushes')]
}

/** Firewalls that are started with the host, and flush all tables when they are started or reloaded. */
async function flushing(root: string, owned: boolean): Promise<Findings> {
  const [service, firewalld, ufw] = await Promise.all([
    isEnabled(root, 'nftables.service'),
    isEnabled(root, 'firewalld.service'),
    usesUfw(root),
  ])
  const dropIn = await isThere(
    root,
    'etc/systemd/system/nftables.service.d',
    'usr/lib/systemd/system/nftables.service.d',
  )
  const page = 'see docs/coexistence.md'
  return [
    ...(service && !dropIn
      ? [
          owned
            ? about.warning(
                'nftables.service flushes all tables when it starts or reloads, ours too while no agent runs',
                `give it the drop-in that loads the guard in the same transaction: ${page}`,
              )
            : about.failure(
                'nftables.service flushes all tables when it starts or reloads, ours too: VMs are open until that is repaired',
                `give it the drop-in that loads the guard in the same transaction: ${page}`,
              ),
        ]
      : []),
    ...(firewalld
      ? [about.warning('firewalld starts with the host, and rejects what its zones do not forward', page)]
      : []),
    ...(ufw ? [about.warning('ufw starts with the host, and drops what it does not forward', page)] : []),
  ]
}

async function isEnabled(root: string, unit: string): Promise<boolean> {
  const units = join(root, 'etc/systemd/system')
  const wants = (await readdir(units).catch(() => [])).filter((name) => /\.(wants|requires)$/.test(name))
  return isThere(root, ...wants.map((name) => join('etc/systemd/system', name, unit)))
}

async function isThere(root: string, ...paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    paths.map((path) =>
      access(join(root, path)).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

const usesUfw = async (root: string): Promise<boolean> =>
  /^ENABLED=yes$/m.test(await readFile(join(root, 'etc/ufw/ufw.conf'), 'utf8').catch(() => ''))
