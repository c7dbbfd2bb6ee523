/**
 * Commits steps of a transaction over netlink, in the network namespace that it is started in:
 *
 *     ip netns exec NAMESPACE node test/support/commit.ts < STEPS
 *
 * One transaction a line, as JSON in which elements are lists of pairs.
 */
import { text } from 'node:stream/consumers'
import { MessageBuilder } from '../../src/agent/netlink/message.ts'
import { beginBatch, sendBatch } from '../../src/agent/netlink/nfnetlink.ts'
import { NetlinkSocket } from '../../src/agent/netlink/socket.ts'
import { protocols } from '../../src/agent/netlink/transport.ts'
import { writeCommands } from '../../src/agent/nftables/netlink/commands.ts'
import { subsystem } from '../../src/agent/nftables/netlink/uapi.ts'
import type { Command } from '../../src/compile/nftables/commands.ts'

const builder = new MessageBuilder()
const socket = await NetlinkSocket.open(protocols.netfilter)
for (const line of (await text(process.stdin)).split('\n').filter(Boolean)) {
  const steps = JSON.parse(line, (key, value) => (key === 'elements' ? new Map(value) : value)) as Command[]
  beginBatch(builder, { subsystem })
  writeCommands(builder, steps)
  sendBatch(socket, builder, { subsystem, commit: true })
}
socket.close()
