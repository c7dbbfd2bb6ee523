/**
 * Runs inside a namespace of the lab and sends, listens and receives there at its parent's word.
 *
 * Not a server: it speaks only over the channel it was started with, and ends when that closes.
 */
import { createSocket, type Socket } from 'node:dgram'
import { connect, createServer, isIPv6, type Server } from 'node:net'

export type Request =
  /** Accepts connections, or receives and answers datagrams. `busy` when somebody else already does. */
  | {
      readonly op: 'listen'
      readonly protocol: 'tcp' | 'udp'
      readonly address: string
      readonly port: number
    }
  | {
      readonly op: 'unlisten'
      readonly protocol: 'tcp' | 'udp'
      readonly address: string
      readonly port: number
    }
  /** Sends a SYN, or one datagram, and waits for what comes back. */
  | {
      readonly op: 'send'
      readonly protocol: 'tcp' | 'udp'
      readonly source: string
      readonly sourcePort: number
      readonly destination: string
      readonly port: number
      readonly waitMs: number
    }
  /** Sends datagrams to one port after another, again and again, until `stop`. */
  | {
      readonly op: 'stream'
      readonly source: string
      readonly sourcePort: number
      readonly destination: string
      readonly ports: readonly number[]
      /** Datagrams per turn; there is a turn every millisecond or so. */
      readonly burst: number
    }
  /** Answers when the stream has sent so many more, which takes at most 30 s. */
  | { readonly op: 'more'; readonly datagrams: number }
  | { readonly op: 'stop' }

export type Came = 'answer' | 'refusal' | 'nothing'

export type Reply =
  | { readonly ok: true; readonly busy?: boolean; readonly came?: Came; readonly sent?: number }
  | { readonly ok: false; readonly error: string }

const tcp = new Map<string, Server>()
const udp = new Map<string, Socket>()
let stream: { stopped: boolean; sent: number; done: Promise<void> } | undefined

process.on('message', ({ id, request }: { id: number; request: Request }) => {
  answer(request).then(
    (reply) => process.send?.({ id, reply }),
    (error: Error) => process.send?.({ id, reply: { ok: false, error: error.message } satisfies Reply }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0, reply: { ok: true } satisfies Reply })

async function answer(request: Request): Promise<Reply> {
  switch (request.op) {
    case 'listen':
      return {
        ok: true,
        busy: !(await (request.protocol === 'tcp' ? listenTcp : listenUdp)(request.address, request.port)),
      }
    case 'unlisten': {
      const key = `${request.address} ${request.port}`
      const held = request.protocol === 'tcp' ? tcp : udp
      held.get(key)?.close()
      held.delete(key)
      return { ok: true }
    }
    case 'send':
      return { ok: true, came: await (request.protocol === 'tcp' ? sendSyn(request) : sendDatagram(request)) }
    case 'stream':
      return startStream(request)
    case 'more':
      return sendMore(request.datagrams)
    case 'stop': {
      if (stream === undefined) return { ok: true, sent: 0 }
      stream.stopped = true
      await stream.done
      const { sent } = stream
      stream = undefined
      return { ok: true, sent }
    }
  }
}

/** Whether we hold the port now; false when it is in use. */
function listenTcp(address: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end()
    })
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen({ host: address, port }, () => {
      tcp.set(`${address} ${port}`, server)
      resolve(true)
    })
  })
}

function listenUdp(address: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    socket.on('message', (message, from) => socket.send(message, from.port, from.address, () => {}))
    socket.bind({ address, port }, () => {
      udp.set(`${address} ${port}`, socket)
      resolve(true)
    })
  })
}

type Send = Extract<Request, { op: 'send' }>

function sendSyn({ source, sourcePort, destination, port, waitMs }: Send): Promise<Came> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: destination, port, localAddress: source, localPort: sourcePort })
    const finish = (came: Came): void => {
      clearTimeout(timer)
      // A reset leaves no connection behind, so that the same ports can be used at once again.
      socket.resetAndDestroy()
      resolve(came)
    }
    const timer = setTimeout(() => finish('nothing'), waitMs)
    socket.once('connect', () => finish('answer'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (refusals.has(error.code ?? '')) finish('refusal')
      else reject(error)
    })
  })
}

/** A reset, and the ICMP errors that a rejecting firewall answers with. */
const refusals = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'EPERM'])

function sendDatagram({ source, sourcePort, destination, port, waitMs }: Send): Promise<Came> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(destination) ? 'udp6' : 'udp4')
    const finish = (came: Came): void => {
      clearTimeout(timer)
      socket.close()
      resolve(came)
    }
    const timer = setTimeout(() => finish('nothing'), waitMs)
    socket.on('message', () => finish('answer'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (refusals.has(error.code ?? '')) finish('refusal')
      else {
        clearTimeout(timer)
        socket.close()
        reject(error)
      }
    })
    // Connected, because only then the kernel tells us of ICMP errors.
    socket.bind({ address: source, port: sourcePort }, () => {
      socket.connect(port, destination, () => socket.send('portcullis'))
    })
  })
}

async function startStream({
  source,
  sourcePort,
  destination,
  ports,
  burst,
}: Extract<Request, { op: 'stream' }>): Promise<Reply> {
  if (stream !== undefined) return { ok: false, error: 'a stream is running' }
  const socket = createSocket({ type: isIPv6(destination) ? 'udp6' : 'udp4', sendBufferSize: 1 << 20 })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: source, port: sourcePort }, () => {
      socket.off('error', reject)
      // A refusal by ICMP is part of the game.
      socket.on('error', () => {})
      resolve()
    })
  })
  const current = { stopped: false, sent: 0, done: Promise.resolve() }
  stream = current
  let next = 0
  current.done = (async () => {
    while (!current.stopped) {
      const sends: Promise<void>[] = []
      for (let i = 0; i < burst; i++) {
        const port = ports[next++ % ports.length] ?? 0
        sends.push(new Promise((resolve) => socket.send('x', port, destination, () => resolve())))
      }
      await Promise.all(sends)
      current.sent += burst
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    socket.close()
  })()
  return { ok: true }
}

async function sendMore(datagrams: number): Promise<Reply> {
  const current = stream
  if (current === undefined) return { ok: false, error: 'no stream is running' }
  const before = current.sent
  const deadline = performance.now() + 30_000
  while (current.sent < before + datagrams) {
    const sent = current.sent - before
    if (current.stopped) return { ok: false, error: `it was stopped when ${sent} were sent` }
    if (performance.now() > deadline) return { ok: false, error: `only ${sent} were sent in 30 s` }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return { ok: true, sent: current.sent }
}
