/** What is easy to get wrong of HostUp's API, one test each (contract: hostup §7), and more of its answers. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { judged } from '../../../test/support/desired.ts'
import {
  credentials,
  onBothStores,
  type Reply,
  servers,
  type TestService,
} from '../../../test/support/service.ts'
import { whole } from '../../../test/support/status.ts'
import { createDesiredSource } from '../../agent/desired-source.ts'
import type { InterfaceStatus } from '../../core/model/desired.ts'
import { createDesiredFeed } from '../../service/desired.ts'
import { vpsId } from './ids.ts'

const vm = '/api/vm/10000/firewall'
const vps = `/api/v2/vps/${vpsId(servers.vm)}/firewall`
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const rule = {
  ...{ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '443' },
  ...{ source: '2001:db8::1/32', comment: 'HTTPS Secure Web', enable: 1 },
}
const any = { ...rule, proto: '', dport: '', source: '', comment: '' }

/** The VM alone, on a host. */
const placed = `
accounts:
  - name: acme
    credentials: [ { token: acme-token } ]
    servers:
      - { profile: hostup, id: ${servers.vm}, vmid: 10000, name: vm,
          interfaces: [ { id: nic, addresses: [192.0.2.20], host: kvm1, device: tap1 } ] }
`

onBothStores('HostUp', (start) => {
  let service: TestService
  beforeEach(async () => {
    service = await start()
  })
  afterEach(() => service.close())

  const call = (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply> => service.call(method, path, body, headers ?? { 'x-api-key': 'acme-token' })
  const post = (change: object = {}) => call('POST', vm, { ...rule, ...change })
  const list = async () => (await call('GET', vm)).body.data as Record<string, unknown>[]
  const comments = async () => (await list()).map((each) => each.comment)
  const switchOn = (change: object = {}) =>
    call('PUT', `${vm}/options`, { enable: 1, policy_in: 'DROP', ...change })
  const verdict = async (packet: object, direction = 'ingress', more: object = {}) => {
    const { body } = await call('POST', '/v1/trace', { server: '10000', direction, packet, ...more })
    return `${body.action} ${body.decidedBy.position ?? body.decidedBy.kind}`
  }
  const tcp = (destinationPort: number, source = '198.51.100.1', destination = '192.0.2.20') => ({
    ...{ protocol: 'tcp', source, destination, sourcePort: 40_000, destinationPort },
  })

  test('the page’s own example, byte for byte but for time and id', async () => {
    const answer = await post()
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    const masked = answer.text.replace(answer.body.timestamp, 'T').replace(answer.body.requestId, 'R')
    assert.equal(
      masked,
      '{"success":true,"timestamp":"T","requestId":"R","data":{"success":true,"rule":{"type":"in","action":"ACCEPT","proto":"tcp","dport":"443","source":"2001:db8::1/32","comment":"HTTPS Secure Web","enable":1},"message":"Firewall rule added successfully"}}',
    )
    assert.match(answer.body.timestamp, instant)
    assert.match(answer.body.requestId, uuid)
  })

  test('1. a new rule goes to the top, and the answer has no position', async () => {
    await post({ comment: 'a' })
    const { body } = await post({ comment: 'b' })
    assert.equal('pos' in body.data.rule, false)
    assert.deepEqual(await comments(), ['b', 'a'])
  })

  test('2. v1 creates with 200, v2 with 201, and v2 deletes without a body', async () => {
    const created = await call('POST', vps, { type: 'in', action: 'DROP' })
    assert.deepEqual([created.status, created.body.pos], [201, 0])
    const deleted = await call('DELETE', `${vps}/0`)
    assert.deepEqual([deleted.status, deleted.text], [204, ''])
  })

  test('3. comments are free text; protocols are any of the registry', async () => {
    for (const comment of ['x', 'Ünïcode 😀', 'a # b', 'HTTPS Secure Web ', '-x'])
      assert.equal((await post({ comment })).status, 200)
    for (const proto of ['udp', 'sctp', 'UDP', '17', 'udplite'])
      assert.equal((await post({ proto })).status, 200, proto)
    for (const proto of ['gre', '47', 'ospf', 'ipip', 'esp']) {
      assert.equal((await post({ proto, dport: '' })).status, 200, proto)
    }
  })

  test('4. enable is 0 or 1 on VMs, true or false in groups and in v2', async () => {
    for (const enable of [true, '1', 2, null])
      assert.equal((await post({ enable })).status, 400, String(enable))
    await post({ enable: 0 })
    assert.equal((await list())[0]?.enable, 0)
    assert.equal((await call('GET', vps)).body.rules[0].enabled, false)
    const rules = [1, true, 0, false].map((enable) => ({ type: 'in', action: 'ACCEPT', enable }))
    const { id } = await group({ rules })
    const { body } = await call('GET', `/api/firewall-groups/${id}`)
    assert.deepEqual(
      body.data.group.rules.map((each: { enable: unknown }) => each.enable),
      [true, true, false, false],
    )
  })

  test('5. pos: a number in lists, text in PUT and DELETE, a segment of the path in v2', async () => {
    await post({ comment: 'a' })
    assert.equal((await list())[0]?.pos, 0)
    const put = await call('PUT', `${vm}?pos=0`, { ...rule, comment: 'b' })
    assert.deepEqual([put.body.data.pos, put.body.data.message], ['0', 'Firewall rule updated successfully'])
    assert.deepEqual((await call('DELETE', `${vm}?pos=0`)).body.data, { success: true, pos: '0' })
    for (const pos of ['', '-1', '1.5', 'abc', '%2B1', '%201']) {
      assert.equal((await call('DELETE', `${vm}?pos=${pos}`)).status, 400, pos)
    }
    assert.equal((await call('DELETE', vm)).body.code, 'BAD_REQUEST')
    const gone = await call('DELETE', `${vm}?pos=0`)
    assert.deepEqual(
      [gone.status, gone.body.code, gone.body.message],
      [500, 'INTERNAL_ERROR', 'Failed to delete firewall rule'],
    )
    const missing = await call('PUT', `${vm}?pos=7`, rule)
    assert.deepEqual([missing.status, missing.body.message], [500, 'Failed to update firewall rule'])
  })

  test('6. what is not set: absent in v1, null in v2', async () => {
    await post(any)
    assert.deepEqual(Object.keys((await list())[0] ?? {}).sort(), [
      'action',
      'digest',
      'enable',
      'pos',
      'type',
    ])
    const [seen] = (await call('GET', vps)).body.rules
    assert.deepEqual(seen, {
      ...{ pos: 0, type: 'in', action: 'ACCEPT', enabled: true, proto: null, dport: null, sport: null },
      ...{ source: null, dest: null, description: null, editable: true },
    })
  })

  test('7. errors of v1 have five keys, those of v2 are problems', async () => {
    const one = await call('GET', vm, undefined, {})
    assert.equal(one.status, 401)
    assert.deepEqual(Object.keys(one.body), ['error', 'message', 'code', 'timestamp', 'requestId'])
    assert.deepEqual(
      [one.body.error, one.body.code, one.body.message],
      ['Unauthorized', 'UNAUTHORIZED', 'Authentication required'],
    )
    const two = await call('GET', '/api/v2/vps/vps_nothing/firewall')
    assert.equal(two.status, 404)
    assert.equal(two.headers.get('content-type'), 'application/problem+json')
    assert.equal(two.body.type, 'https://developer.hostup.se/errors/vps_not_found')
    assert.deepEqual(
      [two.body.code, two.body.title, two.body.instance],
      ['vps_not_found', 'VPS not found', '/api/v2/vps/vps_nothing/firewall'],
    )
    assert.match(two.body.requestId, /^req_[0-9a-z]{26}$/)
    const broken = await call('POST', vps, { type: 'out', action: 'DROP' })
    assert.deepEqual([broken.status, broken.body.errors[0].pointer], [400, '/type'])
    assert.equal((await call('POST', vps, { action: 'DROP' })).body.errors[0].code, 'missing_required')
    for (const [path, code] of [
      ['/api/vm/99999/firewall', 'NOT_FOUND'],
      ['/api/vm/20000/firewall', 'NOT_FOUND'],
      ['/api/vm/0/firewall', 'BAD_REQUEST'],
      ['/api/vm/x/firewall', 'BAD_REQUEST'],
      ['/api/nothing', 'NOT_FOUND'],
    ] as const) {
      assert.equal((await call('GET', path)).body.code, code, path)
    }
    const both = { 'x-api-key': 'acme-token', authorization: 'Bearer other-token' }
    assert.equal((await call('GET', vm, undefined, both)).status, 401)
    assert.equal(
      (await call('GET', vm, undefined, { ...both, authorization: 'bearer acme-token' })).status,
      200,
    )
    assert.equal((await call('POST', vm, rule, credentials.readOnly)).body.code, 'FORBIDDEN')
  })

  async function group(change: object = {}): Promise<{ id: string; created: Reply }> {
    const rules = [{ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '80,443', enable: 1 }]
    const created = await call('POST', '/api/firewall-groups', {
      name: 'web',
      description: null,
      rules,
      ...change,
    })
    assert.equal(created.status, 200, created.text)
    return { id: created.body.data.group.id, created }
  }

  test('8. groups: made, listed, read, changed, deleted, in the words of each', async () => {
    const { id, created } = await group()
    const { data } = created.body
    assert.deepEqual(Object.keys(data), ['group', 'message'])
    assert.deepEqual(
      [
        data.group.name,
        data.group.description,
        data.group.is_system,
        typeof data.group.client_id,
        'rules' in data.group,
      ],
      ['web', null, false, 'number', false],
    )
    const [listed] = (await call('GET', '/api/firewall-groups')).body.data.groups
    assert.deepEqual([listed.id, listed.rules_count], [id, 1])
    const path = `/api/firewall-groups/${id}`
    const { rules } = (await call('GET', path)).body.data.group
    assert.deepEqual(
      [rules[0].pos, rules[0].dport, rules[0].source, rules[0].enable],
      [0, '80,443', null, true],
    )
    const next = [{ type: 'in', action: 'DROP', proto: 'udp', enable: false }, ...rules]
    const put = await call('PUT', path, { name: 'renamed', description: 'x', rules: next })
    assert.deepEqual(put.body.data, { id, message: 'Firewall group updated successfully' })
    const changed = (await call('GET', path)).body.data.group
    assert.deepEqual([changed.name, changed.description, changed.rules.length], ['renamed', 'x', 2])
    assert.equal(changed.rules[1].id, rules[0].id)
    assert.equal(changed.rules[1].created_at, rules[0].created_at)
    for (const bad of [
      { type: 'group', action: 'x' },
      { type: 'in', action: 'ACCEPT', iface: 'net0' },
      { type: 'in', action: 'ACCEPT', src: '10.0.0.1' },
      { type: 'in', action: 'ACCEPT', dport: '80' },
    ]) {
      assert.equal(
        (await call('PUT', path, { name: 'x', rules: [bad] })).body.code,
        'BAD_REQUEST',
        JSON.stringify(bad),
      )
    }
    assert.equal((await call('DELETE', path)).body.data.message, 'Firewall group deleted successfully')
    assert.equal((await call('GET', path)).status, 404)
  })

  test('9. the echo is verbatim, matching masks', async () => {
    await switchOn()
    const { body } = await post()
    assert.equal(body.data.rule.source, '2001:db8::1/32')
    assert.equal((await list())[0]?.source, '2001:db8::1/32')
    assert.equal(await verdict(tcp(443, '2001:db8:ffff::9', '2001:db8::20')), 'allow 1')
    assert.equal(await verdict(tcp(443)), 'deny default')
  })

  test('10. ports: colons, no spaces, fifteen numbers', async () => {
    const refused: [string, RegExp][] = [
      ['80-85', /80:85/],
      ['8100:8000', /8000:8100/],
      ['80,', /empty/],
      ['80,,443', /empty/],
      ['80, 443', /spaces/],
      ['ssh:80', /no port/],
      ['65536', /65535/],
      ['1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16', /15/],
      ['1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16', /15/],
    ]
    for (const [dport, why] of refused) {
      const { status, body } = await post({ dport })
      assert.equal(status, 400, dport)
      assert.match(body.message, why)
      assert.match(body.message, /^dport: /)
    }
    for (const dport of [
      '0',
      '00443',
      '1:65535',
      'ssh,https,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15',
      '8000:8080,22',
    ]) {
      assert.equal((await post({ dport })).body.data?.rule.dport, dport)
    }
    await switchOn()
    await post({ dport: '0', source: '' })
    assert.equal(await verdict(tcp(0)), 'allow 1')
    assert.notEqual(await verdict(tcp(9999)), 'allow 1')
  })

  test('11. dport needs a proto; with ICMP it is the type; families do not mix', async () => {
    const table: [object, string][] = [
      [{ proto: '' }, 'dport'],
      [{ proto: 'gre' }, 'dport'],
      [{ proto: 'icmp', dport: '', source: '2001:db8::1' }, 'proto'],
      [{ proto: 'icmpv6', dport: '', source: '10.0.0.1' }, 'proto'],
      [{ source: '10.0.0.1', dest: '::1' }, 'dest'],
      [{ source: '10.0.0.1,::1' }, 'source'],
      [{ proto: 'icmp', dport: '8', sport: '1', source: '' }, 'sport'],
      [{ proto: 'icmp', dport: '256', source: '' }, 'dport'],
      [{ proto: 'icmp', dport: '8,0', source: '' }, 'dport'],
      [{ proto: 'icmp', dport: 'echo', source: '' }, 'dport'],
      [{ 'icmp-type': '8' }, 'icmp-type'],
      [{ proto: 'tcpp' }, 'proto'],
      [{ iface: 'eth0' }, 'iface'],
      [{ macro: 'Nothing' }, 'macro'],
      [{ macro: 'SSH', dport: '443' }, 'dport'],
      [{ macro: 'SSH', proto: 'udp', dport: '' }, 'proto'],
      [{ log: 'loud' }, 'log'],
      [{ source: '+set' }, 'source'],
      [{ source: 'dc/alias' }, 'source'],
      [{ source: '10.0.0.1-10.0.0.9,10.1.0.1' }, 'source'],
      [{ source: '10.0.0.9-10.0.0.1' }, 'source'],
      [{ source: '010.0.0.1' }, 'source'],
      [{ source: '::ffff:10.0.0.1' }, 'source'],
      [{ source: 'fe80::1%eth0' }, 'source'],
      [{ source: '10.0.0.1, 10.0.0.2' }, 'source'],
      [{ comment: 'a\nb' }, 'comment'],
      [{ comment: 'x'.repeat(1025) }, 'comment'],
      [{ action: 'accept' }, 'action'],
      [{ type: 'IN' }, 'type'],
      [{ type: 'group', action: '1x' }, 'action'],
      [{ dport: 443 }, 'dport'],
      [{ src: '10.0.0.1' }, 'src'],
      [{ source: undefined }, 'source'],
    ]
    for (const [change, field] of table) {
      const { status, body } = await post(change)
      assert.equal(status, 400, JSON.stringify(change))
      assert.ok(body.message.startsWith(`${field}: `), `${JSON.stringify(change)}: ${body.message}`)
    }
    assert.deepEqual(await list(), [])
  })

  test('12. icmp is IPv4 only; Ping is both', async () => {
    await switchOn()
    const ping = (source: string, destination: string, icmpType: number) => ({
      protocol: 'icmp',
      source,
      destination,
      icmpType,
      icmpCode: 0,
    })
    const [four, six] = [ping('198.51.100.1', '192.0.2.20', 8), ping('2001:db8:f::1', '2001:db8::20', 128)]
    await post({ ...any, proto: 'icmp', dport: 'echo-request' })
    assert.deepEqual([await verdict(four), await verdict(six)], ['allow 1', 'deny default'])
    await call('DELETE', `${vm}?pos=0`)
    await post({ ...any, macro: 'ping' })
    assert.deepEqual([await verdict(four), await verdict(six)], ['allow 1', 'allow 1'])
    assert.equal((await list())[0]?.macro, 'Ping')
  })

  test('13. rules do nothing until they are switched on; then nothing comes in', async () => {
    await post({ ...any, action: 'DROP' })
    assert.equal(await verdict(tcp(22)), 'allow off')
    await call('DELETE', `${vm}?pos=0`)
    const { body } = await switchOn()
    assert.deepEqual(body.data, { success: true, message: 'Firewall options updated successfully' })
    assert.equal(await verdict(tcp(22)), 'deny default')
    assert.equal(await verdict(tcp(22, '192.0.2.20', '198.51.100.1'), 'egress'), 'allow default')
    // All interfaces of the VM, private ones too: nothing here is a cloud's own network.
    const { data } = (await call('GET', `${vm}/options`)).body
    assert.deepEqual(
      { ...data, digest: '' },
      {
        ...{
          enable: 1,
          policy_in: 'DROP',
          policy_out: 'ACCEPT',
          dhcp: 1,
          ndp: 1,
          radv: 0,
          macfilter: 1,
          ipfilter: 0,
        },
        ...{ log_level_in: 'nolog', log_level_out: 'nolog', digest: '' },
      },
    )
    for (const bad of [
      { enable: 1 },
      { enable: true, policy_in: 'DROP' },
      { enable: 1, policy_in: 'drop' },
      { enable: 1, policy_in: 'DROP', x: 1 },
    ]) {
      assert.equal((await call('PUT', `${vm}/options`, bad)).status, 400, JSON.stringify(bad))
    }
  })

  test('14. a disabled rule is listed, counted and never matches; v2 rules are disabled unless they say otherwise', async () => {
    await switchOn()
    await call('POST', vps, { type: 'in', action: 'ACCEPT' })
    assert.equal(await verdict(tcp(22)), 'deny default')
    const { limits } = (await call('GET', vps)).body
    assert.deepEqual(limits, { maxRules: 100, currentRules: 1, remainingRules: 99 })
    const put = await call('PUT', `${vps}/0`, { type: 'in', action: 'ACCEPT', enabled: true })
    assert.deepEqual([put.status, put.body.enabled], [200, true])
    assert.equal(await verdict(tcp(22)), 'allow 1')
  })

  test('15. policy_out can be set, and then out rules matter', async () => {
    await switchOn({ policy_out: 'REJECT' })
    const out = tcp(443, '192.0.2.20', '198.51.100.1')
    assert.equal(await verdict(out, 'egress'), 'reject default')
    await post({ ...any, type: 'out', proto: 'tcp', dport: 'https' })
    assert.equal(await verdict(out, 'egress'), 'allow 1')
  })

  test('17. what is established goes on, what is invalid does not', async () => {
    await switchOn()
    assert.equal(await verdict({ ...tcp(22), state: 'established' }), 'allow state')
    assert.equal(await verdict({ ...tcp(22), state: 'related' }), 'allow state')
    await post({ ...any })
    assert.equal(await verdict({ ...tcp(22), state: 'invalid' }), 'deny state')
  })

  test('18. a group stands in its place, falls through, and changes for all who have it', async () => {
    await switchOn()
    const { id } = await group()
    assert.equal((await call('GET', `${vm}/group`)).body.data.assignment, null)
    await post({ ...any, action: 'DROP', source: '198.51.100.9' })
    const put = await call('PUT', `${vm}/group`, { group_id: id })
    assert.deepEqual(put.body.data, { success: true, message: 'Firewall group assigned successfully' })
    await post({ ...any, action: 'DROP', source: '198.51.100.7' })
    assert.deepEqual(
      (await list()).map((each) => [each.pos, each.type]),
      [
        [0, 'in'],
        [1, 'group'],
        [2, 'in'],
      ],
    )
    assert.match(String((await list())[1]?.action), /^g[0-9a-f]{12}$/)
    assert.equal((await call('GET', `${vm}/group`)).body.data.assignment, id)
    assert.deepEqual(
      [
        await verdict(tcp(443, '198.51.100.7')),
        await verdict(tcp(443)),
        await verdict(tcp(22, '198.51.100.9')),
        await verdict(tcp(22)),
      ],
      ['deny 1', 'allow 1', 'deny 3', 'deny default'],
    )
    const rules = [{ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '22', enable: true }]
    await call('PUT', `/api/firewall-groups/${id}`, { name: 'web', rules })
    assert.deepEqual([await verdict(tcp(443)), await verdict(tcp(22))], ['deny default', 'allow 1'])
    const busy = await call('DELETE', `/api/firewall-groups/${id}`)
    assert.deepEqual([busy.status, busy.body.code], [409, 'GROUP_IN_USE'])
    const { id: second } = await group({ name: 'second', rules: [] })
    await call('POST', `${vm}/group`, { group_id: second })
    assert.equal((await list()).filter((each) => each.type === 'group').length, 1)
    assert.equal((await list())[0]?.type, 'group')
    for (let i = 0; i < 2; i++)
      assert.deepEqual((await call('DELETE', `${vm}/group`)).body.data, { success: true })
    assert.deepEqual(
      (await list()).map((each) => each.pos),
      [0, 1],
    )
    assert.equal((await call('DELETE', `/api/firewall-groups/${second}`)).status, 200)
    assert.equal((await call('PUT', `${vm}/group`, { group_id: second })).status, 404)
    assert.equal((await call('PUT', `${vm}/group`, {})).status, 400)
    // One that nobody knows is kept, and matches nothing.
    await post({ ...any, type: 'group', action: 'nowhere' })
    assert.equal(await verdict(tcp(22)), 'deny default')
  })

  test('19. one digest for the list, and writers who look at it', async () => {
    await post({ comment: 'a' })
    await post({ comment: 'b' })
    const [first, second] = await list()
    assert.match(String(first?.digest), /^[0-9a-f]{40}$/)
    assert.equal(first?.digest, second?.digest)
    const { digest } = first ?? {}
    assert.equal((await call('PUT', `${vm}?pos=0`, { ...rule, comment: 'c', digest })).status, 200)
    const late = await call('PUT', `${vm}?pos=0`, { ...rule, comment: 'd', digest })
    assert.deepEqual([late.status, late.body.code], [409, 'CONFLICT'])
    assert.equal((await call('DELETE', `${vm}?pos=0&digest=${digest}`)).status, 409)
    assert.deepEqual(await comments(), ['c', 'a'])
    assert.equal((await call('DELETE', `${vm}?pos=0&digest=${(await list())[0]?.digest}`)).status, 200)
  })

  test('a row runs the group that it names, whichever; a group that a row names is in use', async () => {
    await switchOn()
    const deny = [{ type: 'in', action: 'DROP', proto: 'tcp', dport: '22', enable: 1 }]
    const { id: assigned } = await group()
    const { id: named } = await group({ name: 'no-ssh', rules: deny })
    const rowOf = (id: string) => `g${id.replaceAll('-', '').slice(0, 12)}`
    await call('PUT', `${vm}/group`, { group_id: assigned })
    await post({ ...any, source: '198.51.100.0/24' })
    await post({ ...any, type: 'group', action: rowOf(named) })
    assert.equal(await verdict(tcp(22)), 'deny 1')
    assert.equal(await verdict(tcp(23)), 'allow 2')
    // The assignment is what it was, whatever other rows name.
    assert.equal((await call('GET', `${vm}/group`)).body.data.assignment, assigned)
    for (const id of [assigned, named]) {
      const { status, body } = await call('DELETE', `/api/firewall-groups/${id}`)
      assert.deepEqual([status, body.code], [409, 'GROUP_IN_USE'])
    }
    // Its rules count at once, its row can be switched off, and then it still is in use.
    await call('PUT', `/api/firewall-groups/${named}`, { name: 'no-ssh', rules: [] })
    assert.equal(await verdict(tcp(22)), 'allow 2')
    await call('PUT', `/api/firewall-groups/${named}`, { name: 'no-ssh', rules: deny })
    await call('PUT', `${vm}?pos=0`, { ...any, type: 'group', action: rowOf(named), enable: 0 })
    assert.equal(await verdict(tcp(22)), 'allow 2')
    assert.equal((await call('DELETE', `/api/firewall-groups/${named}`)).status, 409)
    // Unassigning takes only the row of the assignment, deleting a row only that.
    await call('DELETE', `${vm}/group`)
    assert.deepEqual(
      (await list()).map((each) => each.type),
      ['group', 'in'],
    )
    assert.equal((await call('DELETE', `/api/firewall-groups/${assigned}`)).status, 200)
    await call('DELETE', `${vm}?pos=0`)
    assert.equal((await call('DELETE', `/api/firewall-groups/${named}`)).status, 200)
  })

  test('a row names a group by its own name too, and says so when there are several', async () => {
    await switchOn()
    await post(any)
    await group({ name: 'blocked', rules: [{ type: 'in', action: 'REJECT', enable: 1 }] })
    await post({ ...any, type: 'group', action: 'blocked' })
    assert.equal(await verdict(tcp(22)), 'reject 1')
    const second = await group({ name: 'blocked' })
    const { status, body } = await post({ ...any, type: 'group', action: 'blocked' })
    assert.equal(status, 400)
    assert.match(body.message, /^action: several groups are called blocked.* g[0-9a-f]{12}, g[0-9a-f]{12}$/)
    assert.equal((await call('DELETE', `/api/firewall-groups/${second.id}`)).status, 200)
    // Another account's is none.
    await service.call(
      'POST',
      '/api/firewall-groups',
      { name: 'theirs', description: null, rules: [] },
      credentials.foreign,
    )
    assert.equal((await post({ ...any, type: 'group', action: 'theirs' })).status, 200)
    assert.equal(await verdict(tcp(22)), 'reject 1')
  })

  test('two who change different options at once both succeed', async () => {
    const wanted = { enable: 1, policy_in: 'DROP' }
    for (let round = 0; round < 40; round++) {
      const value = round % 2
      const [one, two, three] = await Promise.all([
        call('PUT', `${vm}/options`, { ...wanted, macfilter: value }),
        call('PUT', `${vm}/options`, { ...wanted, ipfilter: value }),
        call('PUT', `${vps}/options`, { inboundPolicy: 'DROP' }),
      ])
      assert.deepEqual([one?.status, two?.status, three?.status], [200, 200, 200])
      const { data } = (await call('GET', `${vm}/options`)).body
      assert.deepEqual([data.macfilter, data.ipfilter], [value, value], `round ${round}`)
    }
  })

  test('a digest is a condition wherever it is sent, in both generations', async () => {
    await post({ comment: 'a' })
    const stale = String((await list())[0]?.digest)
    await post({ comment: 'b' })
    const { id } = await group()
    await call('PUT', `${vm}/group`, { group_id: id })
    const other = await group({ name: 'other' })
    const before = (await call('GET', vps)).text
    const old = { type: 'in', action: 'DROP', digest: stale }
    const rules = [{ type: 'in', action: 'DROP' }]
    for (const [method, path, body] of [
      ['POST', vm, { ...rule, digest: stale }],
      ['PUT', `${vm}?pos=1`, { ...rule, digest: stale }],
      ['DELETE', `${vm}?pos=1&digest=${stale}`],
      ['PUT', `${vm}/options`, { enable: 1, policy_in: 'DROP', digest: stale }],
      ['PUT', `${vm}/group`, { group_id: other.id, digest: stale }],
      ['POST', `${vm}/group`, { group_id: other.id, digest: stale }],
      ['DELETE', `${vm}/group?digest=${stale}`],
      ['POST', vps, old],
      ['PUT', `${vps}/1`, old],
      ['DELETE', `${vps}/1?digest=${stale}`],
      ['PUT', `${vps}/options`, { enabled: true, digest: stale }],
      ['PUT', `/api/firewall-groups/${other.id}`, { name: 'x', rules, digest: stale }],
      ['DELETE', `/api/firewall-groups/${other.id}?digest=${stale}`],
    ] as const) {
      const { status, body: answer } = await call(method, path, body)
      assert.equal(status, 409, `${method} ${path}: ${JSON.stringify(answer)}`)
      assert.match(answer.code, /^conflict$/i)
      const wrong = body && (await call(method, path, { ...body, digest: 5 }))
      if (wrong) assert.equal(wrong.status, 400, `${method} ${path}: ${wrong.text}`)
    }
    assert.equal((await call('GET', vps)).text, before)
    // Options, rules and log levels share it: whatever is changed, who has read before is told.
    const digest = async () => (await call('GET', `${vm}/options`)).body.data.digest
    const read = await digest()
    const level = { enable: 0, policy_in: 'DROP', log_level_in: 'info', digest: read }
    assert.equal((await call('PUT', `${vm}/options`, level)).status, 200)
    assert.notEqual(await digest(), read)
    assert.equal((await call('PUT', `${vps}/1`, { ...old, digest: await digest() })).status, 200)
    const path = `/api/firewall-groups/${other.id}`
    const fresh = (await call('GET', path)).body.data.group.digest
    assert.equal((await call('PUT', path, { name: 'x', rules, digest: fresh })).status, 200)
    assert.equal((await call('PUT', path, { name: 'y', rules, digest: fresh })).status, 409)
  })

  test('log levels are what is told of packets: of rules, of groups where they are included, of both defaults', async () => {
    const told = async () => {
      const placed = await service.storage.placedInterfaces(servers.vm)
      const ids = placed[0]?.policies.map(({ id }) => id) ?? []
      const policies = await service.storage.policies(ids)
      const [chain, ...groups] = ids.map((each) => policies.find(({ id }) => id === each))
      return [chain?.log, [chain, ...groups].map((policy) => policy?.rules.map(({ log }) => log))]
    }
    await switchOn()
    await post({ log: 'warning' })
    await post({ action: 'DROP', log: 'nolog' })
    assert.deepEqual(await told(), [undefined, [[undefined, 'warning']]])
    const rules = [{ type: 'in', action: 'ACCEPT', enable: 1, log: 'err' }]
    const made = await call('POST', '/api/firewall-groups', { name: 'x', description: null, rules })
    await call('PUT', `${vm}/group`, { group_id: made.body.data.group.id })
    assert.deepEqual(await told(), [undefined, [[undefined, undefined, 'warning'], ['err']]])
    // What v2 cannot say stays.
    const [, , { editable: _, ...row }] = (await call('GET', vps)).body.rules
    assert.equal((await call('PUT', `${vps}/2`, { ...row, description: 'changed' })).status, 200)
    const levels = async () => {
      const { log_level_in, log_level_out } = (await call('GET', `${vm}/options`)).body.data
      return [log_level_in, log_level_out]
    }
    // Two at once change one each.
    await Promise.all([switchOn({ log_level_in: 'info' }), switchOn({ log_level_out: 'debug' })])
    assert.deepEqual(await levels(), ['info', 'debug'])
    const [log, all] = await told()
    assert.deepEqual(
      [log, all],
      [{ ingress: 'info', egress: 'debug' }, [[undefined, undefined, 'warning'], ['err']]],
    )
    await switchOn({ log_level_in: 'nolog' })
    assert.deepEqual(await levels(), ['nolog', 'debug'])
    assert.deepEqual((await told())[0], { egress: 'debug' })
    const before = await service.storage.revision()
    await switchOn({ log_level_in: 'nolog', log_level_out: 'debug' })
    assert.equal(await service.storage.revision(), before)
    // Rows and options are written back as they are read.
    const [first] = (await list()).slice(-1)
    assert.equal((await call('PUT', `${vm}?pos=2`, first)).status, 200)
    assert.equal(await service.storage.revision(), before)
  })

  test('v2 and groups keep what they cannot say: nothing that is written back matches more', async () => {
    await post({ ...any, macro: 'SSH' })
    const [{ editable, pos, ...row }] = (await call('GET', vps)).body.rules
    assert.deepEqual([editable, pos], [true, 0])
    const put = await call('PUT', `${vps}/0`, { ...row, description: 'changed' })
    assert.equal(put.body.description, 'changed')
    assert.equal((await list())[0]?.macro, 'SSH')
    const { id } = await group({
      rules: [{ type: 'in', action: 'ACCEPT', proto: 'icmp', 'icmp-type': 'echo-request', enable: 1 }],
    })
    const path = `/api/firewall-groups/${id}`
    const { group: read } = (await call('GET', path)).body.data
    await call('PUT', path, { ...read, name: 'changed' })
    await switchOn()
    await call('DELETE', `${vm}?pos=0`)
    await call('PUT', `${vm}/group`, { group_id: id })
    const icmp = { protocol: 'icmp', source: '198.51.100.1', destination: '192.0.2.20', icmpCode: 0 }
    assert.equal(await verdict({ ...icmp, icmpType: 8 }), 'allow 1')
    assert.equal(await verdict({ ...icmp, icmpType: 5 }), 'deny default')
  })

  test('a PUT of v1 keeps what it does not name, one of v2 forgets it', async () => {
    await post({ sport: '1024:65535', log: 'info' })
    await call('PUT', `${vm}?pos=0`, { ...rule, action: 'DROP', log: '' })
    const [kept] = await list()
    assert.deepEqual([kept?.sport, kept?.log, kept?.action], ['1024:65535', undefined, 'DROP'])
    const { body } = await call('PUT', `${vps}/0`, {
      type: 'in',
      action: 'ACCEPT',
      proto: 'tcp',
      dport: '22',
    })
    assert.deepEqual([body.sport, body.source, body.description], [null, null, null])
    await post({ ...any, type: 'out' })
    const refused = await call('PUT', `${vps}/0`, { type: 'in', action: 'ACCEPT' })
    assert.deepEqual([refused.status, refused.body.code], [409, 'rule_not_editable'])
    assert.equal((await call('DELETE', `${vps}/9`)).body.code, 'not_found')
    assert.equal((await call('DELETE', `${vps}/x`)).status, 400)
  })

  test('options of v2: one is enough, none is too few', async () => {
    const on = await call('PUT', `${vps}/options`, { enabled: true, inboundPolicy: 'REJECT' })
    assert.deepEqual(
      [on.status, on.body.mode, on.body.inboundPolicy, on.body.source],
      [200, 'enabled_restrictive', 'REJECT', 'live'],
    )
    assert.equal(
      (await call('PUT', `${vps}/options`, { inboundPolicy: 'ACCEPT' })).body.mode,
      'enabled_permissive',
    )
    assert.equal((await call('GET', `${vm}/options`)).body.data.policy_in, 'ACCEPT')
    assert.equal((await call('PUT', `${vps}/options`, { enabled: false })).body.mode, 'disabled')
    for (const bad of [{}, { enabled: 1 }, { inboundPolicy: 'drop' }, { enabled: true, colour: 'red' }]) {
      assert.equal(
        (await call('PUT', `${vps}/options`, bad)).body.code,
        'invalid_request',
        JSON.stringify(bad),
      )
    }
  })

  test('a hundred rules and no more; a hundred writers leave no gap', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => post({ comment: `${i}` })))
    assert.deepEqual(
      (await list()).map((each) => each.pos),
      Array.from({ length: 100 }, (_, i) => i),
    )
    assert.equal((await post()).body.code, 'BAD_REQUEST')
    assert.equal(
      (await call('POST', vps, { type: 'in', action: 'DROP' })).body.code,
      'firewall_rule_limit_reached',
    )
    const { actions } = (await call('GET', vps)).body
    assert.deepEqual(
      [actions.canAddRule.allowed, actions.canAddRule.code],
      [false, 'firewall_rule_limit_reached'],
    )
  })

  test('anti-spoofing: another sender is refused whatever is asked for, one interface can be meant', async () => {
    await switchOn({ ipfilter: 1 })
    const out = (source: string, more: object = {}) =>
      verdict({ ...tcp(443, source, '198.51.100.1'), ...more }, 'egress')
    assert.equal(await out('192.0.2.20'), 'allow default')
    assert.equal(await out('192.0.2.21'), 'deny origin')
    assert.equal(await out('192.0.2.20', { sourceMac: '52:54:00:00:00:12' }), 'deny origin')
    // Both are kept and answered, and the check is the inventory's: it stays.
    await switchOn({ macfilter: 0, ipfilter: 0, ndp: 0 })
    const { data } = (await call('GET', '/api/vm/10000/firewall/options')).body
    assert.deepEqual([data.macfilter, data.ipfilter], [0, 0])
    assert.equal(await out('192.0.2.21'), 'deny origin')
    assert.equal(await out('192.0.2.20', { sourceMac: '52:54:00:00:00:12' }), 'deny origin')
    const discovery = {
      protocol: 'icmp',
      source: 'fe80::1',
      destination: 'fe80::2',
      icmpType: 135,
      icmpCode: 0,
      hopLimit: 255,
      link: true,
    }
    assert.equal(await verdict(discovery), 'deny default')
    await switchOn({ ndp: 1 })
    assert.equal(await verdict(discovery), 'allow essential')
    await post({ ...any, iface: 'net1' })
    const { body } = await call('GET', `/v1/servers/${servers.vm}`)
    const [first, second] = body.interfaces.map((nic: { id: string }) => nic.id)
    assert.equal(await verdict(tcp(22), 'ingress', { interface: first }), 'deny default')
    assert.equal(await verdict(tcp(22), 'ingress', { interface: second }), 'allow 1')
  })

  test('v2 says so when what is set is not in force', async () => {
    await service.close()
    service = await start({ inventory: placed })
    await switchOn()
    const read = async () => {
      const [firewall, options] = [await call('GET', vps), await call('GET', `${vps}/options`)]
      const { available, reason, summary } = firewall.body
      assert.deepEqual(
        [options.body.available, options.body.reason, options.body.summary],
        [available, reason, summary],
      )
      return `${available} ${options.body.platformFilteringInbound} ${summary} ${reason}`
    }
    const on = 'true true Firewall protection is on. Incoming traffic must match an allow rule to pass. null'
    // Nobody enforces it: as it is set.
    assert.equal(await read(), on)
    const say = (
      state: InterfaceStatus['state'],
      appliedRevision: number | null,
      error: string | null = null,
    ) =>
      service.services.enforcement.report(
        whole({
          ...{ host: 'kvm1', target: 'fake', observe: false, desiredRevision: 2, appliedRevision },
          ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
          interfaces: [{ id: 'nic', device: 'tap1', appliedRevision, state, error, notes: [] }],
        }),
      )
    say('applied', 2)
    assert.equal(await read(), on)
    say('observing', 2)
    assert.match(await read(), /^false false Firewall protection is on, but not in force\. The operator/)
    say('failing', 2, 'nft refused it')
    assert.match(
      await read(),
      /^false true .*not in force\. The firewall could not be applied.*: its rules cannot be put in force; .*$/,
    )
    say('applying', null)
    assert.match(await read(), /^true false /)
  })

  test('what a row includes reaches the agents with the row, and leaves with it', async () => {
    await service.close()
    service = await start({ inventory: placed })
    const source = createDesiredSource(createDesiredFeed(service.storage, 'kvm1'))
    const lists = async () => {
      const [nic] = judged((await source.read()).desired)
      assert.ok(nic?.policy?.ingress.filtered)
      return nic.policy.ingress.lists.map(({ rules }) => rules.length).filter((length) => length > 0)
    }
    await switchOn()
    await post(any)
    assert.deepEqual(await lists(), [1])
    const { id } = await group({ name: 'named', rules: [rule, rule].map((each) => ({ ...each, enable: 1 })) })
    await post({ ...any, type: 'group', action: 'named' })
    assert.deepEqual(await lists(), [2, 1])
    await call('PUT', `/api/firewall-groups/${id}`, { name: 'named', rules: [{ ...rule, enable: 1 }] })
    assert.deepEqual(await lists(), [1, 1])
    await call('DELETE', `${vm}?pos=0`)
    assert.deepEqual(await lists(), [1])
  })

  test('a group is assigned or deleted, whoever comes first, and never both', async () => {
    for (let round = 0; round < 20; round++) {
      const { id } = await group()
      const [assigned, deleted] = await Promise.all([
        call('PUT', `${vm}/group`, { group_id: id }),
        call('DELETE', `/api/firewall-groups/${id}`),
      ])
      assert.ok(['200 409', '404 200'].includes(`${assigned?.status} ${deleted?.status}`))
      const rows = (await list()).filter((each) => each.type === 'group')
      assert.equal(rows.length, assigned?.status === 200 ? 1 : rows.length)
      await call('DELETE', `${vm}/group`)
    }
  })

  test('any JSON at all: refused or taken, in the words of its generation, and never a fault of ours', async () => {
    const key = fc.constantFrom(
      ...['type', 'action', 'proto', 'dport', 'sport', 'source', 'dest', 'comment', 'enable', 'enabled'],
      ...['macro', 'iface', 'log', 'icmp-type', 'digest', 'pos', 'name', 'description', 'rules', 'group_id'],
      ...['assignment', 'policy_in', 'macfilter', 'inboundPolicy', '__proto__', 'constructor'],
    )
    const plausible = fc.constantFrom<unknown>(
      ...['in', 'out', 'group', 'ACCEPT', 'DROP', 'tcp', 'icmp', '22', 'echo-request', '10.0.0.1', '', '-'],
      ...[0, 1, true, null, 'SSH', 'net0', 'g0123456789ab', [], [{}], [{ type: 'in', action: 'DROP' }]],
    )
    const { id } = await group()
    const body = fc.oneof(
      fc.dictionary(key, fc.oneof(plausible, fc.jsonValue({ maxDepth: 2 }))),
      fc.jsonValue({ maxDepth: 3 }),
    )
    const targets = fc.constantFrom(
      ...[`POST ${vm}`, `PUT ${vm}?pos=0`, `PUT ${vm}/options`, `PUT ${vm}/group`, `POST ${vps}`],
      ...[
        `PUT ${vps}/0`,
        `PUT ${vps}/options`,
        'POST /api/firewall-groups',
        `PUT /api/firewall-groups/${id}`,
      ],
    )
    await post(any)
    await fc.assert(
      fc.asyncProperty(targets, body, async (target, value) => {
        const [method = '', path = ''] = target.split(' ')
        const { status, text } = await call(method, path, value)
        assert.ok(status < 500, `${target} ${JSON.stringify(value)}: ${text}`)
        if (status >= 400) assert.match(text, path.includes('/v2/') ? /"type":"https:/ : /^\{"error":/)
      }),
      { numRuns: 300 },
    )
    assert.equal((await call('GET', vm)).status, 200)
  })

  test('VPS are found by name and address, page by page', async () => {
    const { body } = await call('GET', '/api/v2/vps?name=vm')
    assert.deepEqual(body, {
      data: [{ id: vpsId(servers.vm), name: 'vm', primaryIp: '192.0.2.20' }],
      hasMore: false,
      nextCursor: null,
    })
    assert.deepEqual((await call('GET', '/api/v2/vps?primaryIp=192.0.2.98')).body.data, [])
    assert.equal((await call('GET', '/api/v2/vps?limit=0')).status, 400)
  })

  test('a VPS is read by its id alone, whatever the operator called it', async () => {
    const other = await start({
      inventory: `
accounts:
  - name: acme
    credentials: [ { token: acme-token } ]
    servers:
      - { profile: hostup, id: my-vm, vmid: 77, name: named, interfaces: [ { addresses: [192.0.2.1] } ] }
      - { profile: hostup, vmid: 78, name: made, interfaces: [ { addresses: [192.0.2.2] } ] }
`,
    })
    try {
      const { data } = (await other.call('GET', '/api/v2/vps')).body
      const ids = data.map(({ id }: { id: string }) => id)
      assert.equal(new Set(ids).size, 2)
      for (const [index, id] of ids.entries()) {
        const page = (await other.call('GET', `/api/v2/vps?limit=1&cursor=${id}`)).body
        assert.deepEqual([page.data, page.hasMore], [data.slice(index + 1), false])
      }
      other.services.servers.list = () => assert.fail('a list of the account was read')
      for (const id of ids) {
        assert.match(id, /^vps_[0-9a-z]{26}$/)
        const answer = await other.call('POST', `/api/v2/vps/${id}/firewall`, { type: 'in', action: 'DROP' })
        assert.equal(answer.status, 201)
      }
      const numbers = [77, 78].map((vmid) => other.call('GET', `/api/vm/${vmid}/firewall`))
      for (const { body } of await Promise.all(numbers)) assert.equal(body.data.length, 1)
      for (const id of [`vps_${'0'.repeat(26)}`, `vps_${'z'.repeat(26)}`, `vps_${'l'.repeat(26)}`])
        assert.equal((await other.call('GET', `/api/v2/vps/${id}/firewall`)).status, 404, id)
    } finally {
      await other.close()
    }
  })
})
