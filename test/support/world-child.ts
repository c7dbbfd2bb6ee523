/**
 * The world of the lab of two hosts, or a VM of it, served to the process that has forked it: sends datagrams, calls the API,
 * spreads connections over the services as a balancer does, and poses as an agent.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { request } from 'node:https'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { ConnectError, type Connection, connect, type Farewell } from '../../src/agent/connect.ts'

export interface Target {
  readonly address: string
  readonly port: number
  /** Absent: one for all that say nothing else. */
  readonly from?: number
}
const keyOf = ({ address, port }: Target): string => `${address}:${port}`

const everyMs = 10
const sockets = new Map<number, DatagramSocket>()
let aims: readonly Target[] = []
const sent: Record<string, number> = {}

async function socketFrom(port = 0): Promise<DatagramSocket> {
  const known = sockets.get(port)
  if (known) return known
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.bind(port, resolve))
  sockets.set(port, socket)
  return socket
}
setInterval(async () => {
  for (const aim of aims) {
    const socket = await socketFrom(aim.from)
    socket.send('x', aim.port, aim.address, (error) => {
      if (!error) sent[keyOf(aim)] = (sent[keyOf(aim)] ?? 0) + 1
    })
  }
}, everyMs)

interface Posing {
  readonly connection: Connection
  heard: string
  farewell: (Farewell & { readonly at: number }) | null
}
const poses: Posing[] = []

const world = {
  /** Sends to each of these every 10 ms from now on, in place of those before. */
  aim(targets: readonly Target[]) {
    aims = targets
  },
  /** By address and port: how many were sent. */
  sent: () => sent,
  /** Passes each connection at the port to the next of these ports of this machine that takes one. */
  async balance(port: number, backends: readonly number[]) {
    let turn = 0
    const server = createServer((outer) => {
      outer.on('error', () => {})
      const order = backends.map((_, n) => backends[(turn + n) % backends.length] ?? 0)
      turn++
      const next = (): void => {
        const backend = order.shift()
        if (backend === undefined) return void outer.destroy()
        const inner: Socket = connectTcp(backend, '127.0.0.1')
        inner.once('error', next)
        inner.once('connect', () => {
          inner.off('error', next).on('error', () => {})
          outer.pipe(inner).pipe(outer)
          outer.on('close', () => inner.destroy())
          inner.on('close', () => outer.destroy())
        })
      }
      next()
    })
    await new Promise<void>((resolve) => server.listen(port, resolve))
  },
  call(
    port: number,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
    ca: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: '127.0.0.1', port, method, path, headers, ca, agent: false, timeout: 30_000 },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (piece) => {
            text += piece
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        },
      )
      asked.on('timeout', () => asked.destroy(new Error('no answer in 30 s')))
      asked.on('error', reject)
      asked.end(body)
    })
  },
  /** Speaks as the agent of a host; answers a number of the connection, or why there is none. */
  async pose(server: string, host: string, token: string, ca: string): Promise<number | string> {
    try {
      const address = { server: new URL(server), host, tls: { ca } }
      const connection = await connect(address, token, AbortSignal.timeout(30_000))
      const posing: Posing = { connection, heard: '', farewell: null }
      connection.stream
        .on('error', () => {})
        .on('data', (bytes) => {
          posing.heard += bytes
        })
      void connection.closed.then((farewell) => {
        posing.farewell = { ...farewell, at: performance.timeOrigin + performance.now() }
      })
      return poses.push(posing) - 1
    } catch (error) {
      if (error instanceof ConnectError) return error.message
      throw error
    }
  },
  say(pose: number, message: object) {
    poses[pose]?.connection.stream.write(`${JSON.stringify(message)}\n`)
  },
  heard: (pose: number) => poses[pose]?.heard ?? '',
  farewell: (pose: number) => poses[pose]?.farewell ?? null,
}
export type World = typeof world

process.on('message', async ({ id, method, args }: { id: number; method: keyof World; args: unknown[] }) => {
  try {
    const value = await (world[method] as (...given: unknown[]) => unknown)(...args)
    process.send?.({ id, value })
  } catch (error) {
    process.send?.({ id, error: String(error) })
  }
})
process.on('disconnect', () => process.exit())
