/** Undoing through each dialect: it answers what it answered then, but for revisions, entity tags and dates. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import {
  datacenters,
  inventory,
  nics,
  onBothStores,
  secretKeys,
  servers,
  type TestService,
} from './support/service.ts'

/** A server of the native profile, with an interface. */
const [plain, nic] = ['00d1a100-0003-4000-8000-000000000001', '00d1a100-0003-4000-8000-0000000000a1']
const withPlain = inventory.replace(
  '    servers:\n',
  `    servers:\n      - { profile: native, id: ${plain}, name: plain, interfaces: [ { id: ${nic}, addresses: [192.0.2.50] } ] }\n`,
)

/** A policy of a dialect, how it is read, and ways to change it that follow each other. */
interface Case {
  readonly name: string
  /** What is made first; answers the id of the policy and what is read of it. */
  open(): Promise<{ readonly policy: string; readonly reads: readonly string[] }>
  readonly changes: readonly ((at: string) => Promise<unknown>)[]
}

onBothStores('undoing', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ inventory: withPlain })
  })
  after(() => service.close())

  const call = async (method: string, path: string, body?: object) => {
    const headers = path.startsWith('/instance') ? secretKeys.right : undefined
    const reply = await service.call(method, path, body, headers)
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`)
    return reply
  }
  /** Without what a change leaves of itself: when it was, and who made it. */
  const comparable = (text: string) =>
    text
      .replace(
        /"(etag|modified|lastModifiedBy|lastModifiedByUserId|digest|requestId|request_id|timestamp)": ?"[^"]*"/g,
        '"$1":"-"',
      )
      .replace(/"(revision|desiredGeneration)":\d+/g, '"$1":0')
      .replace(/"[^"]*([Dd]ate|_at|At)": ?("[^"]*"|\d+)/g, '"$1":"-"')
  const readAll = async (reads: readonly string[]) => {
    const answers: Record<string, string> = {}
    for (const path of reads) answers[path] = comparable((await call('GET', path)).text)
    return answers
  }
  const revert = (policy: string, to: number, more: object = {}) =>
    service.call('POST', `/v1/policies/${policy}/revert`, { to, ...more })

  const chain = `/1.3/server/${servers.web}`
  const tcp = (port: number, comment = '') => ({
    ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp', comment },
    ...{ destination_port_start: String(port), destination_port_end: String(port) },
  })
  const vm = '/api/vm/10000/firewall'
  const vps = `/api/v2/vps/${vpsId(servers.vm)}/firewall`
  const row = (port: number, more: object = {}) => ({
    ...{ source: '', comment: '' },
    ...{ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: String(port), enable: 1, ...more },
  })
  const dc = `/cloudapi/v6/datacenters/${datacenters.own}`
  const cube = `${dc}/servers/${servers.cube}/nics/${nics.cube}`
  const properties = (port: number, more: object = {}) => ({
    properties: { name: `port ${port}`, protocol: 'TCP', portRangeStart: port, portRangeEnd: port, ...more },
  })
  const first = async (list: string) => {
    const { items } = (await call('GET', list)).body
    return `${list}/${items[0].id}`
  }
  const groups = '/instance/v1/zones/fr-par-1/security_groups'
  const inbound = (port: number, more: object = {}) => ({
    ...{ protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '0.0.0.0/0' },
    ...{ dest_port_from: port, ...more },
  })
  const editable = async (list: string) =>
    (await call('GET', list)).body.rules.filter((rule: { editable: boolean }) => rule.editable)

  const ruled = (id: string, method: string, path = '', body?: object) =>
    call(method, `/v1/policies/${id}/rules${path}`, body)
  const nth = async (id: string, n: number) => `/${(await ruled(id, 'GET')).body.rules[n].id}`
  const opening = (port: number, more: object = {}) => ({
    ...{ action: 'allow', direction: 'ingress', protocol: 'tcp', destinationPorts: [port], ...more },
  })
  const made = async (body: object) =>
    (await call('POST', '/v1/policies', { name: 'p', ...body })).body.id as string
  const attach = (...policies: string[]) => call('PUT', `/v1/servers/${plain}/policies`, { policies })

  const cases: readonly Case[] = [
    {
      name: 'native policy',
      async open() {
        const policy = await made({ defaults: { egress: 'reject' }, rules: [22, 80].map((n) => opening(n)) })
        await attach(policy)
        // What the server's interfaces are judged by is read, too.
        return {
          policy,
          reads: [`/v1/policies/${policy}`, `/v1/policies/${policy}/rules`, `/v1/servers/${plain}`],
        }
      },
      changes: [
        (id) => call('PATCH', `/v1/policies/${id}`, { defaults: { ingress: 'reject', egress: 'deny' } }),
        (id) => call('PATCH', `/v1/policies/${id}`, { defaults: { ingress: 'allow', egress: 'allow' } }),
        (id) => ruled(id, 'POST', '', opening(25, { position: 1, comment: 'ü \u2028 "\\', log: 'warning' })),
        (id) =>
          call('PATCH', `/v1/policies/${id}`, { stateful: false, cutFlows: 'revoked', logAllowed: 'info' }),
        async (id) => ruled(id, 'PATCH', await nth(id, 0), { position: 3 }),
        (id) =>
          call('PATCH', `/v1/policies/${id}`, {
            enabled: false,
            filters: ['egress'],
            log: { egress: 'alert' },
          }),
        async (id) =>
          ruled(id, 'PUT', await nth(id, 1), opening(443, { enabled: false, sources: ['2001:db8::/32'] })),
        async (id) => ruled(id, 'DELETE', await nth(id, 0)),
        (id) => ruled(id, 'PUT', '', { rules: [{ action: 'deny', direction: 'egress' }, opening(8080)] }),
        (id) =>
          call('PATCH', `/v1/policies/${id}`, {
            enabled: true,
            filters: [],
            cutFlows: null,
            logAllowed: null,
          }),
      ],
    },
    {
      name: 'chain of an UpCloud server',
      async open() {
        const policy = (await service.storage.chain(servers.web))?.id ?? ''
        return { policy, reads: [`${chain}/firewall_rule`, chain] }
      },
      changes: [
        () =>
          call('PUT', `${chain}/firewall_rule`, {
            firewall_rules: { firewall_rule: [22, 80, 443].map((n) => tcp(n)) },
          }),
        () =>
          call('POST', `${chain}/firewall_rule`, {
            firewall_rule: { ...tcp(25, 'ü \u2028 "\\'), position: 2 },
          }),
        () => call('DELETE', `${chain}/firewall_rule/1`),
        () => call('PUT', chain, { server: { firewall: 'off' } }),
        () =>
          call('PUT', `${chain}/firewall_rule`, {
            firewall_rules: { firewall_rule: [tcp(443), { direction: 'in', action: 'drop' }] },
          }),
        () => call('PUT', chain, { server: { firewall: 'on' } }),
      ],
    },
    {
      name: 'chain of a HostUp VM',
      async open() {
        await call('POST', '/api/firewall-groups', { name: 'kept', description: null, rules: [row(8080)] })
        const policy = (await service.storage.chain(servers.vm))?.id ?? ''
        return { policy, reads: [vm, vps, `${vm}/options`, `${vps}/options`, `${vm}/group`] }
      },
      changes: [
        () => call('POST', vm, row(22, { comment: 'ssh', iface: 'net1' })),
        () => call('POST', vm, row(80)),
        () => call('PUT', `${vm}/options`, { enable: 1, policy_in: 'DROP' }),
        async () => {
          const { groups } = (await call('GET', '/api/firewall-groups')).body.data
          const [{ id: group_id }] = groups.filter(({ name }: { name: string }) => name === 'kept')
          return call('PUT', `${vm}/group`, { group_id })
        },
        () => call('PUT', `${vm}?pos=1`, row(443, { enable: 0 })),
        () => call('DELETE', `${vm}/group`),
        () => call('DELETE', `${vm}?pos=0`),
        () => call('PUT', `${vm}/options`, { enable: 0, policy_in: 'ACCEPT' }),
      ],
    },
    {
      name: 'HostUp firewall group',
      async open() {
        const made = await call('POST', '/api/firewall-groups', {
          name: 'g',
          description: null,
          rules: [row(22)],
        })
        const { id } = made.body.data.group
        return { policy: id, reads: [`/api/firewall-groups/${id}`] }
      },
      changes: [
        (id) => call('PUT', `/api/firewall-groups/${id}`, { name: 'g', rules: [row(80), row(22), row(443)] }),
        (id) => call('PUT', `/api/firewall-groups/${id}`, { name: 'g', rules: [row(443, { comment: 'x' })] }),
        (id) => call('PUT', `/api/firewall-groups/${id}`, { name: 'g', rules: [] }),
      ],
    },
    {
      name: 'rules of an IONOS NIC',
      open: async () => ({
        policy: nics.cube,
        reads: [`${cube}?depth=0`, `${cube}/firewallrules?depth=1`],
      }),
      changes: [
        () => call('POST', `${cube}/firewallrules`, properties(22)),
        () => call('POST', `${cube}/firewallrules`, properties(80, { sourceIp: '192.0.2.7' })),
        () => call('PATCH', cube, { firewallType: 'EGRESS' }),
        async () => call('PATCH', await first(`${cube}/firewallrules`), { name: 'renamed' }),
        () => call('PATCH', cube, { firewallActive: false, firewallType: 'BIDIRECTIONAL' }),
        async () => call('DELETE', await first(`${cube}/firewallrules`)),
        () => call('PATCH', cube, { firewallActive: true }),
      ],
    },
    {
      name: 'IONOS security group',
      async open() {
        const { id } = (await call('POST', `${dc}/securitygroups`, { properties: { name: 'g' } })).body
        return {
          policy: id,
          reads: [`${dc}/securitygroups/${id}?depth=0`, `${dc}/securitygroups/${id}/rules?depth=1`],
        }
      },
      changes: [
        (id) => call('POST', `${dc}/securitygroups/${id}/rules`, properties(22)),
        (id) => call('POST', `${dc}/securitygroups/${id}/rules`, properties(80, { type: 'EGRESS' })),
        async (id) => call('DELETE', await first(`${dc}/securitygroups/${id}/rules`)),
        async (id) => call('PUT', await first(`${dc}/securitygroups/${id}/rules`), properties(443)),
      ],
    },
    {
      name: 'Scaleway security group',
      async open() {
        const { id } = (await call('POST', groups, { name: 'g', stateful: true })).body.security_group
        return { policy: id, reads: [`${groups}/${id}`, `${groups}/${id}/rules`] }
      },
      changes: [
        (id) => call('PUT', `${groups}/${id}/rules`, { rules: [22, 80, 443].map((n) => inbound(n)) }),
        (id) => call('PATCH', `${groups}/${id}`, { inbound_default_policy: 'drop', stateful: false }),
        async (id) => {
          const [, rule] = await editable(`${groups}/${id}/rules`)
          return call('PATCH', `${groups}/${id}/rules/${rule.id}`, { position: 1, action: 'drop' })
        },
        (id) => call('PATCH', `${groups}/${id}`, { enable_default_security: false, stateful: true }),
        async (id) => {
          const [rule] = await editable(`${groups}/${id}/rules`)
          return call('DELETE', `${groups}/${id}/rules/${rule.id}`)
        },
        (id) =>
          call('PUT', `${groups}/${id}/rules`, { rules: [inbound(8080, { ip_range: '2001:db8::/32' })] }),
      ],
    },
  ]

  for (const { name, open, changes } of cases) {
    test(`${name}: every state comes back, and so does what was before an undoing`, async () => {
      const { policy, reads } = await open()
      const states: { readonly revision: number; readonly answers: Record<string, string> }[] = []
      const note = async () =>
        states.push({ revision: await service.storage.revision(), answers: await readAll(reads) })
      await note()
      for (const change of changes) {
        await change(policy)
        await note()
      }
      for (let i = 1; i < states.length; i++) {
        assert.notDeepEqual(states[i]?.answers, states[i - 1]?.answers, `change ${i} can be seen`)
      }
      const order = [0, states.length - 2, 1, states.length - 1, ...states.keys()]
      for (const [step, index] of order.entries()) {
        const { revision, answers } = states[index] ?? assert.fail()
        const dry = await revert(policy, revision, { dryRun: true })
        const beforehand = await service.storage.revision()
        const done = await revert(policy, revision)
        assert.equal(done.status, 200, done.text)
        assert.deepEqual([dry.body.changed, dry.body.diff], [done.body.changed, done.body.diff])
        assert.equal(await service.storage.revision(), beforehand + (done.body.changed ? 1 : 0))
        assert.deepEqual(await readAll(reads), answers, `step ${step}: state ${index}`)
        if (done.body.changed) {
          const event = (await service.call('GET', `/v1/revisions/${done.body.revision}/diff`)).body
          assert.deepEqual([event.operation, event.policy], ['policy.revert', policy])
          const {
            policy: _,
            profile: __,
            name: ___,
            server: ____,
            change: _____,
            ...diff
          } = event.policies[0]
          assert.deepEqual(diff, done.body.diff)
        }
        // What an undoing made can be undone like anything else.
        if (step < 4) await note()
      }
    })
  }

  test('name, description, labels and attachments stay; a diff tells of them', async () => {
    const policy = await made({ name: 'first', description: 'one', labels: { a: '1' }, rules: [opening(22)] })
    const path = `/v1/policies/${policy}`
    const to = await service.storage.revision()
    await call('PATCH', path, {
      name: 'second',
      description: 'two',
      labels: { b: '2' },
      defaults: { egress: 'deny' },
    })
    const patched = (await call('GET', `/v1/revisions/${await service.storage.revision()}/diff`)).body
    assert.deepEqual(patched.fields.map(({ field }: { field: string }) => field).sort(), [
      'attributes.description',
      'attributes.labels.a',
      'attributes.labels.b',
      'name',
    ])
    assert.deepEqual(patched.policies[0].settings, [
      { field: 'defaultEgress', before: 'allow', after: 'deny' },
    ])
    await call('POST', `${path}/attachments`, { server: plain, interface: nic })
    const attached = (await call('GET', `/v1/revisions/${await service.storage.revision()}/diff`)).body
    assert.deepEqual([attached.operation, attached.policies], ['policy.attach', []])
    assert.deepEqual(attached.fields, [
      { field: 'attached', before: [], after: [{ server: plain, interface: nic }] },
    ])
    const done = await revert(policy, to)
    assert.deepEqual(done.body.diff.settings, [{ field: 'defaultEgress', before: 'deny', after: 'allow' }])
    const { name, description, labels, defaults } = (await call('GET', path)).body
    assert.deepEqual([name, description, labels, defaults.egress], ['second', 'two', { b: '2' }, 'allow'])
    const { attachments } = (await call('GET', `${path}/attachments`)).body
    assert.deepEqual(attachments, [{ server: plain, serverName: 'plain', interface: nic }])
    // Of a policy that went and came again by another id nothing comes back.
    await call('DELETE', `${path}/attachments/${plain}/${nic}`)
    await call('DELETE', path)
    assert.equal((await revert(policy, to)).status, 404)
  })

  test('a policy goes back no farther than quotas and limits allow', async () => {
    const policy = await made({ rules: Array.from({ length: 1000 }, (_, n) => opening(1 + n)) })
    const full = await service.storage.revision()
    await ruled(policy, 'PUT', '', { rules: [opening(22)] })
    const { usage } = (await call('GET', '/v1/account')).body
    const allow = (rules: number | undefined) =>
      service.storage.run(
        'setDefaultQuotas',
        { quotas: rules === undefined ? {} : { rules } },
        { account: '', actor: 'test', dialect: 'system', requestId: '', at: 1 },
      )
    await allow(usage.rules + 998)
    try {
      const before = await service.storage.revision()
      const refused = await revert(policy, full)
      assert.deepEqual([refused.status, refused.body.title], [409, 'Limit reached'], refused.text)
      const tried = await revert(policy, full, { dryRun: true })
      assert.deepEqual([tried.status, tried.body.detail], [409, refused.body.detail], 'as a dry run says')
      assert.match(refused.body.detail, /quota.*rule/)
      assert.equal(await service.storage.revision(), before)
      assert.equal((await ruled(policy, 'GET')).body.rules.length, 1)
      await allow(usage.rules + 999)
      assert.equal((await revert(policy, full, { dryRun: true })).body.changed, true)
      assert.equal((await call('GET', '/v1/account')).body.usage.rules, usage.rules, 'nothing of it is kept')
      assert.equal((await revert(policy, full)).status, 200)
      assert.equal((await call('GET', '/v1/account')).body.usage.rules, usage.rules + 999)
    } finally {
      await allow(undefined)
    }
    const record = (await service.storage.policy(policy)) ?? assert.fail()
    const rules = await service.storage.rules(policy)
    const more = [...rules, { ...rules[0], id: 'one-more' }] as typeof rules
    const target = { account: record.account, profile: record.profile, policy }
    const by = { account: record.account, actor: 'test', dialect: 'native', requestId: '', at: 2 } as const
    // By a version that allowed more.
    const ids = more.map(({ id }) => id)
    await service.storage.run('replaceRules', { ...target, rules: more, ids, maxRules: 2000 }, by)
    const beyond = await service.storage.revision()
    await ruled(policy, 'PUT', '', { rules: [] })
    const refused = await revert(policy, beyond)
    assert.deepEqual([refused.status, refused.body.detail], [409, 'The limit of 1000 is reached.'])
    assert.equal((await revert(policy, full)).status, 200)
  })
})
