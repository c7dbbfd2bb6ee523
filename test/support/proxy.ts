/** A TCP proxy in front of a PostgreSQL server that can stop forwarding without a word, as a broken network does. */
import { connect, createServer, type Socket } from 'node:net'

export interface DatabaseProxy {
  /** The database's address, through the proxy. */
  readonly url: string
  /** Nothing passes any more on the connections there are; with `what`, on those whose bytes so far contain it. */
  freeze(what?: string): void
  /** Whether new connections are forwarded; otherwise they are taken and never answered. */
  forward(wanted: boolean): void
  /** Connections that were made since this was asked last. */
  made(): number
  close(): Promise<void>
}

interface Pair {
  readonly inner: Socket
  readonly outer: Socket
  said: string
  frozen: boolean
}

/** `url` names the directory of the server's socket in its parameter `host`, or a host and port. */
export async function startProxy(url: string): Promise<DatabaseProxy> {
  const target = new URL(url)
  const directory = target.searchParams.get('host')
  const port = target.searchParams.get('port') ?? (target.port || '5432')
  const pairs = new Set<Pair>()
  let forwarding = true
  let made = 0
  const server = createServer((outer) => {
    const inner = directory?.startsWith('/')
      ? connect(`${directory}/.s.PGSQL.${port}`)
      : connect(Number(port), target.hostname)
    const pair: Pair = { inner, outer, said: '', frozen: !forwarding }
    pairs.add(pair)
    made++
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => {
        if (from === outer) pair.said += bytes.toString('latin1')
        if (!pair.frozen) to.write(bytes)
      })
      from.on('close', () => {
        // Not even the end is heard of.
        if (!pair.frozen) to.destroy()
      })
      from.on('error', () => {})
    }
    pass(outer, inner)
    pass(inner, outer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(typeof address === 'object' ? address?.port : '')
  through.username = target.username || (target.searchParams.get('user') ?? '')
  for (const name of ['host', 'port', 'user']) through.searchParams.delete(name)
  return {
    url: String(through),
    freeze(what = '') {
      for (const pair of pairs) if (pair.said.includes(what)) pair.frozen = true
    },
    forward(wanted) {
      forwarding = wanted
    },
    made() {
      const were = made
      made = 0
      return were
    },
    async close() {
      for (const { inner, outer } of pairs) {
        inner.destroy()
        outer.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
