/**
 * Updates as JSON messages of bounded size: a large one is several, and takes effect when the last has come.
 *
 * Reading throws on anything that was not written here, because a rule that is misread could open.
 */
import type { JsonObject, JsonValue } from '../json.ts'
import { parseAddress } from '../net/address.ts'
import { parseMac } from '../net/mac.ts'
import { parsePrefix } from '../net/prefix.ts'
import { decodeMatch, encodeMatch } from './codec.ts'
import { maxConnections } from './desired.ts'
import type { DesiredUpdate, Placement } from './desired-update.ts'
import { interfaceTypes } from './interface.ts'
import { builtIns, cutFlows, type Policy, type TrafficSwitches } from './policy.ts'
import { type Action, type Direction, type LogLevel, logLevels, type Rule } from './rule.ts'
import { exactly, flag, integerFrom, listOf, oneOf, orNull, type Reader, textOf } from './strict.ts'

/** How much of an update one message holds: a rule, a policy without its rules and an interface count one each. */
const perMessage = 2000

/** One message. */
interface Part {
  readonly from: number | null
  readonly revision: number
  /** From 0, dense. */
  readonly part: number
  readonly last: boolean
  readonly policies: readonly Policy[]
  readonly put: readonly Placement[]
  readonly remove: readonly string[]
}

/** The messages of an update, at least one. A policy is never taken apart: its message may be larger than others. */
export function* encodeUpdate(update: DesiredUpdate): Generator<JsonObject> {
  for (const { policies, put, remove, ...head } of partsOf(update))
    yield {
      ...head,
      policies: policies.map(encodePolicy),
      put: put.map(encodePlacement),
      remove: [...remove],
    }
}

/**
 * The same messages as JSON text, with more fields before their own. `found`: whether the agent can prove what was found; to
 * one that cannot it is an interface of a policy that nobody knows, and nothing passes there. A policy that many agents are
 * sent is written once: its text is kept as long as it is.
 */
export function* updateTexts(
  update: DesiredUpdate,
  more: JsonObject,
  { found }: { readonly found: boolean },
): Generator<string> {
  for (const { policies, ...rest } of partsOf(update)) {
    const { put, ...head } = rest
    const placements = put.map((each) => encodePlacement(found || !each.found ? each : unprovable(each)))
    const fields = JSON.stringify({ ...more, ...head, put: placements })
    yield `${fields.slice(0, -1)},"policies":[${policies.map(textOfPolicy).join(',')}]}`
  }
}

const unprovable = ({ found: _, ...rest }: Placement): Placement => ({
  ...rest,
  policies: ['found-by-its-mac'],
})

const texts = new WeakMap<Policy, string>()
function textOfPolicy(policy: Policy): string {
  let text = texts.get(policy)
  if (text === undefined) {
    text = JSON.stringify(encodePolicy(policy))
    texts.set(policy, text)
  }
  return text
}

function* partsOf({ from, revision, policies, interfaces }: DesiredUpdate): Generator<Part> {
  type Lists = { policies: Policy[]; put: Placement[]; remove: string[] }
  const items: readonly (readonly [weight: number, add: (lists: Lists) => void])[] = [
    ...policies.map((each) => [1 + each.rules.length, (to: Lists) => to.policies.push(each)] as const),
    ...interfaces.put.map((each) => [1, (to: Lists) => to.put.push(each)] as const),
    ...interfaces.remove.map((id) => [1, (to: Lists) => to.remove.push(id)] as const),
  ]
  let part = 0
  let at = 0
  do {
    const lists: Lists = { policies: [], put: [], remove: [] }
    let room = perMessage
    for (let item = items[at]; item; item = items[++at]) {
      const [weight, add] = item
      if (weight > room && room < perMessage) break
      room -= weight
      add(lists)
    }
    yield { from, revision, part: part++, last: at >= items.length, ...lists }
  } while (at < items.length)
}

export interface UpdateReader {
  /**
   * Takes the next message; answers the update when it was the last. Throws on what is corrupt or out of turn: what came
   * of the update until then is forgotten.
   */
  take(json: JsonValue): DesiredUpdate | undefined
}

export function createUpdateReader(): UpdateReader {
  let parts: Part[] = []
  return {
    take(json) {
      const before = parts
      parts = []
      const part = readPart(json)
      const [first] = before
      const inTurn = part.part === before.length
      if (!inTurn || (first && (first.from !== part.from || first.revision !== part.revision))) {
        throw new Error('corrupt update: parts of several, or not all of one')
      }
      const all = [...before, part]
      if (!part.last) {
        parts = all
        return undefined
      }
      return {
        ...{ from: part.from, revision: part.revision },
        policies: unique(
          'policies',
          all.flatMap((each) => each.policies),
        ),
        interfaces: {
          put: unique(
            'interfaces',
            all.flatMap((each) => each.put),
          ),
          remove: all.flatMap((each) => each.remove),
        },
      }
    },
  }
}

/** Two that have one id contradict each other. */
function unique<T extends { readonly id: string }>(what: string, all: readonly T[]): readonly T[] {
  if (new Set(all.map(({ id }) => id)).size < all.length) throw new Error(`corrupt ${what}: an id twice`)
  return all
}

/** Field by field: what else an object has stays here. */
function encodePlacement(placement: Placement): Record<string, JsonValue> {
  const { id, account, device, found, index, type, mac, addresses, allowedAddresses, senderCheck } = placement
  const { observe, vlanTrunk, allowedFrames, maxConnections, policies } = placement
  return {
    ...{ id, ...(account !== undefined && { account }), device, ...(found && { found }) },
    ...{ index, type, mac, addresses },
    ...{ allowedAddresses, senderCheck, observe, vlanTrunk, allowedFrames, maxConnections, policies },
  }
}

function encodePolicy(policy: Policy): JsonObject {
  const { id, revision, enabled, order, defaultIngress, defaultEgress, stateful, filters, appliesTo } = policy
  const { dhcp, neighbourDiscovery, routerAdvertisement, sourceMac, sourceAddress } = policy.guards
  return {
    ...{ id, revision, enabled, order, defaultIngress, defaultEgress, stateful, filters, appliesTo },
    guards: { dhcp, neighbourDiscovery, routerAdvertisement, sourceMac, sourceAddress },
    builtIn: policy.builtIn,
    ...(policy.log && { log: { ...policy.log } }),
    ...(policy.logAllowed && { logAllowed: policy.logAllowed }),
    ...(policy.cutFlows && { cutFlows: policy.cutFlows }),
    ...(policy.closes && { closes: true }),
    rules: policy.rules.map(encodeRule),
  }
}

function encodeRule(rule: Rule): JsonObject {
  const { id, position, direction, action, enabled, matches, include, interface: nic, log } = rule
  return {
    ...{ id, position, direction, action, enabled, matches: matches.map(encodeMatch) },
    ...(include !== undefined && { include }),
    ...(nic !== undefined && { interface: nic }),
    ...(log && { log }),
  }
}

const directions: readonly Direction[] = ['ingress', 'egress']
const actions: readonly Action[] = ['allow', 'deny', 'reject']
const id = textOf('id')
const itIsSo =
  (what: string): Reader<true> =>
  (json) => {
    if (json !== true) throw new Error(`corrupt ${what}`)
    return json
  }
const revision = integerFrom('revision', 0)
const level = oneOf('log', logLevels)

const readRule = exactly<Rule>(
  'rule',
  {
    id,
    position: integerFrom('position', 1),
    direction: oneOf('direction', directions),
    action: oneOf('action', actions),
    enabled: flag('enabled'),
    matches: listOf('matches', decodeMatch),
    include: id,
    interface: integerFrom('interface', 1),
    log: level,
  },
  ['include', 'interface', 'log'],
)

const readSwitches = exactly<TrafficSwitches>('guards', {
  dhcp: flag('dhcp'),
  neighbourDiscovery: flag('neighbourDiscovery'),
  routerAdvertisement: flag('routerAdvertisement'),
  sourceMac: flag('sourceMac'),
  sourceAddress: flag('sourceAddress'),
})

const readLog = exactly<Partial<Record<Direction, LogLevel>>>('log', { ingress: level, egress: level }, [
  'ingress',
  'egress',
])

const readPolicy = exactly<Policy>(
  'policy',
  {
    id,
    revision,
    enabled: flag('enabled'),
    order: oneOf('order', ['first-match', 'allow-list']),
    defaultIngress: oneOf('defaultIngress', actions),
    defaultEgress: oneOf('defaultEgress', actions),
    stateful: flag('stateful'),
    filters: listOf('filters', oneOf('filters', directions)),
    appliesTo: listOf('appliesTo', oneOf('appliesTo', interfaceTypes)),
    guards: readSwitches,
    builtIn: orNull(oneOf('builtIn', builtIns)),
    rules: listOf('rules', readRule),
    log: readLog,
    logAllowed: level,
    cutFlows: oneOf('cutFlows', cutFlows),
    closes: itIsSo('closes'),
  },
  ['log', 'logAllowed', 'cutFlows', 'closes'],
)

const readPlacement = exactly<Placement>(
  'interface',
  {
    id,
    account: id,
    device: textOf('device'),
    found: itIsSo('found'),
    index: integerFrom('index', 1),
    type: oneOf('type', interfaceTypes),
    mac: textOf('mac', isMac),
    addresses: listOf(
      'addresses',
      textOf('address', (text) => parseAddress(text).ok),
    ),
    allowedAddresses: listOf('allowedAddresses', textOf('prefix', isPrefix)),
    senderCheck: flag('senderCheck'),
    observe: flag('observe'),
    vlanTrunk: flag('vlanTrunk'),
    allowedFrames: listOf('allowedFrames', integerFrom('Ethernet type', 0x0600, 0xffff)),
    maxConnections: orNull(integerFrom('maxConnections', 0, maxConnections)),
    policies: listOf('policies', id),
  },
  ['account', 'found'],
)

const readPart = exactly<Part>('update', {
  from: orNull(revision),
  revision,
  part: integerFrom('part', 0),
  last: flag('last'),
  policies: listOf('policies', readPolicy),
  put: listOf('interfaces', readPlacement),
  remove: listOf('remove', id),
})

/** Canonical text only: it is compared as text. */
function isMac(text: string): boolean {
  const parsed = parseMac(text)
  return parsed.ok && parsed.value === text
}

function isPrefix(text: string): boolean {
  return parsePrefix(text, { hostBits: 'refuse' }).ok
}
