/** On which device of which host interfaces are: only operators see and say it. */

import type { RequestError } from '../core/model/error.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { BindingChange, BindingRecord, KeyPage, SightingRecord, Storage } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { entrySchemas, readEntry, someOf } from './inventory/entry.ts'
import type { Provider } from './inventory/provider.ts'
import { deviceFault } from './inventory/servers.ts'
import type { Condition, Outcome } from './outcome.ts'
import { keyOf, type Paged, pagedBy } from './pages.ts'

/** `from` is the interface that has the device until now; both null: nowhere. */
export interface Claim {
  readonly interface: string
  readonly host: string | null
  readonly device: string | null
  readonly from?: string
}

export interface BindingFilter {
  readonly account?: string
  readonly host?: string
  readonly device?: string
  readonly server?: string
  /** Canonical text. */
  readonly mac?: string
}

/** Only for operators. */
export interface BindingService {
  /** In order of host and device. */
  page(filter: BindingFilter, page: KeyPage): Outcome<Paged<BindingRecord>>
  /** `not-found` (binding) of an interface that is nowhere. */
  get(interfaceId: string): Outcome<BindingRecord>
  /**
   * All or nothing; what is given up is given up before anything is taken. Answers those that are bound then, in order.
   * `conflict` (binding) names who has a device that is taken.
   */
  change(ctx: Context, claims: readonly Claim[]): Outcome<readonly BindingRecord[]>
  /**
   * Answers whether it was nowhere before. A claim of where the interface is already changes nothing and succeeds, whatever `from` and
   * the condition say: a request whose answer was lost may be sent again.
   */
  claim(
    ctx: Context,
    claim: Claim,
    condition: Condition,
  ): Outcome<{ readonly binding: BindingRecord; readonly isNew: boolean }>
  /** `conflict` (binding) of one that was found by its MAC address, while its host sees it. */
  release(ctx: Context, interfaceId: string, condition: Condition): Outcome<void>
  /** Devices that a host sees and no interface is on, in order of device. `not-found` (host) of one that has never had an agent. */
  unclaimed(host: string, page: KeyPage): Outcome<Paged<SightingRecord>>
}

export function createBindingService(storage: Storage, providers: readonly Provider[]): BindingService {
  const schema = someOf(entrySchemas(providers).interface, ['host', 'device'])

  const get: BindingService['get'] = async (id) => {
    const binding = await storage.binding(id)
    return binding ? ok(binding) : err({ kind: 'not-found', resource: 'binding', id })
  }

  /** `at` is where the claim stands in the request. */
  function read(
    { interface: id, host, device, from }: Claim,
    at: string,
  ): Result<BindingChange, RequestError> {
    if (host === null && device === null) {
      if (from === undefined) return ok({ interface: id, to: null })
      return invalid(`${at}from`, 'nothing is claimed from it')
    }
    if (host === null || device === null) {
      return invalid(`${at}${host === null ? 'host' : 'device'}`, 'host and device go together')
    }
    const place = readEntry(schema, { host, device }, (_, report) => {
      const fault = deviceFault(device)
      if (fault !== undefined) report.add('.device', fault)
    })
    if (!place.ok) {
      const { error } = place
      return error.kind === 'invalid' ? invalid(`${at}${error.field}`, error.reason) : place
    }
    return ok({ interface: id, to: { host, device }, ...(from !== undefined && { from }) })
  }

  async function run(ctx: Context, changes: readonly BindingChange[]): Outcome<void> {
    const done = await storage.run('bind', { changes }, actorOf(ctx))
    return done.ok ? ok(undefined) : done
  }

  return {
    async page(filter, page) {
      const key = keyOf(page, ['text', 'text'])
      return key.ok
        ? ok(
            await pagedBy(
              page,
              (more) => storage.bindingPage(filter, more),
              ({ host, device }) => [host, device],
            ),
          )
        : key
    },
    get,
    async change(ctx, claims) {
      const changes: BindingChange[] = []
      const [interfaces, devices] = [new Set<string>(), new Set<string>()]
      for (const [index, claim] of claims.entries()) {
        const at = `bindings[${index}].`
        const change = read(claim, at)
        if (!change.ok) return change
        if (interfaces.has(claim.interface)) return invalid(`${at}interface`, 'it is there twice')
        const device = `${claim.host} ${claim.device}`
        if (claim.host !== null && devices.has(device)) return invalid(`${at}device`, 'it is there twice')
        interfaces.add(claim.interface)
        devices.add(device)
        changes.push(change.value)
      }
      const done = await run(ctx, changes)
      if (!done.ok) return done
      const bound = await Promise.all(claims.map((each) => storage.binding(each.interface)))
      return ok(bound.filter((each) => each !== undefined))
    },
    async claim(ctx, claim, condition) {
      const change = read(claim, '')
      if (!change.ok) return change
      const before = await storage.binding(claim.interface)
      const done = await run(ctx, [{ ...change.value, ...condition }])
      if (!done.ok) return done
      const binding = await get(claim.interface)
      return binding.ok ? ok({ binding: binding.value, isNew: before === undefined }) : binding
    },
    async release(ctx, id, condition) {
      const found = await get(id)
      return found.ok ? run(ctx, [{ interface: id, to: null, ...condition }]) : found
    },
    async unclaimed(host, page) {
      const key = keyOf(page, ['text'])
      if (!key.ok) return key
      const found = await pagedBy(
        page,
        (more) => storage.unclaimedPage(host, more),
        ({ device }) => [device],
      )
      if (found.items.length > 0 || (await storage.hosts()).some((each) => each.host === host))
        return ok(found)
      return err({ kind: 'not-found', resource: 'host', id: host })
    },
  }
}

const invalid = (field: string, reason: string) => err<RequestError>({ kind: 'invalid', field, reason })
