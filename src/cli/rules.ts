/** `portcullis rules`: everything that decides about the packets of a server, with what it has counted. */
import { Command, Option } from 'commander'
import { ask, readAnswer, withCaller } from './caller.ts'
import { wholeFrom } from './options.ts'
import { answer, answerJson, complain, printable } from './output.ts'

export function rulesCommand(): Command {
  return withCaller(new Command('rules'))
    .description('what decides about the packets of a server, in its order, and how many it has met')
    .argument('<server>', 'id, vmid or name of the server')
    .addOption(
      new Option('--unused <days>', 'only rules that nothing has hit for so long').argParser(
        wholeFrom(1, 36_500),
      ),
    )
    .option('--interface <id>', 'only this one, or by its name')
    .addOption(new Option('--direction <direction>', 'as the VM sees it').choices(['ingress', 'egress']))
    .option('--json', 'answer in JSON')
    .addHelpText(
      'after',
      `
Packets of connections that are established are not counted: a rule counts those that begin one.

Example: portcullis rules web1 --unused 30

Exit status: 0 done, whatever was found; 2 it could not be asked.`,
    )
    .action(rules)
}

interface Flags {
  readonly unused?: number
  readonly interface?: string
  readonly direction?: string
  readonly json?: true
}

interface Hits {
  readonly packets: number
  readonly bytes: number
  readonly lastHit: string | null
}

/** The part of the answer that is printed. */
interface Step extends Hits {
  readonly policy: string | null
  readonly policyName: string | null
  readonly position: number | null
  readonly rule: string | null
  readonly text: string
  readonly enabled: boolean
  readonly log: string | null
  readonly unusedSince: string | null
  readonly total: Hits | null
  readonly counted: boolean
  readonly why?: string
  readonly together?: Hits
}

interface Rules {
  readonly interfaces: readonly {
    readonly id: string
    readonly index: number
    readonly countedAt: string | null
    readonly since: string | null
    readonly ingress?: readonly Step[]
    readonly egress?: readonly Step[]
  }[]
}

async function rules(server: string, flags: Flags, command: Command): Promise<void> {
  const query = new URLSearchParams()
  for (const name of ['unused', 'interface', 'direction'] as const) {
    const value = flags[name]
    if (value !== undefined) query.set(name, String(value))
  }
  const response = await ask(command, `v1/servers/${encodeURIComponent(server)}/rules?${query}`)
  if (!response.ok) return complain(response.error.text, 2)
  const body = await readAnswer<Rules>(response.value, 'interfaces')
  if (!body.ok) return complain(body.error.text, 2)
  if (flags.json) return answerJson(JSON.stringify(body.value, null, 2))
  answer(readable(body.value, flags.unused !== undefined))
}

function readable({ interfaces }: Rules, unused: boolean): string {
  return interfaces
    .flatMap(({ id, index, countedAt, since, ...steps }) => [
      `interface ${index} (${id}): ${since === null ? 'nobody counts here' : `counted since ${since}, read ${countedAt ?? 'never'}`}`,
      ...(['ingress', 'egress'] as const).flatMap((direction) => {
        const listed = steps[direction]
        if (listed === undefined) return []
        const none = unused ? 'no rule is unused for so long' : 'not filtered'
        return listed.length === 0
          ? [`  ${direction}: ${none}`]
          : [`  ${direction}:`, columns, ...listed.map((step) => lineOf(step))]
      }),
    ])
    .map(printable)
    .join('\n')
}

/** As wide as a day of full speed, and a moment. */
const row = (packets: string, bytes: string, last: string, what: string) =>
  `  ${packets.padStart(13)} ${bytes.padStart(16)}  ${last.padEnd(24)}  ${what}`
const columns = row('packets', 'bytes', 'last hit', 'what')

function lineOf(step: Step): string {
  const { policy, policyName, position, rule, text, enabled, log, packets, bytes, lastHit } = step
  const { unusedSince, total, counted, why, together } = step
  const place = position === null ? '' : `${policyName || policy} #${position} `
  const more = [
    ...(enabled ? [] : ['disabled']),
    ...(log === null ? [] : [`told as ${log}`]),
    ...(lastHit === null && unusedSince !== null ? [`unused since ${unusedSince}`] : []),
    ...(total && total.packets !== packets ? [`${total.packets} packets where its policy is shared`] : []),
    ...(counted ? [] : [`not counted: ${why ?? 'unknown'}`]),
    ...(together ? [`${together.packets} packets with others of its policy`] : []),
  ]
  const what = `${place}${text}${rule === null ? '' : ` (rule ${rule})`}`
  return row(String(packets), String(bytes), lastHit ?? 'never', [what, ...more].join('; '))
}
