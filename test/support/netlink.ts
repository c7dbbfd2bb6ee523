/**
 * What the tests of `agent/netlink` do inside a network namespace: a socket belongs to the one its process is in.
 *
 *     ip netns exec NAMESPACE node test/support/netlink.ts SCENARIO…
 *
 * Prints what came of it as JSON. nf_tables is spoken to with bare numbers: the library knows nothing of it.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hasDefaultRoutingRules, readKernelLinks } from '../../src/agent/kernel-links.ts'
import { followLinks, readPrintedLinks } from '../../src/agent/links.ts'
import { KernelError } from '../../src/agent/netlink/errors.ts'
import { follow, openEvents } from '../../src/agent/netlink/events.ts'
import { flags, MessageBuilder } from '../../src/agent/netlink/message.ts'
import { beginBatch, fixedLength, fixedPart, sendBatch, typeOf } from '../../src/agent/netlink/nfnetlink.ts'
import { NetlinkSocket } from '../../src/agent/netlink/socket.ts'
import { openTransport, protocols } from '../../src/agent/netlink/transport.ts'

const subsystem = 10
const inet = fixedPart(1)
const [newTable, getTable, newChain] = [0, 1, 3]
const groupOfTables = 7

const builder = new MessageBuilder()
const begin = (): MessageBuilder => {
  beginBatch(builder, { subsystem })
  return builder
}
const table = (name: string, data = 0): void => {
  builder.begin(typeOf(subsystem, newTable), flags.request | flags.create, inet).text(1, name)
  if (data > 0) builder.bytes(6, Buffer.alloc(data))
}
const tables = (socket: NetlinkSocket): readonly string[] => {
  const request = new MessageBuilder().begin(typeOf(subsystem, getTable), 0, fixedPart(0)).finish()
  return socket.dump(request, (message) => {
    const attributes = message.attributes(fixedLength)
    while (attributes.next()) if (attributes.type === 1) return attributes.text()
    return undefined
  })
}
const failed = (work: () => void): unknown => {
  try {
    work()
    return 'accepted'
  } catch (error) {
    return error instanceof KernelError ? error.failures : String(error)
  }
}
const send = (socket: NetlinkSocket, commit = true): void => sendBatch(socket, builder, { subsystem, commit })
const descriptors = (): number => readdirSync('/proc/self/fd').length

const scenarios: Record<string, () => Promise<unknown>> = {
  async commits() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    begin()
    table('one')
    table('two')
    send(socket)
    return tables(socket)
  },
  async refuses() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    begin()
    table('three')
    builder
      .begin(typeOf(subsystem, newChain), flags.request | flags.create, inet)
      .text(1, 'nowhere')
      .text(3, 'c')
    builder
      .begin(typeOf(subsystem, newTable), flags.request | flags.create, inet)
      .u32be(2, 0xff)
      .text(1, 'bad')
    const failures = failed(() => send(socket))
    return { failures, tables: tables(socket) }
  },
  async checks() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    begin()
    table('four')
    const well = failed(() => send(socket, false))
    begin()
    builder
      .begin(typeOf(subsystem, newChain), flags.request | flags.create, inet)
      .text(1, 'nowhere')
      .text(3, 'c')
    const failures = failed(() => send(socket, false))
    return { well, failures, tables: tables(socket) }
  },
  async generations() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    beginBatch(builder, { subsystem, generation: 1 })
    table('five')
    return failed(() => send(socket))
  },
  async large() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    begin()
    for (let i = 0; i < 5000; i++) table(`t${i}`, 200)
    const bytes = builder.length
    send(socket)
    return { bytes, tables: tables(socket).length }
  },
  async manyErrors() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    begin()
    for (let i = 0; i < 20_000; i++) {
      builder
        .begin(typeOf(subsystem, newChain), flags.request | flags.create, inet)
        .text(1, `x${i}`)
        .text(3, 'c')
    }
    const failures = failed(() => send(socket))
    begin()
    table('after')
    send(socket)
    return { refused: Array.isArray(failures), tables: tables(socket).length }
  },
  async events() {
    const before = descriptors()
    const socket = await NetlinkSocket.open(protocols.netfilter)
    const seen: unknown[] = []
    let said = Promise.withResolvers<unknown>()
    const see = (what: unknown) => {
      seen.push(what)
      said.resolve(what)
    }
    const events = await openEvents(protocols.netfilter, [groupOfTables], {
      onMessage(message) {
        if (message.type === typeOf(subsystem, newTable)) see(message.port === socket.port)
      },
      onLost: () => see('lost'),
    })
    for (let i = 0; i < 50; i++) {
      said = Promise.withResolvers()
      begin()
      table(`e${i}`)
      send(socket)
      if ((await Promise.race([said.promise, delay(20_000)])) !== true) return { seen }
    }
    events.close()
    begin()
    table('unseen')
    send(socket)
    await delay(20)
    socket.close()
    return { seen: seen.length, leaked: descriptors() - before }
  },
  async overflow() {
    const socket = await NetlinkSocket.open(protocols.netfilter)
    let messages = 0
    let lost = 0
    const events = follow(
      await openTransport({
        protocol: protocols.netfilter,
        groups: [groupOfTables],
        receiveBuffer: 4096,
        signals: true,
      }),
      { onMessage: () => messages++, onLost: () => lost++ },
    )
    for (let i = 0; i < 100; i++) {
      begin()
      table(`o${i}`)
      send(socket)
    }
    await delay(50)
    const first = { messages: messages > 0 && messages < 100, lost: lost > 0 }
    messages = 0
    begin()
    table('later')
    send(socket)
    await delay(50)
    events.close()
    return { ...first, later: messages > 0 }
  },
}

Object.assign(scenarios, {
  async links() {
    return { netlink: await readKernelLinks(), program: await readPrintedLinks(undefined) }
  },
  async rules() {
    return { inet: await hasDefaultRoutingRules('inet'), inet6: await hasDefaultRoutingRules('inet6') }
  },
  async changes() {
    const seen = new Set<string>()
    let doubts = 0
    const follower = followLinks(undefined, {
      changed: (_, name) => seen.add(name),
      doubt: () => doubts++,
    })
    const until = async (done: () => boolean): Promise<void> => {
      const deadline = Date.now() + 5000
      while (!done() && Date.now() < deadline) await delay(2)
    }
    await until(() => doubts === 1)
    await promisify(execFile)('ip', ['link', 'add', 'w1', 'type', 'veth', 'peer', 'name', 'w2'])
    await until(() => seen.has('w1') && seen.has('w2'))
    const added = [...seen].sort()
    seen.clear()
    await promisify(execFile)('ip', ['link', 'set', 'w1', 'name', 'w3'])
    await until(() => seen.has('w3'))
    await promisify(execFile)('ip', ['link', 'delete', 'w2'])
    await until(() => seen.has('w2'))
    const before = doubts
    await promisify(execFile)('ip', ['rule', 'add', 'fwmark', '7', 'lookup', '77'])
    await until(() => doubts > before)
    follower.stop()
    return {
      added,
      later: ['w2', 'w3'].every((name) => seen.has(name)),
      rule: doubts > before,
      problem: follower.problem(),
    }
  },
})

const results: Record<string, unknown> = {}
for (const name of process.argv.slice(2)) results[name] = await scenarios[name]?.()
process.stdout.write(JSON.stringify(results))
