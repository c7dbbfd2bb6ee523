/**
 * What a service and an agent say to each other. Each interface is implemented twice: where it is heard, and where it is sent.
 *
 * The agent begins with `hello`, and says nothing else but that it has failed until the service has answered with `welcome`.
 * It asks for what its host should enforce, one question at a time, and is answered when there is something to answer: what
 * changes meanwhile comes as one. An agent that connects again may ask from the revision on that it has.
 */
import type { JsonObject } from '../core/json.ts'
import { type Decision, decodeDecisions } from '../core/model/decision.ts'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import { decodeHits, type HitsReport } from '../core/model/hits.ts'
import { type Claimed, decodeClaims, decodeSightings, type SightingChange } from '../core/model/sighting.ts'
import { decodeStatusChange, type StatusChange } from '../core/model/status-change.ts'
import { anyText, atLeast, exactly, integerFrom, orNull, type Reader, textOf } from '../core/model/strict.ts'
import { createUpdateReader, updateTexts } from '../core/model/update-codec.ts'
import type { Channel, Message } from './channel.ts'
import { decodeRound, type Round } from './round.ts'
import { commonVersion, findsDevices, spoken, VersionError, type Versions } from './versions.ts'

/** Read by every release: fields may come, and none changes or goes. */
export interface Hello {
  /** Of the protocol, that the agent speaks. */
  readonly versions: Versions
  /** Of the program, for people. */
  readonly release: string
  /** Of the process: another one after each start. */
  readonly instance: string
  /** For the log. */
  readonly pid: number
  /** That of the service from which it has what it holds; absent: it holds nothing that can be led on from. */
  readonly history?: string
}

/** Read by every release, as `Hello` is. */
export interface Welcome {
  /** What both speak from now on. */
  readonly version: number
  readonly release: string
  /** Names the store: revisions of another mean something else. Absent: an agent that connects again is sent everything. */
  readonly history?: string
}

export interface Guarded {
  /** Why the guard is not kept for the next boot; null: it is. */
  readonly unwritten: string | null
}

export interface Failed {
  readonly reason: string
}

export interface Want {
  /** Null: of nothing. */
  readonly since: number | null
}

/** What an agent says. */
export interface ToService {
  /** First of all. */
  hello(hello: Hello): void
  /** What is to be closed is closed, and nothing else has been touched. */
  guarded(guarded: Guarded): void
  /** It cannot go on, and ends. */
  failed(failed: Failed): void
  /** Asks for what is newer than a revision. */
  want(want: Want): void
  status(change: StatusChange): void
  /** Said behind the status that the round led to. */
  round(round: Round): void
  hits(report: HitsReport): void
  /** Resolves when more can be told. */
  decisions(decisions: readonly Decision[]): void | Promise<void>
  /** Devices of guests on its host; not said to a service that does not understand it. */
  sightings(change: SightingChange): void
  pong(): void
}

/** Who hears an agent. */
export interface Listener extends Omit<ToService, 'hello'> {
  /** `version` is the newest that both speak. */
  hello(hello: Hello, version: number): void
}

/** What a service says. */
export interface ToAgent {
  /** Answers `hello`. */
  welcome(welcome: Welcome): void
  /** Answers `want`. Resolves when more can be told. */
  update(update: DesiredUpdate): void | Promise<void>
  /** To be answered at once: who is silent for long is taken for hung. */
  ping(): void
  /** Asks for what deciders have counted until now. */
  count(): void
  /** What has become of devices that it has seen. */
  claims(list: readonly Claimed[]): void
  /** It ends when the round is over that it is in; what it enforces stays. */
  stop(): void
}

/** What is done with each type of message. */
type Incoming<Side> = { readonly [Type in keyof Side]: (rest: JsonObject) => void }

/**
 * Hears an agent. What it says before its greeting throws, and so does the greeting of one that speaks no version of ours:
 * with a `VersionError`.
 */
export function fromAgent(to: Listener): Incoming<ToService> {
  let greeted = false
  const later =
    (take: (rest: JsonObject) => void) =>
    (rest: JsonObject): void => {
      if (!greeted) throw new Error('it does not begin with a greeting')
      take(rest)
    }
  return {
    hello(rest) {
      if (greeted) throw new Error('it greets twice')
      const said = hello(rest)
      const version = commonVersion(said.versions)
      if (version === undefined) throw new VersionError(said.release, said.versions)
      greeted = true
      to.hello(said, version)
    },
    guarded: later(heard(guarded, to.guarded)),
    failed: heard(failed, to.failed),
    want: later(heard(want, to.want)),
    status: later(heard(decodeStatusChange, to.status)),
    round: later(heard(decodeRound, to.round)),
    hits: later(heard(decodeHits, to.hits)),
    decisions: later(heard(decisionList, ({ list }) => void to.decisions(list))),
    sightings: later(heard(decodeSightings, to.sightings)),
    pong: later(heard(nothing, to.pong)),
  }
}

/** Speaks to a service. */
export const toService = (channel: Channel): ToService => ({
  hello: (hello) => tell(channel, 'hello', hello),
  guarded: (guarded) => tell(channel, 'guarded', guarded),
  failed: (failed) => tell(channel, 'failed', failed),
  want: (want) => tell(channel, 'want', want),
  status: (change) => tell(channel, 'status', change),
  round: (round) => tell(channel, 'round', round),
  hits: (report) => tell(channel, 'hits', report),
  decisions: (list) => channel.send([message('decisions', { list })]),
  sightings: (change) => tell(channel, 'sightings', change),
  pong: () => tell(channel, 'pong'),
})

/** Hears a service. What it says before its welcome throws, but that the agent should stop. */
export function fromService(to: ToAgent): Incoming<ToAgent> {
  const updates = createUpdateReader()
  let welcomed = false
  const later =
    (take: (rest: JsonObject) => void) =>
    (rest: JsonObject): void => {
      if (!welcomed) throw new Error('it does not begin with a welcome')
      take(rest)
    }
  return {
    welcome(rest) {
      const said = welcome(rest)
      if (said.version < spoken.least || said.version > spoken.most)
        throw new Error(`it wants to speak version ${said.version} of the protocol`)
      welcomed = true
      to.welcome(said)
    },
    update: later((part) => {
      const update = updates.take(part)
      if (update) void to.update(update)
    }),
    ping: heard(nothing, to.ping),
    count: later(heard(nothing, to.count)),
    claims: later(heard(decodeClaims, ({ list }) => to.claims(list))),
    stop: heard(nothing, to.stop),
  }
}

/** Speaks to an agent, in the version that it is welcomed with. */
export function toAgent(channel: Channel): ToAgent {
  let { least: version } = spoken
  return {
    welcome(welcome) {
      version = welcome.version
      tell(channel, 'welcome', welcome)
    },
    update: (update) =>
      channel.send(updateTexts(update, { type: 'update' }, { found: version >= findsDevices })),
    ping: () => tell(channel, 'ping'),
    count: () => tell(channel, 'count'),
    claims(list) {
      if (version >= findsDevices) tell(channel, 'claims', { list })
    },
    stop: () => tell(channel, 'stop'),
  }
}

const tell = (channel: Channel, type: string, rest: object = {}): void =>
  void channel.send([message(type, rest)])

const message = (type: string, rest: object): Message => ({ ...rest, type })

const heard =
  <T>(read: Reader<T>, take: (value: T) => void) =>
  (rest: JsonObject): void =>
    take(read(rest))

const words = anyText('words')
const version = integerFrom('version', 1)
/** For the log and the store: a name, and no novel. */
const shortName = (what: string) => textOf(what, (text) => text.length <= 64)
const hello = atLeast<Hello>(
  'greeting',
  {
    versions: atLeast<Versions>('versions', { least: version, most: version }),
    release: shortName('release'),
    instance: shortName('instance'),
    pid: integerFrom('pid', 1),
    history: shortName('history'),
  },
  ['history'],
)
const welcome = atLeast<Welcome>(
  'welcome',
  { version, release: shortName('release'), history: shortName('history') },
  ['history'],
)
const guarded = exactly<Guarded>('guarded', { unwritten: orNull(words) })
const failed = exactly<Failed>('failed', { reason: words })
const want = exactly<Want>('want', { since: orNull(integerFrom('since', 0)) })
const decisionList = exactly<{ list: readonly Decision[] }>('decisions', { list: decodeDecisions })
const nothing = exactly<Record<never, never>>('message', {})
