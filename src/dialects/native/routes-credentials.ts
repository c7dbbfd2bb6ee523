/** Who may ask: credentials of accounts and hosts, and who it is that asks. */
import type { RequestError } from '../../core/model/error.ts'
import { ok, type Result } from '../../core/result.ts'
import { usualOverlap, type WithSecret } from '../../service/credentials.ts'
import type { CredentialFilter, CredentialRecord } from '../../storage/storage.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { conditionOf } from './conditions.ts'
import { choiceOf, decodeMoment, textOf } from './decode-query.ts'
import { encodeCredential, encodePrincipal } from './encode-credentials.ts'
import { bodyOf, creations, identifier, removals, resources, routesOf } from './endpoint.ts'
import { hostOf } from './host-name.ts'
import { encodeCursor, keyPageOf } from './pages.ts'
import {
  Credential,
  CredentialChange,
  CredentialList,
  CredentialQuery,
  CredentialWithSecret,
  HostCredentialQuery,
  holders,
  kinds,
  NewCredential,
  NewHostCredential,
  Rotation,
  WhoAmI,
} from './schemas-credentials.ts'

const operators = true
const location = (id: string) => `/v1/credentials/${id}`

const credentialOf = (request: DialectRequest, credential: CredentialRecord) => ({
  body: encodeCredential(credential, request.now),
  revision: credential.revision,
})
const withSecret = (request: DialectRequest, { credential, secret }: WithSecret) => ({
  ...{ id: credential.id, secret },
  ...credentialOf(request, credential),
})

async function read(request: DialectRequest, id: string) {
  const found = await request.services.credentials.get(request, id)
  return found.ok ? ok(credentialOf(request, found.value)) : found
}

async function list(request: DialectRequest, filter: Omit<CredentialFilter, 'now'>) {
  const page = keyPageOf(request.query)
  if (!page.ok) return page
  const found = await request.services.credentials.list(request, filter, page.value)
  if (!found.ok) return found
  const { items, next } = found.value
  return ok({
    credentials: items.map((each) => encodeCredential(each, request.now)),
    next: next && encodeCursor(next),
  })
}

/** Moments as they are written → milliseconds. */
function decode<T extends { readonly expiresAt?: string | null }>({
  expiresAt,
  ...rest
}: T): Result<Omit<T, 'expiresAt'> & { readonly expiresAt?: number | null }, RequestError> {
  if (expiresAt === undefined) return ok(rest)
  if (expiresAt === null) return ok({ ...rest, expiresAt })
  const at = decodeMoment(expiresAt, 'expiresAt')
  return at.ok ? ok({ ...rest, expiresAt: at.value }) : at
}

export const credentialRoutes: readonly Route[] = [
  ...routesOf([
    {
      method: 'GET',
      path: '/whoami',
      operation: 'whoAmI',
      scope: 'any',
      summary: 'Whose the credential is that asks, and what it permits',
      schema: { answer: WhoAmI },
      handle: async ({ principal }) => ok(encodePrincipal(principal)),
    },
    {
      method: 'GET',
      path: '/credentials',
      operation: 'listCredentials',
      scope: 'write',
      operators,
      summary: 'Credentials of the account, without their secrets; to operators all',
      schema: { query: CredentialQuery, answer: CredentialList },
      handle: async (request) => {
        const { query } = request
        const [account, host] = [textOf(query, 'account'), textOf(query, 'host')]
        const [holder, kind] = [choiceOf(query, 'holder', holders), choiceOf(query, 'kind', kinds)]
        const expired = choiceOf(query, 'expired', ['true', 'false'])
        if (!account.ok) return account
        if (!host.ok) return host
        if (!holder.ok) return holder
        if (!kind.ok) return kind
        if (!expired.ok) return expired
        return list(request, {
          ...(account.value !== undefined && { account: account.value }),
          ...(host.value !== undefined && { host: host.value }),
          ...(holder.value !== undefined && { holder: holder.value }),
          ...(kind.value !== undefined && { kind: kind.value }),
          ...(expired.value !== undefined && { expired: expired.value === 'true' }),
        })
      },
    },
    {
      method: 'GET',
      path: '/hosts/:host/credentials',
      operation: 'listHostCredentials',
      scope: 'operator',
      summary: 'Credentials of the agent of one host, without their secrets',
      schema: { query: HostCredentialQuery, answer: CredentialList },
      handle: async (request) => {
        const host = hostOf(request)
        return host.ok ? list(request, { holder: 'host', host: host.value }) : host
      },
    },
  ]),
  ...creations([
    {
      path: '/credentials',
      operation: 'createCredential',
      operators,
      summary: 'Make a credential; its secret is answered now and never again',
      schema: { body: NewCredential, answer: CredentialWithSecret },
      location,
      read,
      handle: async (request, once) => {
        const body = bodyOf<NewCredential>(request)
        const wanted = body.ok ? decode(body.value) : body
        if (!wanted.ok) return wanted
        const made = await request.services.credentials.create(request, wanted.value, once)
        return made.ok ? ok(withSecret(request, made.value)) : made
      },
    },
    {
      path: '/hosts/:host/credentials',
      operation: 'createHostCredential',
      scope: 'operator',
      summary: 'Make a credential of the agent of one host; its secret is answered now and never again',
      schema: { body: NewHostCredential, answer: CredentialWithSecret },
      location,
      read,
      handle: async (request, once) => {
        const host = hostOf(request)
        if (!host.ok) return host
        const body = bodyOf<NewHostCredential>(request)
        const wanted = body.ok ? decode(body.value) : body
        if (!wanted.ok) return wanted
        const named = { ...wanted.value, host: host.value }
        const made = await request.services.credentials.createForHost(request, named, once)
        return made.ok ? ok(withSecret(request, made.value)) : made
      },
    },
    {
      path: '/credentials/:id/rotate',
      operation: 'rotateCredential',
      operators,
      summary: 'Give it a new secret; the one that it has holds on for the overlap',
      schema: { body: Rotation, answer: CredentialWithSecret },
      location,
      read,
      handle: async (request, once) => {
        const id = identifier(request, 'credential')
        if (!id.ok) return id
        const condition = conditionOf(request)
        if (!condition.ok) return condition
        const body = bodyOf<Rotation>(request)
        if (!body.ok) return body
        const wanted = { overlap: usualOverlap, ...body.value }
        const { credentials } = request.services
        const made = await credentials.rotate(request, id.value, wanted, condition.value, once)
        return made.ok ? ok(withSecret(request, made.value)) : made
      },
    },
  ]),
  ...resources([
    {
      method: 'GET',
      path: '/credentials/:id',
      operation: 'getCredential',
      scope: 'write',
      operators,
      summary: 'One credential, without its secret',
      schema: { answer: Credential },
      handle: async (request) => {
        const id = identifier(request, 'credential')
        return id.ok ? read(request, id.value) : id
      },
    },
    {
      method: 'PATCH',
      path: '/credentials/:id',
      operation: 'updateCredential',
      operators,
      summary: 'Change what a credential permits, what it is called, and when it ends',
      schema: { body: CredentialChange, answer: Credential },
      handle: async (request, condition) => {
        const id = identifier(request, 'credential')
        if (!id.ok) return id
        const body = bodyOf<CredentialChange>(request)
        const change = body.ok ? decode(body.value) : body
        if (!change.ok) return change
        const changed = await request.services.credentials.update(request, id.value, change.value, condition)
        return changed.ok ? ok(credentialOf(request, changed.value)) : changed
      },
    },
  ]),
  ...removals([
    {
      path: '/credentials/:id',
      operation: 'revokeCredential',
      operators,
      summary: 'End a credential at once, and what is read with it',
      handle: async (request, condition) => {
        const id = identifier(request, 'credential')
        return id.ok ? request.services.credentials.revoke(request, id.value, condition) : id
      },
    },
  ]),
]
