/** `portcullis decisions`: samples of packets that a running service has judged, and what decided. */
import { Command, Option } from 'commander'
import type { Decider } from '../core/model/decider.ts'
import { outcomes } from '../core/model/decision.ts'
import { ask, readAnswer, strange, withCaller } from './caller.ts'
import { eventsOf } from './event-stream.ts'
import { wholeFrom } from './options.ts'
import { answer, answerJson, complain, note, printable } from './output.ts'

export function decisionsCommand(): Command {
  return withCaller(new Command('decisions'))
    .description('which packets were denied or rejected, or let pass where that is told, and by what')
    .option('--follow', 'go on with new ones as they come, until interrupted')
    .option('--server <server>', 'only of this one: id, vmid or name')
    .option('--interface <id>', 'only of this one; by its name too where a server is given')
    .addOption(new Option('--direction <direction>', 'as the VM sees it').choices(['ingress', 'egress']))
    .addOption(new Option('--outcome <outcome>', 'only these').choices([...outcomes]))
    .option('--rule <id>', 'only what this rule decided')
    .option('--since <moment>', 'only those of this moment and later: 2026-01-31T12:00:00Z')
    .addOption(
      new Option(
        '--limit <number>',
        'how many of the last ones, 100 if nothing is said; with --follow: end after so many',
      ).argParser(wholeFrom(1, 1000)),
    )
    .option('--json', 'answer in JSON; with --follow one line for each')
    .addHelpText(
      'after',
      `
Decisions are samples: so many a second of each interface and direction (serve --decisions-rate). The service remembers the
last 1,000 of each interface, while it runs. --follow takes up where it was when the connection breaks.

Example: portcullis decisions --follow --server web1 --outcome denied
2026-01-31T12:00:00.000Z web1/1 ingress denied tcp 203.0.113.9:40000 > 192.0.2.10:23, 60 bytes; decided by web #3 (rule 5f0c…)

Exit status: 0 done, or interrupted while following; 1 following was refused after it had begun; 2 it could not be asked.`,
    )
    .action(decisions)
}

interface Flags {
  readonly follow?: true
  readonly limit?: number
  readonly json?: true
}

/** The part of the answer that is printed. */
interface Decision {
  readonly at: string
  readonly serverName: string
  readonly interfaceIndex: number
  readonly interfaceName: string | null
  readonly direction: string
  readonly outcome: string
  readonly observed: boolean
  readonly decidedBy: Decider
  readonly position: number | null
  readonly packet: { readonly text: string }
}

async function decisions(flags: Flags, command: Command): Promise<void> {
  if (flags.follow) return follow(flags, command)
  const response = await ask(command, pathOf(command, flags))
  if (!response.ok) return complain(response.error.text, 2)
  const read = await readAnswer<{ readonly decisions: readonly Decision[] }>(response.value, 'decisions')
  if (!read.ok) return complain(read.error.text, 2)
  const body = read.value
  if (flags.json) return answerJson(JSON.stringify(body, null, 2))
  // Read from above: the newest is the last line, as while following.
  for (const each of body.decisions.toReversed()) answer(readable(each))
}

const filters = ['server', 'interface', 'direction', 'outcome', 'rule', 'since'] as const

function pathOf(command: Command, { follow, limit }: Flags): string {
  const given = command.opts<Partial<Record<(typeof filters)[number], string>>>()
  const query = new URLSearchParams()
  for (const name of filters) {
    const value = given[name]
    if (value !== undefined) query.set(name, value)
  }
  if (limit !== undefined && !follow) query.set('limit', String(limit))
  return `v1/decisions?${query}`
}

/** Between two attempts, milliseconds: doubled from the first to the last. */
const pauses = { first: 500, last: 10_000 } as const

/** What another attempt may not meet: nobody there, too many streams, and what the service could not do just then. */
const mayPass = (status: number | undefined): boolean =>
  status === undefined || status === 429 || status >= 500

async function follow(flags: Flags, command: Command): Promise<void> {
  const interrupted = new AbortController()
  const { signal } = interrupted
  process.once('SIGINT', () => interrupted.abort())
  // Whoever reads what is printed has gone.
  process.stdout.once('error', () => interrupted.abort())
  let left = flags.limit ?? Number.POSITIVE_INFINITY
  let last = ''
  let begun = false
  let pause: number = pauses.first
  while (!signal.aborted) {
    const headers = { accept: 'text/event-stream', ...(last !== '' && { 'last-event-id': last }) }
    const response = await ask(command, pathOf(command, flags), { headers, signal })
    if (signal.aborted) return
    if (!response.ok) {
      const { text, status } = response.error
      if (!begun || !mayPass(status)) return complain(text, begun ? 1 : 2)
    } else if (!/^text\/event-stream\b/i.test(response.value.headers.get('content-type') ?? '')) {
      return complain(strange(response.value).text, begun ? 1 : 2)
    } else {
      if (begun) note('the stream goes on')
      begun = true
      pause = pauses.first
      try {
        for await (const { event, data, id } of eventsOf(response.value)) {
          if (event === 'decision') {
            last = id
            if (flags.json) answerJson(data)
            else answer(readable(JSON.parse(data) as Decision))
            if (--left <= 0) return
          } else if (event === 'lost') {
            const { lost } = JSON.parse(data) as { lost: number }
            note(`${lost} were not sent: they came faster than they were read`)
          } else if (event === 'error') {
            return complain((JSON.parse(data) as { detail: string }).detail, 1)
          }
        }
      } catch {
        // The connection broke: as when it ended.
      }
      if (signal.aborted) return
      note('the stream broke off; trying again')
    }
    await delay(pause, signal)
    pause = Math.min(pause * 2, pauses.last)
  }
}

const delay = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })

function readable(decision: Decision): string {
  const { at, serverName, interfaceName, interfaceIndex, direction, outcome, observed, packet } = decision
  const where = `${serverName}/${interfaceName ?? interfaceIndex}`
  const what = observed ? `passed, would be ${outcome}` : outcome
  return printable(`${at} ${where} ${direction} ${what} ${packet.text}; decided by ${deciderOf(decision)}`)
}

function deciderOf({ decidedBy: by, position }: Decision): string {
  switch (by.kind) {
    case 'rule':
      return `${by.policy} #${position ?? '?'} (rule ${by.rule})`
    case 'list':
      return `a rule of ${by.policy}`
    case 'default':
      return 'the default: no rule matches'
    case 'essential':
      return `essential traffic (${by.name})`
    case 'state':
      return `connection state ${by.state}`
    case 'origin':
      return `the sender check (${by.check})`
    case 'malformed':
      return 'nothing: rules cannot be asked about such fragments and headers'
    case 'frame':
      return 'the type of its frame'
  }
}
