/**
 * The document against real answers: every answer of every route, success or not, is what the document says, and has nothing
 * that the document does not name.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Compile } from 'typebox/schema'
import { makeOperator, operator } from '../../../test/support/operator.ts'
import {
  credentials,
  inventory,
  nics,
  type Reply,
  secretKeys,
  servers,
  startService,
  type TestService,
} from '../../../test/support/service.ts'
import { seenOn, sighting } from '../../../test/support/sightings.ts'
import { whole } from '../../../test/support/status.ts'
import type { Decision } from '../../core/model/decision.ts'
import { noCredential } from '../../service/context.ts'
import { derivedId } from '../../service/derived-id.ts'
import { routes } from './routes.ts'

const packet = { protocol: 'tcp', source: '198.51.100.1', destination: '192.0.2.10', destinationPort: 22 }
const out = { ...packet, source: '192.0.2.10', destination: '198.51.100.1' }
const ask = { server: servers.web, direction: 'ingress', packet }

const rule = { action: 'allow', direction: 'ingress', protocol: 'tcp', destinationPorts: [22, '80-90'] }
const native = '00d1a100-0003-4000-8000-000000000001'
const nativeNic = '00d1a100-0003-4000-8000-0000000000a1'
const withNative = inventory.replace(
  '    servers:\n',
  `$&      - { profile: native, id: ${native}, name: own, interfaces: [ { id: ${nativeNic}, addresses: [192.0.2.50] } ] }\n`,
)

/** Operation, path below /v1 with names of what is made before, body, status, headers. */
type Call = readonly [string, string, unknown, number, Record<string, string>?]

/** Of every kind. */
const deciders = [
  ...['rule p r', 'list p', 'default', 'essential dhcp', 'state invalid', 'origin arp', 'malformed', 'frame'],
]
const denied: Omit<Decision, 'by' | 'interface'> = {
  ...{ at: Date.UTC(2026, 0, 31), host: 'local', direction: 'ingress', outcome: 'denied', observed: false },
  ...{ position: null, level: 'info', revision: 1 },
  packet: { etherType: 0x0800, length: 60, protocol: 1, icmpType: 8, icmpCode: 0, source: '192.0.2.1' },
}

/** Traces whose verdict has every kind of reason, with the kind. */
const traces: readonly (readonly [string, object])[] = [
  ['rule', ask],
  ['default', { ...ask, direction: 'egress', packet: out }],
  ['origin', { ...ask, direction: 'egress', packet: { ...out, source: '203.0.113.7' } }],
  ['off', { ...ask, server: servers.db, packet: { ...packet, destination: '192.0.2.11' } }],
  ['state', { ...ask, server: '10000', packet: { ...packet, destination: '192.0.2.20', state: 'invalid' } }],
  [
    'essential',
    {
      ...ask,
      packet: {
        ...{ protocol: 'icmpv6', source: 'fe80::1', destination: '2001:db8::10', icmpType: 135, icmpCode: 0 },
        ...{ hopLimit: 255, link: true },
      },
    },
  ],
]

const calls: readonly Call[] = [
  ['compareInventory', '/inventory/diff?prune=true', { accounts: [{ name: 'acme' }] }, 200, operator],
  [
    'applyInventory',
    '/inventory?dryRun=true',
    { accounts: [{ name: 'acme', cutFlows: 'revoked' }] },
    200,
    operator,
  ],
  ['applyInventory', '/inventory', { accounts: [{ nme: 'acme' }] }, 400, operator],
  ['exportInventory', '/inventory?owned=true', undefined, 200, operator],
  ...traces.map(([, body]): Call => ['trace', '/trace', body, 200]),
  ['trace', '/trace', { ...ask, interface: nics.cube }, 404],
  ['trace', '/trace', { ...ask, server: 'nowhere' }, 404],
  ['trace', '/trace', { ...ask, packet: { ...packet, source: 'x' } }, 400],
  ['trace', '/trace', { ...ask, colour: 'red' }, 400],
  ['trace', '/trace', undefined, 400],
  ['trace', '/trace', ask, 401, credentials.none],
  ['listServers', '/servers', undefined, 200],
  ['listServers', '/servers?profile=scaleway', undefined, 200, secretKeys.right],
  ['listServers', '/servers?profile=x', undefined, 400],
  ['listServers', '/servers', undefined, 401, credentials.wrong],
  ...Object.entries(servers).map(
    ([name, id]): Call => ['getServer', `/servers/${id}`, undefined, /^foreign/.test(name) ? 404 : 200],
  ),
  ['getServer', '/servers/twin', undefined, 400],
  ['getServer', `/servers/${'x'.repeat(300)}`, undefined, 404],
  ['listRevisions', '/revisions', undefined, 200],
  ['listRevisions', '/revisions?limit=0', undefined, 400],
  ['getRevision', '/revisions/2', undefined, 200],
  ['getRevision', '/revisions/1', undefined, 404],
  ['getRevision', '/revisions/x', undefined, 404],
  ['listRevisions', '/revisions?dialect=upcloud&actor=x&since=2026-01-01T00:00:00Z', undefined, 200],
  ['listRevisions', '/revisions?since=yesterday', undefined, 400],
  ['getRevisionDiff', '/revisions/2/diff', undefined, 200],
  ['getRevisionDiff', '/revisions/1/diff', undefined, 404],
  ['listAudit', '/audit', undefined, 200],
  ['listAudit', `/audit?server=${servers.web}&policy=x`, undefined, 200],
  ['listAudit', '/audit?before=x', undefined, 400],
  ...['', '?host=local', '?state=applied', '?account=nobody', '?limit=1'].map(
    (query): Call => ['listHosts', `/hosts${query}`, undefined, 200, operator],
  ),
  ['listHosts', '/hosts', undefined, 403],
  ...['', '?limit=1'].map(
    (query): Call => ['listUnclaimed', `/hosts/local/unclaimed${query}`, undefined, 200, operator],
  ),
  ['listUnclaimed', '/hosts/nowhere/unclaimed', undefined, 404, operator],
  ['listUnclaimed', '/hosts/a%20b/unclaimed', undefined, 400, operator],
  ['listUnclaimed', '/hosts/local/unclaimed?cursor=bad', undefined, 400, operator],
  ['listUnclaimed', '/hosts/local/unclaimed', undefined, 403],
  ['listUnclaimed', '/hosts/local/unclaimed', undefined, 401, credentials.none],
  ['adoptDevice', '/hosts/local/adopt', { device: 'tap9', account: 'x', profile: 'native' }, 400, operator],
  ['adoptDevice', '/hosts/local/adopt', { device: 'tap9' }, 400, operator],
  ['adoptDevice', '/hosts/local/adopt', { device: 'tap9', account: 'x', profile: 'native' }, 403],
  ['listHosts', '/hosts?state=bad', undefined, 400, operator],
  ['listHosts', '/hosts?cursor=bad', undefined, 400, operator],
  ['getServer', `/servers/${servers.foreignCube}`, undefined, 200, operator],
  ['listServerRules', `/servers/${servers.foreignCube}/rules`, undefined, 200, operator],
  ['listDecisions', '/decisions', undefined, 200, operator],
  ['trace', '/trace', ask, 200, operator],
  ['listHosts', '/hosts', undefined, 401, credentials.none],
  ...['', '?direction=ingress', '?unused=30', `?interface=${nics.cube}`].map(
    (query): Call => ['listServerRules', `/servers/${servers.cube}/rules${query}`, undefined, 200],
  ),
  ['listServerRules', '/servers/10000/rules', undefined, 200],
  ['listServerRules', `/servers/${servers.web}/rules`, undefined, 200],
  ['listServerRules', `/servers/${servers.web}/rules?unused=0`, undefined, 400],
  ['listServerRules', `/servers/${servers.web}/rules?interface=none`, undefined, 404],
  ['listServerRules', `/servers/${servers.foreign}/rules`, undefined, 404],
  ['listDecisions', '/decisions', undefined, 200],
  ['listDecisions', `/decisions?server=${servers.web}&limit=1`, undefined, 200],
  ['listDecisions', '/decisions?server=nowhere', undefined, 404],
  ['listDecisions', `/decisions?interface=${nics.foreign}`, undefined, 404],
  ['listDecisions', '/decisions?outcome=x', undefined, 400],
  ['listDecisions', '/decisions', undefined, 401, { accept: 'text/event-stream' }],
  ['getPolicy', `/policies/${nics.cube}`, undefined, 200],
  ['getPolicy', '/policies/nowhere', undefined, 404],
  ['updatePolicy', `/policies/${nics.cube}`, { cutFlows: 'revoked', log: { ingress: 'err' } }, 200],
  ['updatePolicy', `/policies/${nics.cube}`, { logAllowed: 'info', log: { ingress: null } }, 200],
  ['updatePolicy', `/policies/${nics.cube}`, { cutFlows: 'always' }, 400],
  ['updatePolicy', `/policies/${nics.foreign}`, { cutFlows: 'revoked' }, 404],
  ['listPolicies', '/policies', undefined, 200],
  ['listPolicies', '/policies?limit=1&profile=upcloud', undefined, 200],
  ['listPolicies', '/policies?cursor=x', undefined, 400],
  ['createPolicy', '/policies', { name: 'x', rules: [rule] }, 201],
  ['createPolicy', '/policies', { name: 'x', rules: [{ ...rule, destinationPorts: ['2-1'] }] }, 400],
  ['getPolicy', '/policies/{policy}', undefined, 200],
  ['updatePolicy', '/policies/{policy}', { defaults: { egress: 'reject' }, labels: { a: 'b' } }, 200],
  ['updatePolicy', '/policies/{policy}', { ruleCount: 7 }, 400],
  ['updatePolicy', '/policies/{policy}', { name: 'y' }, 412, { ...credentials.right, 'if-match': '"1"' }],
  ['listPolicyRules', '/policies/{policy}/rules', undefined, 200],
  ['listPolicyRules', `/policies/${nics.cube}/rules`, undefined, 200],
  ['createPolicyRule', '/policies/{policy}/rules', { ...rule, before: '{rule}' }, 400],
  ['createPolicyRule', '/policies/{policy}/rules', { ...rule, position: 1, comment: 'x' }, 201],
  ['createPolicyRule', `/policies/${nics.cube}/rules`, rule, 409],
  ['getPolicyRule', '/policies/{policy}/rules/{rule}', undefined, 200],
  ['getPolicyRule', '/policies/{policy}/rules/x', undefined, 404],
  ['updatePolicyRule', '/policies/{policy}/rules/{rule}', { log: 'info', position: 2 }, 200],
  ['replacePolicyRule', '/policies/{policy}/rules/{rule}', { ...rule, sources: ['10.0.0.0/8'] }, 200],
  ['replacePolicyRules', '/policies/{policy}/rules', { rules: [rule, rule] }, 200],
  ['deletePolicyRule', '/policies/{other}/rules/{otherRule}', undefined, 204],
  ['createAttachment', '/policies/{policy}/attachments', { server: native }, 201],
  ['createAttachment', '/policies/{policy}/attachments', { server: servers.web }, 400],
  [
    'replaceAttachments',
    '/policies/{policy}/attachments',
    { attachments: [{ server: native, interface: nativeNic }] },
    200,
  ],
  ['listAttachments', '/policies/{policy}/attachments', undefined, 200],
  ['replaceServerPolicies', `/servers/${native}/policies`, { policies: [] }, 200],
  ['replaceServerPolicies', `/servers/${servers.instance}/policies`, { policies: [] }, 409],
  ['listServerPolicies', `/servers/${servers.instance}/policies`, undefined, 200],
  ['listInterfacePolicies', `/servers/${native}/interfaces/${nativeNic}/policies`, undefined, 200],
  ['getServer', `/servers/${native}`, undefined, 200],
  ['deletePolicy', '/policies/{policy}', undefined, 409],
  ['deleteInterfaceAttachment', `/policies/{policy}/attachments/${native}/${nativeNic}`, undefined, 204],
  ['replaceInterfacePolicies', `/servers/${native}/interfaces/${nativeNic}/policies`, { policies: [] }, 200],
  ['createAttachment', '/policies/{policy}/attachments', { server: native, interface: null }, 201],
  ['deleteAttachment', `/policies/{policy}/attachments/${native}`, undefined, 204],
  ['deletePolicy', '/policies/{policy}', undefined, 204],
  ['revertPolicy', `/policies/${nics.cube}/revert`, { to: 2, dryRun: true }, 200],
  ['revertPolicy', `/policies/${nics.cube}/revert`, { to: 2 }, 200],
  ['revertPolicy', `/policies/${nics.cube}/revert`, { to: 2, ifRevision: 1 }, 412],
  ['revertPolicy', `/policies/${nics.cube}/revert`, { to: 0 }, 400],
  ['revertPolicy', `/policies/${nics.cube}/revert`, { to: 1_000_000 }, 404],
  ['revertPolicy', `/policies/${nics.foreign}/revert`, { to: 2 }, 404],
  ['getAccount', '/account', undefined, 200],
  ['getAccount', '/account', undefined, 401, credentials.none],
  ['updateAccount', '/account', { cutFlows: 'revoked' }, 200],
  ['updateAccount', '/account', { cutFlows: null }, 200],
  ['updateAccount', '/account', { cutFlows: 1 }, 400],
  ['updateAccount', '/account', { cutFlows: null }, 403, credentials.readOnly],
  ['whoAmI', '/whoami', undefined, 200],
  ['whoAmI', '/whoami', undefined, 200, operator],
  ['listCredentials', '/credentials', undefined, 200],
  ['listCredentials', '/credentials?kind=password&expired=false&limit=1', undefined, 200, operator],
  ['listCredentials', '/credentials?kind=x', undefined, 400],
  ['listCredentials', '/credentials', undefined, 403, credentials.readOnly],
  ['createCredential', '/credentials', { kind: 'token', scopes: ['read'], servers: [servers.web] }, 201],
  [
    ...(['createCredential', '/credentials'] as const),
    { kind: 'password', username: 'joe', scopes: ['read'], profiles: ['upcloud'] },
    201,
  ],
  ['createCredential', '/credentials', { kind: 'secret-key', scopes: ['write'] }, 201],
  ['createCredential', '/credentials', { kind: 'token', scopes: [] }, 400],
  ['createCredential', '/credentials', { kind: 'password', username: 'joe', scopes: ['read'] }, 409],
  ['getCredential', '/credentials/kept', undefined, 200],
  ['getCredential', '/credentials/nobodys', undefined, 404],
  ['updateCredential', '/credentials/kept', { label: 'new', expiresAt: '2099-01-01T00:00:00Z' }, 200],
  ['updateCredential', '/credentials/kept', { expiresAt: 'soon' }, 400],
  ['updateCredential', '/credentials/kept', { label: 'x' }, 412, { ...credentials.right, 'if-match': '"1"' }],
  ['rotateCredential', '/credentials/kept/rotate', { overlap: 60 }, 201],
  ['revokeCredential', '/credentials/kept', undefined, 204],
  ['revokeCredential', '/credentials/kept', undefined, 404],
  ['createHostCredential', '/hosts/kvm7/credentials', {}, 201, operator],
  ['createHostCredential', '/hosts/kvm7/credentials', {}, 403],
  ['createHostCredential', '/hosts/a%20b/credentials', {}, 400, operator],
  ['listHostCredentials', '/hosts/kvm7/credentials', undefined, 200, operator],
  ['getOpenApi', '/openapi.json', undefined, 200, credentials.none],
  ...managed(),
]

const accountOf = async ({ call }: TestService): Promise<string> =>
  (await call('GET', '/v1/account')).body.account

/** What operators and owners make, change and end; each is there when it is named. */
function managed(): Call[] {
  const nobody = '/nobody'
  const place = { host: 'kvm1', device: 'tap1' }
  const server = { profile: 'upcloud', name: 'made', zone: 'fi-hel1', id: 'made', account: 'made' }
  const of = (resource: string, profile: string): Call[] => {
    const [one, path] = [resource.slice(0, -1), `/${resource.toLowerCase()}`]
    return [
      [`create${one}`, path, { profile, name: 'made', id: `made-${one}` }, 201],
      [`create${one}`, path, { profile, name: 'made', id: `made-${one}` }, 409],
      [`list${resource}`, path, undefined, 200],
      [`list${resource}`, `${path}?profile=${profile}`, undefined, 200, operator],
      [`get${one}`, `${path}/made-${one}`, undefined, 200],
      [`update${one}`, `${path}/made-${one}`, { name: 'renamed' }, 200],
      [`update${one}`, `${path}${nobody}`, { name: 'renamed' }, 404],
      [`delete${one}`, `${path}/made-${one}`, undefined, 204],
    ]
  }
  return [
    ['createAccount', '/accounts', { name: 'made', id: 'made', contractNumber: 5 }, 201, operator],
    ['createAccount', '/accounts', { name: 'made' }, 409, operator],
    ['createAccount', '/accounts', {}, 400, operator],
    ['createAccount', '/accounts', { name: 'x' }, 403],
    ['listAccounts', '/accounts?closed=false', undefined, 200, operator],
    ['getManagedAccount', '/accounts/made', undefined, 200, operator],
    ['getManagedAccount', `/accounts${nobody}`, undefined, 404, operator],
    [
      'updateManagedAccount',
      '/accounts/made',
      { quotas: { servers: 5 }, cutFlows: 'revoked' },
      200,
      operator,
    ],
    ...of('Projects', 'scaleway'),
    ...of('Zones', 'ionos'),
    ['getZone', '/zones/fi-hel1', undefined, 200],
    ['createServer', '/servers', { ...server, labels: { a: 'b' } }, 201, operator],
    ['createServer', '/servers', server, 409, operator],
    ['listServers', '/servers?limit=1', undefined, 200, operator],
    ['getServer', '/servers/made', undefined, 200, operator],
    ['updateServer', '/servers/made', { name: 'renamed', labels: null }, 200, operator],
    ['updateServer', '/servers/made', { colour: 'red' }, 400, operator],
    [
      'createInterface',
      '/servers/made/interfaces',
      { id: 'made-nic', addresses: ['203.0.113.9'] },
      201,
      operator,
    ],
    ['listInterfaces', '/servers/made/interfaces', undefined, 200, operator],
    ['getInterface', '/interfaces/made-nic', undefined, 200, operator],
    ['updateInterface', '/interfaces/made-nic', { senderCheck: false }, 200, operator],
    ['claimBinding', '/bindings/made-nic', place, 201, operator],
    ['claimBinding', '/bindings/made-nic', { ...place, device: 'tap2' }, 200, operator],
    ['claimBinding', `/bindings${nobody}`, place, 404, operator],
    ['getBinding', '/bindings/made-nic', undefined, 200, operator],
    ['listBindings', '/bindings?host=kvm1', undefined, 200, operator],
    ['changeBindings', '/bindings', { bindings: [{ interface: 'made-nic', ...place }] }, 200, operator],
    ['changeBindings', '/bindings', { bindings: [] }, 400, operator],
    ['getInterface', '/interfaces/made-nic', undefined, 200, operator],
    ['releaseBinding', '/bindings/made-nic', undefined, 204, operator],
    ['deleteInterface', '/interfaces/made-nic', undefined, 204, operator],
    ['deleteServer', '/servers/made', undefined, 204, operator],
    [
      'adoptDevice',
      '/hosts/local/adopt',
      { device: 'tap100i0', account: 'made', profile: 'native' },
      201,
      operator,
    ],
    [
      'adoptDevice',
      '/hosts/local/adopt',
      { device: 'tap100i0', account: 'made', profile: 'ionos' },
      400,
      operator,
    ],
    [
      'deleteServer',
      `/servers/${derivedId('guest', 'made', 'native', 'libvirt-100')}`,
      undefined,
      204,
      operator,
    ],
    ['deleteAccount', '/accounts/made', undefined, 204, operator],
  ]
}

/** Nothing that is not named, unless anything may be there. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict)
  if (schema === null || typeof schema !== 'object') return schema
  const entries = Object.entries(schema).map(([key, value]) => [key, strict(value)])
  const open = !('properties' in schema) || 'additionalProperties' in schema
  return { ...Object.fromEntries(entries), ...(!open && { additionalProperties: false }) }
}

describe('the OpenAPI document and what is answered', () => {
  let service: TestService
  // biome-ignore lint/suspicious/noExplicitAny: a document of JSON
  let document: any
  const made: Record<string, string> = {}
  before(async () => {
    service = await startService({ inventory: withNative })
    const { services, call } = service
    const guest = { id: '100', name: 'found' }
    const later = sighting('tap101i0', '52:54:00:aa:bb:02', { present: false, source: 'proxmox' })
    await seenOn(service.storage, 'local', [sighting('tap100i0', '52:54:00:aa:bb:01', { guest }), later])
    for (const [policy, first] of [
      ['policy', 'rule'],
      ['other', 'otherRule'],
    ] as const) {
      made[policy] = (await call('POST', '/v1/policies', { name: policy, rules: [rule] })).body.id
      made[first] = (await call('GET', `/v1/policies/${made[policy]}/rules`)).body.rules[0].id
    }
    document = (await call('GET', '/v1/openapi.json', undefined, {})).body
    const on = { enable: 1, policy_in: 'DROP' }
    const opened = { direction: 'in', action: 'accept' }
    for (const [method, path, body] of [
      ['POST', `/1.3/server/${servers.web}/firewall_rule`, { firewall_rule: opened }],
      ['PUT', '/api/vm/10000/firewall/options', on],
      ['PUT', `/1.3/server/${servers.web}`, { server: { title: 'twin' } }],
      ['PUT', `/1.3/server/${servers.db}`, { server: { title: 'twin' } }],
    ] as const) {
      const answer = await call(method, path, body)
      assert.ok(answer.status < 300, answer.text)
    }
    const [web] = (await call('GET', `/v1/servers/${servers.web}`)).body.interfaces
    services.enforcement.report(
      whole({
        ...{ host: 'local', target: 'fake', observe: false, desiredRevision: 1, appliedRevision: 1 },
        ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
        interfaces: [
          {
            ...{ id: web.id, device: 'tap1', appliedRevision: 1, state: 'observing', error: null },
            ...{
              notes: ['a note'],
              denials: { ingress: 1, egress: 0 },
              unanswered: { ingress: 1, egress: 0 },
            },
          },
        ],
      }),
    )
    services.decisions.hear(deciders.map((by): Decision => ({ ...denied, interface: web.id, by })))
    const asked = await call('GET', '/v1/decisions')
    assert.equal(asked.body.decisions.length, deciders.length)
    await makeOperator(service.storage)
    const kept = { ...noCredential, id: 'kept', account: await accountOf(service), lookup: 'x', hash: 'x' }
    const by = { account: kept.account, actor: 'test', dialect: 'system', requestId: '', at: 1 } as const
    await service.storage.run('createCredential', { credential: kept }, by)
  })
  after(() => service.close())

  const required = new Set(['ETag', 'Location'])
  const checks = new Map<string, ReturnType<typeof Compile>>()
  function check(operation: string, { status, headers, body, text }: Reply): void {
    const route = routes.find((each) => each.operation === operation)
    assert.ok(route, operation)
    const path = `/v1${route.path.replace(/:(\w+)/g, '{$1}')}`
    const { responses } = document.paths[path][route.method.toLowerCase()]
    const answer = responses[status] ?? document.components.responses.Problem
    assert.ok(responses[status] || status >= 400, `${operation} ${status} is not in the document`)
    assert.deepEqual(
      Object.keys(answer.headers ?? {}).filter((name) => required.has(name) && !headers.has(name)),
      [],
    )
    if (status === 204) {
      assert.equal(text, '')
      return
    }
    const [type = ''] = (headers.get('content-type') ?? '').split(';')
    const schema = answer.content[type]?.schema
    assert.ok(schema, `${operation} ${status}: ${type} is not in the document`)
    const { $ref } = schema
    const meant = $ref ? document.components.schemas[$ref.split('/').at(-1)] : schema
    const key = JSON.stringify(meant)
    const validator = checks.get(key) ?? Compile(strict(meant) as never)
    checks.set(key, validator)
    const [, errors] = validator.Errors(body)
    assert.ok(
      validator.Check(body),
      `${operation} ${status}: ${JSON.stringify(errors)}\n${text.slice(0, 1000)}`,
    )
  }

  for (const [operation, path, body, status, headers] of calls) {
    test(`${operation} ${path} ${status}`, async () => {
      const method = routes.find((route) => route.operation === operation)?.method ?? 'GET'
      const called = `/v1${path}`.replace(/\{(\w+)\}/g, (_, name) => made[name] ?? '')
      const answer = await service.call(method, called, body, headers)
      assert.equal(answer.status, status, answer.text)
      check(operation, answer)
    })
  }

  test('every route is called, and every kind of reason is seen', async () => {
    const succeeded = new Set(calls.filter(([, , , status]) => status < 300).map(([name]) => name))
    assert.deepEqual(
      routes.map((route) => route.operation).filter((name) => !succeeded.has(name)),
      [],
    )
    const kinds = await Promise.all(
      traces.map(async ([, body]) => (await service.call('POST', '/v1/trace', body)).body.decidedBy.kind),
    )
    assert.deepEqual(
      kinds,
      traces.map(([kind]) => kind),
    )
    const named = document.paths['/v1/trace'].post.responses['200'].content['application/json'].schema
    const known = named.properties.decidedBy.properties.kind.anyOf.map(
      (each: { const: string }) => each.const,
    )
    assert.deepEqual(known.toSorted(), [...new Set(kinds)].toSorted())
  })

  test('a request is what the document says, and nothing else', () => {
    const validatorOf = (path: string, method: string) =>
      Compile(document.paths[path][method].requestBody.content['application/json'].schema)
    const validator = validatorOf('/v1/trace', 'post')
    for (const [, body] of traces) assert.ok(validator.Check(body), JSON.stringify(body))
    assert.equal(validator.Check({ ...ask, colour: 'red' }), false)
    for (const [operation, , body, status] of calls) {
      const route = routes.find((each) => each.operation === operation)
      if (!route?.schema?.body || operation === 'trace' || status >= 300) continue
      const path = `/v1${route.path.replace(/:(\w+)/g, '{$1}')}`
      assert.ok(validatorOf(path, route.method.toLowerCase()).Check(body), JSON.stringify(body))
    }
  })

  test('examples in the document are what it says', () => {
    const found: { readonly examples: readonly unknown[] }[] = []
    JSON.stringify(document, (_key, value) => {
      if (Array.isArray(value?.examples)) found.push(value)
      return value
    })
    assert.ok(found.length > 0)
    for (const schema of found) {
      for (const example of schema.examples)
        assert.ok(Compile(schema as never).Check(example), String(example))
    }
  })

  test('every way to present a credential is in the document, and works', async () => {
    const { securitySchemes } = document.components
    assert.deepEqual(
      Object.keys(securitySchemes).toSorted(),
      document.security.flatMap((each: object) => Object.keys(each)).toSorted(),
    )
    for (const headers of [
      credentials.right,
      credentials.password,
      secretKeys.right,
      { 'x-api-key': 'acme-token' },
    ]) {
      assert.equal((await service.call('POST', '/v1/trace', ask, headers)).status, 200)
    }
    assert.equal(Object.keys(securitySchemes).length, 4)
  })
})
