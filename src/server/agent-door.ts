/**
 * Where agents of hosts connect: a WebSocket that whoever has the host's credential may open, and nobody else.
 *
 * It carries bytes, and knows nothing of what is said.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { type Closing, closings } from '../core/model/closings.ts'
import type { RequestError } from '../core/model/error.ts'
import { err, type Result } from '../core/result.ts'
import type { Authenticator } from '../service/authenticate.ts'
import type { Principal } from '../service/context.ts'
import { createTurns } from '../service/turns.ts'
import { watchCredential } from './credential-watch.ts'

export interface AgentConnection {
  readonly host: string
  /** Id of the credential that it was let in with. */
  readonly credential: string
  readonly stream: Duplex
  /** Where it comes from, for the log. */
  readonly address: string
  /** Says why, and ends it, soon whatever the other side does. */
  close(code: Closing, reason: string): void
}

export interface AgentDoorOptions {
  readonly authenticator: Authenticator
  /** Whose credential it is, if they may ask now. */
  readonly admit: (headers: IncomingHttpHeaders, address: string) => Promise<Result<Principal, RequestError>>
  /** Headers for those who are let in: what this service is. */
  readonly announces: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** An agent has connected. */
  readonly take: (connection: AgentConnection) => void
  /** Answers one that may not, on a connection that is then closed. */
  readonly refuse: (request: IncomingMessage, socket: Duplex, error: RequestError) => void
  /** How many are connected has changed by this. */
  readonly counted: (by: 1 | -1) => void
}

export interface AgentDoor {
  /** Whether the request is for this door: others are answered as if they asked for no upgrade. */
  isFor(request: IncomingMessage): boolean
  open(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Looks whether those that are connected still may. */
  check(): void
  /** Ends all, and opens to nobody any more. */
  close(): void
}

/** Bytes of one message: agents say little at once. */
const maxPayload = 1024 * 1024
/** For one that is to end to say so as well, milliseconds. */
const farewellMs = 1000

/** Credentials that are looked at again at a time: where one is withdrawn all are, and requests wait for the same store. */
const checksAtOnce = 4

export function createAgentDoor({
  authenticator,
  admit,
  announces,
  now,
  take,
  refuse,
  counted,
}: AgentDoorOptions): AgentDoor {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload,
    autoPong: false,
    // What was said before is not kept for the next message: it would take 300 kB of each of a thousand agents.
    perMessageDeflate: { clientNoContextTakeover: true, serverNoContextTakeover: true, threshold: 1024 },
  })
  sockets.on('headers', (headers) => {
    for (const [name, value] of Object.entries({ ...announces, date: new Date(now()).toUTCString() }))
      headers.push(`${name}: ${value}`)
  })
  const connections = new Set<{ readonly check: () => void; readonly close: AgentConnection['close'] }>()
  let closed = false
  const turns = createTurns(checksAtOnce)

  async function welcome(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    upgraded: () => void,
  ): Promise<void> {
    const address = request.socket.remoteAddress ?? ''
    const admitted = await allowed(request, address)
    if (socket.destroyed) return
    if (!admitted.ok) return refuse(request, socket, admitted.error)
    const principal = admitted.value
    sockets.handleUpgrade(request, socket, head, (ws) => {
      upgraded()
      // What goes wrong closes it.
      ws.on('error', () => {})
      // Answers that nobody reads would fill the memory.
      ws.on('ping', (data) => {
        if (ws.bufferedAmount < maxPayload) ws.pong(data)
      })
      const close: AgentConnection['close'] = (code, reason) => {
        ws.close(code, clipped(reason))
        setTimeout(() => ws.terminate(), farewellMs).unref()
      }
      const watch = watchCredential(
        async () => {
          const renewed = await turns(() => authenticator.renew(principal))
          return renewed && hostOf(renewed) === hostOf(principal) ? authenticator.endOf(renewed) : 0
        },
        () => close(closings.ended, 'its credential has ended'),
      )
      const connection = { check: watch.check, close }
      connections.add(connection)
      counted(1)
      ws.once('close', () => {
        watch.stop()
        connections.delete(connection)
        counted(-1)
      })
      take({
        host: hostOf(principal) ?? '',
        credential: principal.credential.id,
        stream: createWebSocketStream(ws),
        address,
        close,
      })
      // It may have ended while it was admitted, or begin to end before the next look.
      watch.check()
    })
  }

  async function allowed(
    request: IncomingMessage,
    address: string,
  ): Promise<Result<Principal, RequestError>> {
    if (closed) return err({ kind: 'unavailable', cause: new Error('the service stops') })
    const { headers } = request
    // A page of another site speaks through whoever looks at it. No agent is a browser.
    if (headers.origin !== undefined) return err({ kind: 'forbidden' })
    const principal = await admit(headers, address)
    if (!principal.ok) return principal
    const mine = hostOf(principal.value)
    return mine !== undefined && mine === hostNamed(request) ? principal : err({ kind: 'forbidden' })
  }

  return {
    isFor: (request) =>
      request.method === 'GET' &&
      request.headers.upgrade?.toLowerCase() === 'websocket' &&
      hostNamed(request) !== undefined,
    open(request, socket, head) {
      socket.on('error', () => {})
      let upgraded = false
      welcome(request, socket, head, () => {
        upgraded = true
      }).catch((cause) => {
        // What it reads by then is no HTTP any more.
        if (upgraded) socket.destroy()
        else refuse(request, socket, { kind: 'unavailable', cause })
      })
    },
    check() {
      for (const each of connections) each.check()
    },
    close() {
      closed = true
      for (const each of connections) each.close(closings.away, 'the service stops')
    },
  }
}

const hostOf = ({ credential: { holder, host } }: Principal): string | undefined =>
  holder === 'host' ? (host ?? undefined) : undefined

/** Undefined for other paths, and for names that are none. */
function hostNamed({ url = '' }: IncomingMessage): string | undefined {
  const [, name] = /^\/v1\/hosts\/([^/?]+)\/agent\/?(?:\?|$)/.exec(url) ?? []
  try {
    return name === undefined ? undefined : decodeURIComponent(name)
  } catch {
    return undefined
  }
}

/** A reason has 123 bytes (RFC 6455 §5.5). */
function clipped(reason: string): string {
  const bytes = Buffer.from(reason)
  return bytes.length <= 123
    ? reason
    : `${bytes
        .subarray(0, 117)
        .toString('utf8')
        .replace(/\ufffd+$/, '')} …`
}
