/**
 * The listener: request ids, authentication, limits, bodies, dispatch to dialects, metrics, log.
 *
 * It knows no provider. Whatever goes wrong before a dialect's handler is called, the dialect whose path was called
 * spells the error.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  maxHeaderSize,
  type RequestListener,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, Readable } from 'node:stream'
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
  fastify,
  LogController,
} from 'fastify'
import type { JsonValue } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { Answer, Dialect, Dialects, Method, Route } from '../dialects/dialect.ts'
import { type Authenticator, type Scheme, sourceOf } from '../service/authenticate.ts'
import { isOperator, noCredential, type Principal } from '../service/context.ts'
import { sameLimits } from '../service/limits.ts'
import type { Services } from '../service/services.ts'
import { Unavailable } from '../storage/unavailable.ts'
import { type AgentConnection, createAgentDoor } from './agent-door.ts'
import { maxBodyBytes, readBody } from './body.ts'
import type { Metrics } from './metrics.ts'
import { createRateLimiter, type RateLimits } from './rate-limits.ts'
import type { Readiness } from './readiness.ts'
import { createRefusalLog } from './refusal-log.ts'
import { createStreams, maxStreams } from './streams.ts'
import { createTlsListener, type KeyPair } from './tls.ts'

export interface ServerOptions {
  readonly services: Services
  readonly authenticator: Authenticator
  /** The first one spells the errors of paths that are nobody's. */
  readonly dialects: Dialects
  readonly metrics: Metrics
  readonly logger: FastifyBaseLogger
  /** Rejects with what keeps the service from doing its work. */
  readonly ready: () => Promise<Readiness>
  /** Where clients reach the service, when not where they say: `https://api.example.com`. */
  readonly publicUrl?: string
  /** Who reads /metrics must present it as a bearer token; absent: anybody who can reach the service may. */
  readonly metricsToken?: string
  /** Absent: none. */
  readonly rateLimits?: RateLimits
  /** Who is told of agents of hosts that connect, and what those are told in headers when they are let in. Absent: none may. */
  readonly agents?: {
    readonly connected: (connection: AgentConnection) => void
    readonly announces: Readonly<Record<string, string>>
  }
  /** What it presents to begin with; absent: it speaks plain HTTP. */
  readonly tls?: KeyPair
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

export interface Server {
  /** Answers the address it listens at: `http://127.0.0.1:8080`, or `https://…` with TLS. */
  listen(at: { readonly host: string; readonly port: number }): Promise<string>
  /** Presents another pair to who connects from now on. Throws when it is none, and when this server speaks plain HTTP. */
  present(pair: KeyPair): void
  /** Answers what is under way, and takes nothing new. */
  close(): Promise<void>
}

/** What a path is mounted with. */
interface Mounted {
  readonly dialect?: Dialect
  readonly route?: Route
}

/** What is known of a request by the time it is answered. */
interface Known {
  readonly dialect?: Dialect | undefined
  readonly route?: Route | undefined
  readonly principal?: Principal
  /** Its answer is a stream: that it is answered was told when the stream began. */
  readonly streams?: true
}

function permits(principal: Principal, dialect: Dialect, { scope, operators }: Route): boolean {
  if (scope === 'none') return true
  const { profiles } = principal.credential
  if (profiles && !dialect.overAll && !profiles.includes(dialect.profile)) return false
  return scope === 'any' || principal.scopes.has(scope) || (operators !== undefined && isOperator(principal))
}

/** Nobody: for routes that need no credential. */
const anonymous: Principal = { account: '', credential: noCredential, scopes: new Set() }

export function createServer(options: ServerOptions): Server {
  const { services, authenticator, dialects, metrics, logger, ready, publicUrl, now = Date.now } = options
  const { metricsToken, rateLimits = {} } = options
  const perSource = rateLimits.source && createRateLimiter(rateLimits.source)
  const perCredential = rateLimits.credential && createRateLimiter(rateLimits.credential)
  // Who presents none that is known is counted by where they ask from.
  const ofUnknown = rateLimits.credential && createRateLimiter(rateLimits.credential)
  const requests = new WeakMap<FastifyRequest, Known>()
  const of = (request: FastifyRequest): Known => requests.get(request) ?? {}
  const streams = createStreams(now)
  const refusals = createRefusalLog(logger)
  const door =
    options.agents &&
    createAgentDoor({
      authenticator,
      take: options.agents.connected,
      announces: options.agents.announces,
      now,
      admit: (headers, address) => admit(dialectOf('/v1') ?? dialects[0], headers, ['bearer'], address),
      refuse: refuseAgent,
      counted: (by) => metrics.streams(agentLabels(), by),
    })
  const stopChecks = authenticator.onChange(() => {
    streams.check()
    door?.check()
  })

  const tls =
    options.tls &&
    createTlsListener({
      pair: options.tls,
      failed: (reason, { remoteAddress: address }) => logger.debug({ reason, address }, 'no request'),
    })
  const http = {
    requireHostHeader: false,
    shouldUpgradeCallback: (request: IncomingMessage) => door?.isFor(request) ?? false,
    // Slow senders are cut off; so are headers that never end (Node's own limits).
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
  }
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // Told in the words of the dialect that is called, below.
    http,
    ...(tls && { serverFactory: (handler: RequestListener) => tls.create(handler, http) }),
    clientErrorHandler: (error, socket) => endConnection(socket, error),
    bodyLimit: maxBodyBytes,
    requestTimeout: http.requestTimeout,
    keepAliveTimeout: http.keepAliveTimeout,
    genReqId: (request) => {
      const given = request.headers['x-request-id']
      return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID()
    },
    // Values are what they are: a number in quotes is text.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    // Addresses that cannot be read: escapes that are none, for one.
    frameworkErrors: (_error, request, reply) =>
      void refuse(request, reply, { kind: 'not-found', resource: 'route', id: pathOf(request) }),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (of(request).route?.rawBody) return done(null, bytes)
    const body = readBody(bytes as Buffer, request.headers['content-type'])
    if (body.ok) done(null, body.value)
    // Content means nothing there (RFC 9110 §9.3.5): whatever a client sends, it is not why a deletion fails.
    else if (request.method === 'DELETE') done(null, undefined)
    else done(new Refused(body.error))
  })

  // Before the body is read, and before it matters whether the path exists.
  app.addHook('onRequest', async (request, reply) => {
    asked.set(request.raw.socket, reply)
    const { dialect = dialectOf(pathOf(request)), route } = request.routeOptions.config as Mounted
    const known = { dialect, route }
    requests.set(request, known)
    const { raw } = request
    if (raw.httpVersion === '1.1' && raw.headers.host === undefined) {
      return refuse(request, reply, { kind: 'protocol', status: 400, reason: 'the Host header is missing' })
    }
    const limited = dialect && limitedSource(dialect, request.ip)
    if (limited) return refuse(request, reply, limited)
    if (dialect && route?.scope !== 'none') {
      const principal = await identify(dialect, request.headers, dialect.schemes, request.ip)
      if (!principal.ok) return refuse(request, reply, principal.error)
      requests.set(request, { ...known, principal: principal.value })
      const limited = limitedCredential(dialect, principal.value)
      if (limited) return refuse(request, reply, limited)
      if (route && !permits(principal.value, dialect, route)) {
        return refuse(request, reply, { kind: 'forbidden' })
      }
    }
    // Whatever is sent to a path that is not there, that is what is wrong with it.
    return request.is404 ? refuse(request, reply, absence(request)) : undefined
  })

  for (const dialect of dialects) {
    for (const prefix of dialect.prefixes) {
      for (const route of dialect.routes) mount(dialect, route, prefix + route.path)
    }
  }
  app.setNotFoundHandler((request, reply) => refuse(request, reply, absence(request)))
  // Sent before the body, which is then not waited for.
  app.server.on('checkExpectation', (request, response) => {
    const error = { kind: 'protocol', status: 417, reason: 'only 100-continue can be expected' } as const
    const { status, type, body } = spell(request.url ?? '', request.method, error)
    const headers = { 'content-type': type, 'content-length': body.length, connection: 'close' }
    response.writeHead(status, headers).end(body)
  })
  if (door) app.server.on('upgrade', door.open)
  /** What is asked on a connection, while it is: for what goes wrong within. */
  const asked = new WeakMap<Socket, FastifyReply>()
  app.setErrorHandler((error, request, reply) =>
    refuse(request, reply, explain(error, request.routeOptions.bodyLimit)),
  )

  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async (request, reply) => {
    try {
      const { ready: able, reasons } = await ready()
      if (!able) return reply.code(503).send({ status: 'not ready', reasons })
      return { status: reasons.length === 0 ? 'ready' : 'degraded', reasons }
    } catch (error) {
      request.log.warn({ err: error }, 'not ready')
      return reply.code(503).send({ status: 'not ready', reasons: ['the service cannot do its work'] })
    }
  })
  app.get('/metrics', async (request, reply) => {
    if (metricsToken !== undefined && !presents(request.headers.authorization, metricsToken)) {
      return reply.code(401).header('www-authenticate', 'Bearer').send({ status: 'unauthenticated' })
    }
    return reply.type(metrics.contentType).send(await metrics.text())
  })

  app.addHook('onResponse', (request, reply, done) => {
    asked.delete(request.raw.socket)
    if (!of(request).streams) answered(request, reply, 'request')
    done()
  })

  /** Whose credential it is; why not is counted. */
  async function identify(
    { profile }: Dialect,
    headers: IncomingHttpHeaders,
    schemes: readonly Scheme[],
    address: string,
  ): Promise<Result<Principal, RequestError>> {
    const principal = await authenticator.authenticate(headers, schemes, address)
    if (principal.ok) return principal
    const { kind } = principal.error
    if (kind === 'too-many-requests') metrics.loginRefused(profile, 'throttled')
    if (kind === 'unauthenticated') {
      const wait = ofUnknown?.take(sourceOf(address))
      if (wait !== undefined) return err(tooOften(profile, 'source', wait))
      metrics.loginRefused(profile, 'unauthenticated')
    }
    return principal
  }

  function limitedSource({ profile }: Dialect, address: string): RequestError | undefined {
    const wait = perSource?.take(sourceOf(address))
    return wait === undefined ? undefined : tooOften(profile, 'source', wait)
  }

  function limitedCredential({ profile }: Dialect, { credential }: Principal): RequestError | undefined {
    const wait = perCredential?.take(credential.id)
    return wait === undefined ? undefined : tooOften(profile, 'credential', wait)
  }

  function tooOften(profile: string, by: 'credential' | 'source', retryAfter: number): RequestError {
    metrics.rateLimited(profile, by)
    const asker = by === 'credential' ? 'credential' : 'address'
    return { kind: 'too-many-requests', retryAfter, reason: `This ${asker} has asked too often.` }
  }

  /** Of one that no route has taken in: its limits, and whose credential it is. */
  async function admit(
    dialect: Dialect,
    headers: IncomingHttpHeaders,
    schemes: readonly Scheme[],
    address: string,
  ): Promise<Result<Principal, RequestError>> {
    const limited = limitedSource(dialect, address)
    if (limited) return err(limited)
    const principal = await identify(dialect, headers, schemes, address)
    if (!principal.ok) return principal
    const over = limitedCredential(dialect, principal.value)
    return over ? err(over) : ok(principal.value)
  }

  const agentLabels = () => ({ dialect: dialectOf('/v1')?.profile ?? 'none', operation: 'hosts.agent' })

  function refuseAgent(request: IncomingMessage, socket: Duplex, error: RequestError): void {
    if (error.kind === 'internal' || error.kind === 'unavailable')
      logger.error({ err: error.cause }, error.kind)
    if (socket.destroyed) return
    const { status } = answerAtOnce(socket, request.url ?? '', request.method, error)
    const address = request.socket.remoteAddress ?? ''
    const labels = { ...agentLabels(), status }
    metrics.request(labels, 0)
    refusals.answered(status, address)
    logger.debug({ ...labels, address }, 'no agent')
  }

  function labelsOf(request: FastifyRequest, { statusCode: status }: FastifyReply) {
    const { dialect, route } = of(request)
    return { dialect: dialect?.profile ?? 'none', operation: route?.operation ?? 'none', status }
  }

  function answered(request: FastifyRequest, reply: FastifyReply, text: 'request' | 'stream'): void {
    metrics.request(labelsOf(request, reply), reply.elapsedTime / 1000)
    refusals.answered(reply.statusCode, request.ip)
    tell(request, reply, text)
  }

  function tell(request: FastifyRequest, reply: FastifyReply, text: string): void {
    const { principal } = of(request)
    request.log.debug(
      {
        ...labelsOf(request, reply),
        method: request.method,
        // Never the query, the headers or the body: secrets travel there.
        path: pathOf(request),
        milliseconds: Math.round(reply.elapsedTime * 100) / 100,
        account: principal?.account,
        actor: principal?.credential.label,
        address: request.ip,
      },
      text,
    )
  }

  function mount(dialect: Dialect, route: Route, url: string): void {
    app.route({
      method: route.method,
      url,
      config: { dialect, route } satisfies Mounted,
      ...(route.maxBodyBytes !== undefined && { bodyLimit: route.maxBodyBytes }),
      ...(route.schema?.body && { schema: { body: route.schema.body } }),
      handler: async (request, reply) => {
        const query = request.url.indexOf('?')
        const { principal = anonymous } = of(request)
        const answer = await route.handler({
          principal,
          dialect: dialect.profile,
          requestId: request.id,
          now: now(),
          services: services.of(principal),
          catalogue: dialect.catalogue?.value,
          headers: request.headers,
          baseUrl: publicUrl ?? calledBaseUrl(request),
          path: pathOf(request),
          params: withoutNul(request.params as Record<string, string>),
          query: new URLSearchParams(query < 0 ? '' : request.url.slice(query + 1)),
          body: route.rawBody ? undefined : (request.body as JsonValue | undefined),
          ...(route.rawBody && { bytes: (request.body as Buffer | undefined) ?? Buffer.alloc(0) }),
        })
        return answer.stream ? stream(request, reply, answer, answer.stream) : send(reply, answer, dialect)
      },
    })
  }

  function stream(
    request: FastifyRequest,
    reply: FastifyReply,
    answer: Answer,
    source: NonNullable<Answer['stream']>,
  ): FastifyReply {
    const { dialect, route, principal = anonymous } = of(request)
    const { account } = principal
    if (request.method === 'HEAD') return head(reply, answer).send(Readable.from([]))
    const { dialect: profile, operation } = labelsOf(request, reply)
    const pieces = streams.open({
      ...{ account, source, response: reply.raw },
      async allowedUntil() {
        if (!dialect || route?.scope === 'none') return Number.POSITIVE_INFINITY
        const renewed = await authenticator.renew(principal)
        const allowed =
          renewed?.account === account &&
          sameLimits(renewed, principal) &&
          (!route || permits(renewed, dialect, route))
        return renewed && allowed ? authenticator.endOf(renewed) : 0
      },
      ended() {
        metrics.streams({ dialect: profile, operation }, -1)
        // The framework calls nobody when a client goes before the end, as most of them do.
        tell(request, reply, 'stream ended')
      },
    })
    if (!pieces) {
      const reason = `More than ${maxStreams} streams of an account are not open at once.`
      return refuse(request, reply, { kind: 'too-many-requests', retryAfter: 10, reason })
    }
    head(reply, answer)
    requests.set(request, { ...of(request), streams: true })
    metrics.streams({ dialect: profile, operation }, 1)
    // How long somebody reads says nothing about how fast we answer.
    answered(request, reply, 'stream')
    return reply.send(pieces)
  }

  function dialectOf(path: string): Dialect | undefined {
    const under = (prefix: string) => path === prefix || path.startsWith(`${prefix}/`)
    return dialects.find(
      (each) => (each.roots ?? each.prefixes).some(under) || each.claims?.(path) !== undefined,
    )
  }

  function refuse(request: FastifyRequest, reply: FastifyReply, error: RequestError): FastifyReply {
    if (error.kind === 'internal' || error.kind === 'unavailable')
      request.log.error({ err: error.cause }, error.kind)
    const path = pathOf(request)
    const dialect = of(request).dialect ?? dialectOf(path) ?? dialects[0]
    return send(
      reply,
      dialect.error(error, {
        path,
        requestId: request.id,
        headers: request.headers,
        method: request.method,
      }),
      dialect,
    )
  }

  /** Why nothing is done: no such path, or nothing of it that can be asked so. */
  function absence(request: FastifyRequest): RequestError {
    const path = pathOf(request)
    const dialect = dialectOf(path)
    const allowed = dialect ? methodsAt(dialect, path) : []
    if (allowed.length > 0) return { kind: 'method-not-allowed', allowed }
    return dialect?.claims?.(path) ?? { kind: 'not-found', resource: 'route', id: path }
  }

  /** As bytes, of a request that the framework has not seen. */
  function spell(url: string, method: string | undefined, error: RequestError) {
    const path = url.split('?', 1)[0] ?? ''
    const dialect = dialectOf(path) ?? dialects[0]
    const where = { path, requestId: randomUUID(), headers: {}, ...(method !== undefined && { method }) }
    const { status, body, headers } = dialect.error(error, where)
    const type = headers?.['content-type'] ?? dialect.contentType
    return { status, type, headers, body: Buffer.from(JSON.stringify(body)), id: where.requestId, dialect }
  }

  /** Says what is wrong where no framework does, and ends the connection. */
  function answerAtOnce(socket: Duplex, url: string, method: string | undefined, error: RequestError) {
    const { status, type, headers = {}, body, id, dialect } = spell(url, method, error)
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...Object.entries({ ...headers, 'content-type': type }).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${body.length}`,
      `x-request-id: ${id}`,
      'connection: close',
    ]
    socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))
    return { status, dialect }
  }

  /** Refuses what cannot be read as a request, and ends its connection: nobody knows where the next one begins. */
  function endConnection(socket: Socket, error: ConnectionError): void {
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const under = asked.get(socket)
    // An answer has begun: what is added would be taken for a part of it.
    if (under?.raw.headersSent || !socket.writable) return void socket.destroy()
    const came = Buffer.isBuffer(error.rawPacket) ? error.rawPacket.toString('latin1', 0, 20_000) : ''
    const [, method, url = ''] = /^([A-Z-]{1,20}) (\/[^ \r\n]{0,16384})/.exec(came) ?? []
    const called = under ? under.request.url : url
    const { status, dialect } = answerAtOnce(socket, called, under?.request.method ?? method, refusal(error))
    const labels = { dialect: dialect.profile, operation: 'none', status }
    metrics.request(labels, 0)
    logger.debug({ ...labels, reason: error.code, address: socket.remoteAddress }, 'no request')
  }

  return {
    async listen(at) {
      const named = (address: string) => (tls ? address.replace(/^http:/, 'https:') : address)
      return named(await app.listen({ ...at, listenTextResolver: (at) => `listening at ${named(at)}` }))
    },
    present(pair) {
      if (!tls) throw new Error('this server speaks plain HTTP')
      tls.present(pair)
    },
    async close() {
      // Connections whose last answer is sent would be kept open for another request.
      const sweep = setInterval(() => {
        app.server.closeIdleConnections()
        tls?.endHandshakes()
      }, 50)
      stopChecks()
      streams.close()
      door?.close()
      refusals.close()
      const written = authenticator.close()
      await app.close()
      await written
      clearInterval(sweep)
    },
  }
}

/** Compared as hashes, so that the time says nothing about how much of a guess is right. */
function presents(authorization: string | undefined, token: string): boolean {
  const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
  const [one, other] = [given, token].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

/** What a path that is there can be asked: found by looking, because routes for all that cannot would fill the memory. */
function methodsAt({ prefixes, routes }: Dialect, path: string): readonly Method[] {
  const under = prefixes
    .filter((prefix) => path.startsWith(prefix))
    .map((prefix) => path.slice(prefix.length))
  const found = routes.filter((route) => under.some((rest) => matches(route.path, rest)))
  return [...new Set(found.map((route) => route.method))]
}

function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern, path].map((text) => text.replace(/\/$/, '').split('/'))
  if (!wanted || wanted.length !== given?.length) return false
  return wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
}

/** No id holds it, and not every store can look for it: it becomes what stands for characters that are none. */
const withoutNul = (params: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value.replaceAll('\0', '\ufffd')]))

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? ''

/** What the client called, if it says so in words that may be repeated to it; else where it was taken in. */
function calledBaseUrl({ headers: { host }, socket, protocol }: FastifyRequest): string {
  if (host !== undefined && /^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i.test(host))
    return `${protocol}://${host}`
  const { localAddress = '', localPort } = socket
  return `${protocol}://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}

function head(reply: FastifyReply, { status, headers = {} }: Answer): FastifyReply {
  return reply.code(status).header('x-request-id', reply.request.id).headers(headers)
}

function send(reply: FastifyReply, answer: Answer, dialect: Dialect): FastifyReply {
  const { body } = answer
  if (body !== undefined) reply.header('content-type', dialect.contentType)
  head(reply, answer)
  // Bytes, because the framework adds a charset to the media type of text.
  return reply.send(body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)))
}

/** A refusal on its way through the framework. */
class Refused extends Error {
  readonly error: RequestError
  constructor(error: RequestError) {
    super(error.kind)
    this.error = error
  }
}

interface ConnectionError extends Error {
  readonly code: string
  /** What came last, which is all of the request when it is short. */
  readonly rawPacket?: unknown
}

/** What the HTTP parser found, in words that tell who wrote the client where to look. */
function refusal({ code, message }: ConnectionError): RequestError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      kind: 'protocol',
      status: 431,
      reason: `the request line and headers are larger than ${maxHeaderSize} bytes`,
    }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { kind: 'protocol', status: 400, reason: 'the extensions of a chunk are too large' }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { kind: 'protocol', status: 408, reason: 'the request did not end in time' }
  return { kind: 'protocol', status: 400, reason: message.slice(0, 200) }
}

/** What the framework, or a service that could not do its work, threw. */
function explain(error: unknown, limit = maxBodyBytes): RequestError {
  if (error instanceof Refused) return error.error
  if (error instanceof Unavailable) return { kind: 'unavailable', cause: error }
  const [violation] = (error as Partial<FastifyError>).validation ?? []
  if (violation) {
    const { additionalProperty, missingProperty } = violation.params
    const path = [...violation.instancePath.split('/').slice(1), additionalProperty ?? missingProperty]
    const names = path.filter((part) => typeof part === 'string')
    // `rules[3].destinationPorts[0]`, as everywhere else.
    const field = names.join('.').replace(/\.(\d+)(?=\.|$)/g, '[$1]') || 'body'
    return { kind: 'invalid', field, reason: reasonOf(violation) }
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return { kind: 'too-large', limit }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return { kind: 'unsupported-media-type', mediaType: '' }
  if (typeof statusCode === 'number' && statusCode < 500) {
    return { kind: 'malformed', reason: error instanceof Error ? error.message : String(error) }
  }
  return { kind: 'internal', cause: error }
}

function reasonOf({ params, message = 'is not valid' }: FastifySchemaValidationError): string {
  const { allowedValues } = params
  return Array.isArray(allowedValues) ? `expected one of ${allowedValues.map(String).join(', ')}` : message
}
