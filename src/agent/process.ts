/**
 * An agent that is a process of its own: raises the guard before it asks for anything, then enforces what it is sent.
 *
 * It lives as long as its service does, and what it enforces stays. It listens nowhere and stores nothing.
 */
import type { Duplex } from 'node:stream'
import { startAgent } from './agent.ts'
import { openChannel } from './channel.ts'
import type { Dataplane } from './dataplane.ts'
import { createDesiredSource } from './desired-source.ts'
import { fromService, protocol, toService } from './messages.ts'
import { createRemoteFeed } from './remote-feed.ts'

export interface AgentProcessOptions {
  /** To the service. */
  readonly stream: Duplex
  readonly host: string
  readonly target: string
  readonly observeHost: boolean
  /** Closes what is to be closed; answers why that is not kept for the next boot, null where it is. */
  readonly closeFirst: () => Promise<string | null>
  readonly createDataplane: () => Dataplane | Promise<Dataplane>
  /** Ends the process. */
  readonly exit: (status: 0 | 1) => void
}

export async function runAgentProcess(options: AgentProcessOptions): Promise<void> {
  const { stream, host, target, observeHost, closeFirst, createDataplane, exit } = options
  /** Ends what has begun. */
  let end = async () => {}
  let count = () => {}
  /** What it ends with when it is on its way out. */
  let leaving: 0 | 1 | undefined
  const channel = openChannel({
    stream,
    incoming: fromService({
      update: (update) => feed.update(update),
      ping: () => service.pong(),
      count: () => count(),
      stop: () => void leave(0),
    }),
    // Nobody is left who would hear how it ends, and another agent may begin at any moment.
    ended: (error) => exit(leaving ?? (error ? 1 : 0)),
  })
  const service = toService(channel)
  const feed = createRemoteFeed((since) => service.want({ since }))
  async function leave(status: 0 | 1): Promise<void> {
    leaving = status
    await end()
    await channel.close()
    exit(status)
  }

  service.hello({ protocol, pid: process.pid })
  try {
    service.guarded({ unwritten: await closeFirst() })
  } catch (error) {
    service.failed({ reason: error instanceof Error ? error.message : String(error) })
    return leave(1)
  }
  await feed.begin()
  const dataplane = await createDataplane()
  const agent = startAgent({
    host,
    target,
    observeHost,
    source: createDesiredSource(feed),
    dataplane,
    report: service.status,
    observe: service.round,
    hits: service.hits,
    decisions: service.decisions,
  })
  count = agent.count
  end = async () => {
    await agent.stop()
    await dataplane.close()
  }
}
