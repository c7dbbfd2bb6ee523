/**
 * Enforces a policy of the packet bench by netlink in the namespace that it is started in, and leaves the rules there: as
 * they are, or with all that counts and tells taken out of their text.
 */
import { openNetlinkKernel } from '../src/agent/nftables/netlink-kernel.ts'
import { createNftables } from '../src/agent/nftables/nftables.ts'
import type { Command } from '../src/compile/nftables/commands.ts'
import type { Family } from '../src/core/net/address.ts'
import { desiredOf } from './packets/router.ts'
import { shapes } from './packets/shapes.ts'
import { settingOf } from './rates.ts'

/** What it is told, as JSON. */
export interface Enforced {
  /** Name of one of the shapes, and of how many of its rules the last so many. */
  readonly shape: string
  readonly rules: number
  readonly length: number
  readonly family: Family
  readonly stateful: boolean
  /** False: nothing is counted or told, and lists lead to no numbers. */
  readonly counted: boolean
  /** Decisions that are told in a second; 0: none. */
  readonly samples: number
}

const {
  shape: name,
  rules,
  length,
  family,
  stateful,
  counted,
  samples,
} = JSON.parse(process.argv[2] ?? '') as Enforced
const shape = shapes.find((each) => each.name === name)
if (!shape) throw new Error(`there is no shape ${name}`)

/** Only what filters: rules without what they count and mark, and a map of numbers as a set of its keys. */
function bare(command: Command): Command[] {
  switch (command.do) {
    case 'add-rules': {
      const rules = command.rules.map(bareRule).filter((rule) => rule !== '')
      return rules.length > 0 ? [{ ...command, rules }] : []
    }
    case 'add-set':
    case 'add-elements': {
      const [type, numbers] = [command.type.replace(/ : mark$/m, ''), / : mark$/m.test(command.type)]
      if (!numbers) return [command]
      if (command.do === 'add-set') return [{ ...command, kind: 'set', type }]
      return [
        {
          ...{ ...command, kind: 'set', type },
          elements: new Map([...command.elements.keys()].map((key) => [key, ''])),
        },
      ]
    }
    default:
      return [command]
  }
}

const bareRule = (rule: string): string =>
  rule
    .replace(/^(?:update @\S+-(?:samples-\d+|suppressed) |log ).*/, '')
    .replace(/update @\S+-hits \{ [io]if \. (.+) map (@\S+) \}/, '$1 $2')
    .replace(/update @\S+-hits \{[^}]*\} ?/, '')
    .replace(/meta mark set (?:0x[0-9a-f]{8} |(.+) map (@\S+))/, (_, key, set) =>
      set ? `${key} ${set}` : '',
    )

const kernel = await openNetlinkKernel({ own: false })
const dataplane = createNftables({
  kernel: counted ? kernel : { ...kernel, commit: (commands) => kernel.commit(commands.flatMap(bare)) },
  ...{ guard: ['tap*'], decisionsPerSecond: samples },
})
const { interfaces } = await dataplane.apply(desiredOf(settingOf(shape, family, rules, stateful, length)))
const failing = interfaces.find(({ state }) => state !== 'applied')
if (failing) throw new Error(`${failing.id} is ${failing.state}: ${failing.error}`)
await dataplane.close()
process.exit(0)
