/**
 * Connects an agent to its service: a WebSocket at `/v1/hosts/{host}/agent`, over TCP or TLS.
 *
 * The address is reached first, with little patience: whoever is cut off tries often, which costs nobody anything. The rest
 * may take longer, because a service that many connect to at once answers slowly.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'
import { isObject, type JsonValue } from '../core/json.ts'
import { certificateTrouble } from '../core/net/certificate-trouble.ts'
import { readVersions, type Versions } from './versions.ts'

/** What TLS is verified with; without authorities: Node's own. */
export type TlsOptions = Pick<ConnectionOptions, 'ca' | 'servername'>

export interface Address {
  /** Of the service, `http:` or `https:`; what is below its path is the service's. */
  readonly server: URL
  readonly tls: TlsOptions
  readonly host: string
}

export interface Connection {
  readonly stream: Duplex
  /** Resolves when it is no more, with what the service said last. */
  readonly closed: Promise<Farewell>
  readonly server: Announced
}

/** What a service says of itself when it lets somebody in; one of an older release does not. */
export interface Announced {
  readonly release?: string
  readonly versions?: Versions
  /** Its clock, milliseconds since 1970, to the second. */
  readonly date?: number
}

export interface Farewell {
  /** Of `closings`, or of RFC 6455 §7.4. */
  readonly code: number
  /** Empty: it said nothing. */
  readonly reason: string
}

/** What a service had to say: nothing, because it was not reached; that it cannot now; or that it does not want to. */
export type Answer = 'none' | 'unable' | 'refused'

/** Why there is no connection. */
export class ConnectError extends Error {
  readonly answer: Answer
  constructor(message: string, answer: Answer) {
    super(message)
    this.answer = answer
  }
}

/** Milliseconds. A first packet that was lost is not sent again for a second: another attempt is sooner there. */
const patience = { again: 400, reach: 1500, open: 20_000 }
/** Bytes of one message that a service may send: a line is many. */
const maxPayload = 1024 * 1024
/** Bytes of a refusal that are read. */
const maxRefusal = 16 * 1024

/** Rejects with a `ConnectError`, or when the signal is aborted. */
export async function connect(
  { server, tls, host }: Address,
  token: string,
  signal: AbortSignal,
): Promise<Connection> {
  const socket = await reach(server, signal)
  const secure = server.protocol === 'https:'
  const base = `${secure ? 'wss' : 'ws'}://${server.host}${server.pathname.replace(/\/$/, '')}`
  const ws = new WebSocket(`${base}/v1/hosts/${encodeURIComponent(host)}/agent`, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: patience.open,
    maxPayload,
    autoPong: false,
    perMessageDeflate: { clientNoContextTakeover: true, serverNoContextTakeover: true, threshold: 1024 },
    createConnection: () =>
      secure
        ? connectTls({
            ...tls,
            // Whatever the environment says: NODE_TLS_REJECT_UNAUTHORIZED.
            rejectUnauthorized: true,
            socket,
            ALPNProtocols: ['http/1.1'],
            servername: tls.servername ?? serverName(server.hostname),
            host: server.hostname.replace(/^\[|\]$/g, ''),
          })
        : socket,
  })
  const { promise: closed, resolve: close } = Promise.withResolvers<Farewell>()
  ws.on('close', (code, reason) => close({ code, reason: reason.toString('utf8') }))
  let announced: Announced = {}
  ws.once('upgrade', ({ headers }) => {
    announced = announcedIn(headers)
  })
  const aborted = () => ws.terminate()
  signal.addEventListener('abort', aborted, { once: true })
  try {
    await new Promise<void>((resolve, reject) => {
      ws.once('open', resolve)
      ws.once('error', (error) =>
        reject(
          new ConnectError(certificateTrouble(error, 'name its file with --ca') ?? error.message, 'none'),
        ),
      )
      ws.once('unexpected-response', (_request, response) => {
        void refusalOf(response).then((text) => {
          reject(new ConnectError(text, unable.has(response.statusCode ?? 0) ? 'unable' : 'refused'))
          ws.terminate()
        })
      })
    })
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', aborted)
  }
  // What goes wrong closes it, and is told so.
  ws.on('error', () => {})
  // Answers that nobody reads would fill the memory.
  ws.on('ping', (data) => {
    if (ws.bufferedAmount < maxPayload) ws.pong(data)
  })
  return { stream: createWebSocketStream(ws), closed, server: announced }
}

function announcedIn(headers: IncomingHttpHeaders): Announced {
  const { date, 'portcullis-release': release, 'portcullis-protocol': protocol } = headers
  const versions = typeof protocol === 'string' ? readVersions(protocol) : undefined
  const at = Date.parse(date ?? '')
  return {
    ...(typeof release === 'string' && /^[\w.+-]{1,64}$/.test(release) && { release }),
    ...(versions && { versions }),
    ...(!Number.isNaN(at) && { date: at }),
  }
}

/** Of a service whose store is away, and of proxies that have no service to ask. */
const unable = new Set([502, 503, 504])

/** What a certificate is for; an address has no name (RFC 6066 §3). */
const serverName = (hostname: string): string => (/^\[|^[\d.]+$/.test(hostname) ? '' : hostname)

/** Whichever attempt arrives first; what refuses one refuses all. */
function reach(server: URL, signal: AbortSignal): Promise<Socket> {
  const port = server.port === '' ? (server.protocol === 'https:' ? 443 : 80) : Number(server.port)
  const host = server.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const attempts = new Set<Socket>()
    let over = false
    function end(reached?: Socket): void {
      over = true
      clearInterval(again)
      clearTimeout(late)
      signal.removeEventListener('abort', aborted)
      for (const each of attempts) if (each !== reached) each.destroy()
    }
    function fail(error: unknown): void {
      end()
      reject(error)
    }
    const failed = (error: Error) => fail(new ConnectError(error.message || String(error), 'none'))
    const aborted = () => fail(signal.reason)
    function attempt(): void {
      const socket = connectTcp({ host, port, noDelay: true, autoSelectFamily: true })
      attempts.add(socket)
      // Until whoever takes it listens, too.
      socket.on('error', (error) => {
        if (!over) failed(error)
      })
      socket.once('connect', () => {
        end(socket)
        resolve(socket)
      })
    }
    const again = setInterval(attempt, patience.again)
    const late = setTimeout(() => failed(new Error(`${host}:${port} does not answer`)), patience.reach)
    signal.addEventListener('abort', aborted)
    attempt()
  })
}

/** What an answer that is no WebSocket says, in one line. */
async function refusalOf(response: IncomingMessage): Promise<string> {
  const said = `the service answered ${response.statusCode}`
  let text = ''
  try {
    response.setEncoding('utf8')
    for await (const piece of response) {
      text += piece
      if (text.length > maxRefusal) break
    }
    const body: JsonValue = JSON.parse(text)
    const detail = isObject(body) && (body.detail ?? body.title)
    return typeof detail === 'string' ? `${said}: ${detail}` : said
  } catch {
    return said
  }
}
