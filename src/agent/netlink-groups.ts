/** Whether a program of the host hears what the kernel tells everybody: it does from when its socket has joined a group. */
import { readFile } from 'node:fs/promises'

/** Whether the process has a netlink socket that has joined any group. Where that cannot be seen it has none. */
export async function hasJoinedGroup(pid: number): Promise<boolean> {
  const sockets = await readFile(`/proc/${pid}/net/netlink`, 'latin1').catch(() => '')
  return sockets.split('\n').some((line) => {
    // The kernel names a program's first socket of a protocol by its process.
    const [, , owner, groups] = line.trim().split(/\s+/)
    return Number(owner) === pid && Number.parseInt(groups ?? '', 16) > 0
  })
}
