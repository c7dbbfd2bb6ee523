/** Packet logs for tests, read by a process that is in a network namespace: a socket reads those of its own alone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Events } from '../../src/agent/netlink/events.ts'
import { MessageReader } from '../../src/agent/netlink/message.ts'
import { LogUnavailableError, type openLog } from '../../src/agent/netlink/nflog.ts'
import type { LogSaid } from './log-child.ts'

const program = new URL('log-child.ts', import.meta.url).pathname

/** `openLog` in another namespace; what it reads must be closed, or the process does not end. */
export const logIn =
  (netns: string): typeof openLog =>
  ({ group, range }, listener) => {
    const command = [process.execPath, program, String(group), String(range)]
    const child = spawn('ip', ['netns', 'exec', netns, ...command], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    const { promise, resolve, reject } = Promise.withResolvers<Events>()
    const gone = once(child, 'exit')
    gone.then(() => reject(new Error('the process that reads packet logs has ended')))
    const close = () => {
      if (child.connected) child.disconnect()
    }
    child.on('message', (said: LogSaid) => {
      if ('message' in said) {
        const message = new MessageReader(Buffer.from(said.message))
        if (message.next()) listener.onMessage(message)
      } else if ('lost' in said) listener.onLost()
      else if ('open' in said) resolve({ close })
      else {
        close()
        reject(said.unavailable ? new LogUnavailableError(said.error) : new Error(said.error))
      }
    })
    return promise
  }
