/** What must not be served where others than this machine can reach it: public credentials, and anybody's in plain HTTP. */
import { lookup } from 'node:dns/promises'
import { isLoopback } from '../../core/net/loopback.ts'
import type { ServeOptions } from './options.ts'

type Exposed = Pick<ServeOptions, 'listen' | 'inventory' | 'tlsCert' | 'insecure'>

/** Why it cannot be served there, in one line with what helps; undefined when it can. A name that cannot be looked up is nobody's own. */
export async function exposure({
  listen: { host, port },
  inventory,
  tlsCert,
  insecure,
}: Exposed): Promise<string | undefined> {
  const addresses = await lookup(host, { all: true }).catch(() => [{ address: host }])
  if (addresses.length > 0 && addresses.every(({ address }) => isLoopback(address))) return undefined
  if (inventory === undefined) {
    return `without --inventory there is only the demonstration, whose credentials are public: ${host} is not loopback, so name an inventory`
  }
  if (tlsCert !== undefined || insecure) return undefined
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return `--listen ${at} is not loopback, and plain HTTP shows every credential on the way: add --tls-cert and --tls-key, or --insecure behind a proxy that ends TLS`
}
