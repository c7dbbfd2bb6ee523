/** The page on the address file, made from its schema: `npm run docs` writes it, and a test keeps it fresh. */
import { type PoolKind, poolKinds } from '../core/model/pool.ts'
import { addressFile, defaultPools, poolEntry } from '../service/addresses-file.ts'
import { keyTable, type Schema } from '../service/config/reference.ts'
import { type Manifest, takersOf } from './manifest.ts'

/** The test reads it. */
export const addressExample = `quarantine: 48h
pools:
  - { kind: public-ipv4, prefixes: [203.0.113.0/24, 198.51.100.0/25], exclude: [203.0.113.1, 203.0.113.240/28, 198.51.100.1-198.51.100.9] }
  - { kind: public-ipv4, profile: ionos, zone: de/txl, prefixes: [192.0.2.0/24], exclude: [192.0.2.1] }
  - { kind: public-ipv6-prefix, profile: scaleway, prefixes: ["2001:db8:a000::/40"] }
`

const intro = `# The address file

<!-- Made from the schema by \`npm run docs\`; do not edit. -->

Addresses that an API hands out come from pools. \`portcullis serve --addresses FILE\` (\`PORTCULLIS_ADDRESSES\`) says what they are made of; without it they
are ranges that are nobody's, good for trying things out. The file is YAML (JSON is YAML), and one that is wrong is refused with the place in it:

\`\`\`yaml
${addressExample}\`\`\`

- **Which pool.** That of the dialect and zone, else that of the dialect, else the one without either; never the next one when it is empty. A kind of which the
  file has no pool at all keeps the default one.
- **Held.** An address is held as long as an interface has it, or a reservation does, such as a flexible IP or an IP block.
  The lowest free one comes first.
- **Quarantine.** One that nobody has any more is given to nobody else for a while, 24 hours unless the file says otherwise. Until then only the account that had it
  may name it. What was set aside for a request that then failed is free again after ten minutes.
- **Nobody takes another's.** A request that names an address of a pool that is another account's, in quarantine or excluded is refused. The first and last
  address of an IPv4 prefix and the first of an IPv6 prefix are excluded where single addresses are handed out; exclude your routers.
- **The inventory is right.** An address that the [inventory file](inventory.md) gives to an interface is never handed out, in a pool or not, also while its server is
  not in the file, because it may come back. Addresses that are reserved through an API stay on an interface of the inventory beside those of the file.
- **Filtered like any other.** An address on an interface is one that it may send from, that rules and groups mean, and that a trace finds; a reserved
  one on no interface belongs to nobody.
- **Changing it.** Restart with another file: what is held stays held, in a pool or not, and comes back into whatever pool then has it. A pool that is too small
  hands out nothing more.
- **How full they are.** \`portcullis_pool_addresses{kind,dialect,zone,state}\` of \`/metrics\`: \`free\`, \`held\`, \`quarantined\`.
- **Several processes** on one database need the same file: the last one that starts decides.
`

export function addressesReference(manifests: readonly Manifest[]): string {
  const defaultOf = (kind: string) => {
    const found = defaultPools.find((entry) => entry.kind === kind)
    return found
      ? found.prefixes.map((prefix) => `\`${prefix}\``).join(', ')
      : 'a unique local /48, drawn at the first start and kept'
  }
  const takers = takersOf(manifests)
  const usesOf = (kind: PoolKind) => {
    const all = manifests.flatMap(({ pools }) => pools?.[kind] ?? [])
    return `${all.join('; ').replace(/^./, (first) => first.toUpperCase())}.`
  }
  const kinds = Object.entries(poolKinds).map(
    ([kind, { length }]) => `| \`${kind}\` | /${length} | ${usesOf(kind as PoolKind)} | ${defaultOf(kind)} |`,
  )
  return [
    intro,
    `## Kinds\n\n| kind | hands out | for | default |\n| --- | --- | --- | --- |\n${kinds.join('\n')}\n`,
    `## The file\n\n${keyTable(addressFile(takers) as object as Schema)}`,
    `## A pool\n\n\`pools[]\`.\n\n${keyTable(poolEntry(takers) as object as Schema)}`,
  ].join('\n')
}
