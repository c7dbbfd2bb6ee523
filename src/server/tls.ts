/** TLS below HTTP: which certificate is presented, and what a handshake may take. Which files it is from is not known here. */
import type { RequestListener, Server, ServerOptions } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'

/** Both PEM. */
export interface KeyPair {
  /** The certificate, then those that lead to an authority. */
  readonly cert: string
  /** Not encrypted. */
  readonly key: string
}

export interface TlsOptions {
  readonly pair: KeyPair
  /** Why somebody who connected never got to HTTP: a code of Node or OpenSSL. */
  readonly failed: (reason: string, socket: Socket) => void
  /** A handshake that takes longer is ended. */
  readonly handshakeMs?: number
  /** Handshakes at once: with one more the oldest is ended. */
  readonly maxHandshakes?: number
}

export interface TlsListener {
  /** HTTP/1.1 alone: what upgrades a connection, and every client of the dialects, speaks that. */
  readonly create: (handler: RequestListener, http: ServerOptions) => Server
  /** To who connects from now on. Throws when it is no pair; then the one before stays. */
  present(pair: KeyPair): void
  /** Ends handshakes that are under way: nobody is waited for who has not asked anything. */
  endHandshakes(): void
}

export function createTlsListener({
  pair,
  failed,
  handshakeMs = 10_000,
  maxHandshakes = 4096,
}: TlsOptions): TlsListener {
  const minVersion = 'TLSv1.2'
  let presented = pair
  const servers: ReturnType<typeof createServer>[] = []
  /** Connections below TLS, oldest first, by both their ends: the one above does not lead to the one below. */
  const handshakes = new Map<string, Socket>()
  const ends = ({ localAddress, localPort, remoteAddress, remotePort }: Socket) =>
    `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`

  function begun(socket: Socket): void {
    const key = ends(socket)
    handshakes.set(key, socket)
    socket.once('close', () => {
      if (handshakes.get(key) === socket) handshakes.delete(key)
    })
    const [oldest] = handshakes.values()
    if (handshakes.size > maxHandshakes) oldest?.destroy()
  }

  return {
    create(handler, http) {
      const server = createServer(
        { ...http, ...presented, minVersion, handshakeTimeout: handshakeMs },
        handler,
      )
      server.on('connection', begun)
      server.on('secureConnection', (socket) => handshakes.delete(ends(socket)))
      // In place of Node's own listener, which would have it answered as a request that cannot be read.
      server.removeAllListeners('tlsClientError')
      server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
        failed(error.code ?? error.message, socket)
        socket.destroy()
      })
      servers.push(server)
      return server
    },
    present(next) {
      for (const server of servers) server.setSecureContext({ ...next, minVersion })
      presented = next
    },
    endHandshakes() {
      for (const socket of handshakes.values()) socket.destroy()
    },
  }
}
