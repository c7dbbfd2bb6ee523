/** Every program within limits: why it is refused before it runs, if it is. What it checks never changes: whose server, interface or policy is whose. */
import type { RequestError } from '../core/model/error.ts'
import type { Profile } from '../core/model/profile.ts'
import type { NewRule, ProgramName, Programs, RuleTarget, Storage } from '../storage/storage.ts'
import { belongsTo, type Reads } from './limited-reads.ts'
import type { Limits } from './limits.ts'

/** Undefined: it is not. */
export type Refusal = RequestError | undefined

type Checks = {
  readonly [P in ProgramName]: (args: Programs[P]['args']) => Promise<Refusal>
}

const forbidden: RequestError = { kind: 'forbidden' }
const missing = (resource: 'server' | 'policy', id: string): RequestError => ({
  kind: 'not-found',
  resource,
  id,
})

export function limitedWrites(storage: Storage, seen: Reads, { profiles, servers: own }: Limits): Checks {
  /** Wider than any limit. */
  const never = async () => forbidden
  const isOfProfile = (profile: Profile) => profiles?.has(profile) ?? true
  /** Wider than any server: refused where there are only some. */
  const ofProfile = async (profile: Profile) => (own || !isOfProfile(profile) ? forbidden : undefined)

  const server = async (id: string) => ((await seen.serverById(id)) ? undefined : missing('server', id))
  /** Shared ones are read by those that they are attached to, and written by nobody of them. */
  async function policy(id: string): Promise<Refusal> {
    const found = await seen.policy(id)
    if (!found) return missing('policy', id)
    return own && found.server === null ? forbidden : undefined
  }
  async function policiesSeen(ids: Iterable<string>): Promise<Refusal> {
    for (const id of ids) if (!(await seen.policy(id))) return missing('policy', id)
    return undefined
  }
  async function rules(target: RuleTarget, written: readonly NewRule[] = []): Promise<Refusal> {
    const refusal = await ('server' in target ? server(target.server) : policy(target.policy))
    return refusal ?? policiesSeen(written.flatMap(({ include }) => include ?? []))
  }

  /** Documents of its servers alone. */
  async function documents(
    profile: Profile,
    of: string | null,
    { put = [], remove = [] }: NonNullable<Programs['updateServer']['args']['documents']>,
  ): Promise<Refusal> {
    if (!own) return undefined
    const ids = of === null ? own : new Set([of])
    for (const document of put) {
      const before = await storage.document(profile, document.kind, document.id)
      if (before && !(await seen.document(profile, before.kind, before.id))) return forbidden
      if (!belongsTo(document, ids) && !(before && belongsTo(before, ids))) return forbidden
    }
    for (const { kind, id } of remove) {
      const before = await seen.document(profile, kind, id)
      if (before && !belongsTo(before, ids)) return forbidden
    }
    return undefined
  }

  return {
    insertRule: (args) => rules(args, [args.rule]),
    replaceRules: (args) => rules(args, args.rules),
    updateRule: (args) => rules(args, [args.rule]),
    deleteRule: (args) => rules(args),
    createPolicy: ({ policy: { profile } }) => ofProfile(profile),
    updatePolicy: (args) => policy(args.policy),
    deletePolicy: (args) => policy(args.policy),
    async attachPolicy({ policy: id, to }) {
      if ('all' in to) return policy(id)
      return (await server(('add' in to ? to.add : to.remove).server)) ?? policiesSeen([id])
    },
    async attachTo({ place, policies }) {
      return (await server(place.server)) ?? policiesSeen(policies)
    },
    revertPolicy: (args) => policy(args.policy),
    choosePolicy: (args) => policy(args.policy),
    chooseAccount: never,
    async includePolicy(args) {
      return (await server(args.server)) ?? policiesSeen(args.policy === null ? [] : [args.policy])
    },
    async changeZone({ profile, servers, interfaces, policies, rules: written = [], attach = [], ...args }) {
      if (!isOfProfile(profile)) return forbidden
      if (!own) return undefined
      const named = [
        ...(servers?.put ?? []).map(({ id }) => id),
        ...(servers?.remove ?? []),
        ...(interfaces?.put ?? []).map((nic) => nic.server),
        ...attach.map((each) => each.server),
      ]
      if (!named.every((id) => own.has(id))) return forbidden
      const nics = [...(interfaces?.put ?? []).map(({ id }) => id), ...(interfaces?.remove ?? [])]
      if (!(await storage.owners(nics)).every((each) => own.has(each.server))) return forbidden
      if (policies) return forbidden
      const made = new Set(nics)
      for (const each of written) {
        // An interface that is made has a policy of its own with its id.
        const refusal = made.has(each.policy) ? undefined : await policy(each.policy)
        if (refusal) return refusal
      }
      const attached = await policiesSeen(attach.flatMap((each) => each.policies))
      return attached ?? documents(profile, null, args.documents ?? {})
    },
    createServer: ({ server: { profile } }) => ofProfile(profile),
    async updateServer({ profile, server: id, attach = [], documents: written = {}, addresses = {} }) {
      const refusal = (await server(id)) ?? (await policiesSeen(attach))
      if (refusal) return refusal
      const { interfaces = [], serverAttributes = [] } = addresses
      if (own && interfaces.length + serverAttributes.length > 0) return forbidden
      return documents(profile, id, written)
    },
    async deleteServer(args) {
      // What ends with it, or outlives it, is its own.
      return server(args.server)
    },
    putDocument: ({ document: { profile } }) => ofProfile(profile),
    deleteDocument: ({ profile }) => ofProfile(profile),
    takeAddresses: ({ profile }) => ofProfile(profile),
    changeAddresses: ({ profile }) => ofProfile(profile),
    // What a request found as it wanted it: nothing is written.
    recordEvent: async () => undefined,
    // One with limits manages none.
    createCredential: never,
    updateCredential: never,
    rotateCredential: never,
    revokeCredential: never,
    touchCredentials: never,
    setDefaultQuotas: never,
    createAccount: never,
    updateAccount: never,
    deleteAccount: never,
    see: never,
    bind: never,
    adopt: never,
    refuseAdoption: never,
    followConfigured: never,
    addInterface: never,
    updateInterface: never,
    removeInterface: never,

    keepDrawn: never,
    configurePools: never,
    pruneHistory: never,
    openSession: never,
    closeSession: never,
    refuseSession: never,
    reportHost: never,
    reportHosts: never,
    keepHits: never,
    pruneHits: never,
    forgetOnce: never,
    forgetHosts: never,
    applyInventory: never,
  }
}
