/** Both ends of connections that never stop talking, served to the process that has forked it. */
import { createSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'

const everyMs = 10
/** By the port of the end that was not begun here, what came. */
const received: Record<string, number> = {}
const count = (name: string): void => {
  received[name] = (received[name] ?? 0) + 1
}
function talk(socket: Socket, name: string): void {
  socket.setNoDelay(true)
  const timer = setInterval(() => socket.write('x'), everyMs)
  socket.on('data', () => count(name))
  socket.on('error', () => {})
  socket.on('close', () => clearInterval(timer))
}

const talks = {
  async listen(address: string, port: number) {
    const server = createServer((socket) => talk(socket, `tcp ${port}`))
    await new Promise<void>((resolve) => server.listen(port, address, resolve))
  },
  async connect(address: string, port: number) {
    const socket = connect(port, address)
    talk(socket, `tcp ${port}`)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  },
  /** `name` is the port that is not its own or is, the same at both ends. */
  async datagrams(address: string, port: number, peer: string, peerPort: number, name: number) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    await new Promise<void>((resolve) => socket.bind(port, address, resolve))
    socket.on('message', () => count(`udp ${name}`))
    socket.on('error', () => {})
    setInterval(() => socket.send('x', peerPort, peer, () => {}), everyMs)
  },
  received: () => received,
  close: () => process.exit(),
}
export type Talks = typeof talks

process.on('message', async ({ id, method, args }: { id: number; method: keyof Talks; args: unknown[] }) => {
  try {
    const value = await (talks[method] as (...given: unknown[]) => unknown)(...args)
    process.send?.({ id, value })
  } catch (error) {
    process.send?.({ id, error: String(error) })
  }
})
process.on('disconnect', () => process.exit())
