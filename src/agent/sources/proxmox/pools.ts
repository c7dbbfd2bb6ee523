/**
 * Pools of guests, of `/etc/pve/user.cfg`: lines `pool:NAME:comment:guest,guest:storage:`.
 *
 * Grammar: pve-access-control src/PVE/AccessControl.pm (parse_user_config). Comments are encoded there, without colons.
 */

/** Names of pools by the number of a guest: the first pool that has it, as Proxmox takes it. */
export function parsePools(text: string): ReadonlyMap<string, string> {
  const pools = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [type, name = '', , guests = ''] = line.split(':').map((field) => field.trim())
    // Since Proxmox VE 8.1 pools are in pools: parent/child/grandchild.
    if (type !== 'pool' || name.length > 128 || !/^[\w.-]+(\/[\w.-]+){0,2}$/.test(name)) continue
    for (const guest of guests.split(/[;,\s]+/)) {
      if (/^\d{1,9}$/.test(guest) && !pools.has(String(Number(guest)))) pools.set(String(Number(guest)), name)
    }
  }
  return pools
}
