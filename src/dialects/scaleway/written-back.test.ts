/** Read, then written back unchanged: every resource is accepted, keeps every id and date, and gets no new revision. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  onBothStores,
  projects,
  secretKeys,
  servers,
  type TestService,
} from '../../../test/support/service.ts'

const zone = '/instance/v1/zones/fr-par-1'

onBothStores('Scaleway, read and written back', (start) => {
  let service: TestService
  let group = ''
  let rule = ''
  let made = ''
  before(async () => {
    service = await start()
    const body = {
      name: 'web',
      tags: ['a'],
      description: 'x',
      stateful: true,
      inbound_default_policy: 'drop',
    }
    group = `${zone}/security_groups/${(await write('POST', `${zone}/security_groups`, body)).security_group.id}`
    const ssh = {
      protocol: 'TCP',
      direction: 'inbound',
      action: 'accept',
      ip_range: '10.0.0.5/24',
      dest_port_from: 22,
    }
    rule = `${group}/rules/${(await write('POST', `${group}/rules`, ssh)).rule.id}`
    await write('POST', `${group}/rules`, {
      ...ssh,
      protocol: 'ICMP',
      direction: 'outbound',
      ip_range: '::/0',
    })
    const { server } = await write('POST', `${zone}/servers`, {
      ...{ name: 'made', commercial_type: 'DEV1-S', tags: ['t'], security_group: group.split('/').at(-1) },
      volumes: { 0: { size: 20_000_000_000, volume_type: 'l_ssd' } },
    })
    made = `${zone}/servers/${server.id}`
  })
  after(() => service.close())

  const read = async (path: string) => (await service.call('GET', path, undefined, secretKeys.right)).body
  async function write(method: string, path: string, body: object) {
    const answer = await service.call(method, path, body, secretKeys.right)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
    return answer.body
  }
  const unchanged = async (paths: readonly string[]) => {
    const { storage } = service
    const state = await Promise.all(paths.map(read))
    return [await storage.revision(), state]
  }

  for (const [resource, path, key, methods] of [
    ['group', () => group, 'security_group', ['PUT', 'PATCH']],
    ['rule', () => rule, 'rule', ['PUT', 'PATCH']],
    ['server', () => made, 'server', ['PATCH']],
    ['server of an inventory', () => `${zone}/servers/${servers.instance}`, 'server', ['PATCH']],
    ['project', () => `/account/v3/projects/${projects.second}`, undefined, ['PATCH']],
    ['list of rules', () => `${group}/rules`, undefined, ['PUT']],
  ] as const) {
    test(resource, async () => {
      const paths = [path(), group, `${group}/rules`, made]
      const before = await unchanged(paths)
      const body = await read(path())
      for (const method of methods) {
        await write(method, path(), key === undefined ? body : body[key])
        assert.deepEqual(await unchanged(paths), before, method)
      }
    })
  }

  test('what is about filtering and not done is refused by name', async () => {
    const before = await unchanged([group, `${group}/rules`, made])
    const whole = { protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '::/0' }
    for (const [method, path, body, name] of [
      ['PATCH', rule, { dest_ip_range: '10.0.0.0/8' }, 'dest_ip_range'],
      ['PATCH', rule, { src_port_from: 1024 }, 'src_port_from'],
      ['POST', `${group}/rules`, { ...whole, source_port: 1 }, 'source_port'],
      ['PUT', `${group}/rules`, { rules: [{ ...whole, icmp_type: 8 }] }, 'rules.0.icmp_type'],
      ...['enabled', 'disabled', 'active', 'type', 'remote', 'cidr', 'subnet', 'from', 'tcp_flags'].map(
        (key) => ['POST', `${group}/rules`, { ...whole, [key]: false }, key] as const,
      ),
      ['PATCH', group, { inbound_policy: 'drop' }, 'inbound_policy'],
      ['PATCH', group, { servers: [{ id: servers.instance }] }, 'servers'],
      ['PUT', group, { servers: [] }, 'servers'],
      ['POST', `${zone}/security_groups`, { name: 'n', servers: [{ id: servers.instance }] }, 'servers'],
      ['POST', `${zone}/security_groups`, { name: 'n', rules: [whole] }, 'rules'],
      ['PATCH', made, { security_groups: [] }, 'security_groups'],
      ['POST', `${zone}/servers`, { name: 'n', commercial_type: 'DEV1-S', firewall: true }, 'firewall'],
    ] as const) {
      const { status, body: said, text } = await service.call(method, path, body, secretKeys.right)
      assert.equal(status, 400, text)
      assert.deepEqual([said.details[0].argument_name, said.details[0].reason], [name, 'constraint'])
    }
    assert.deepEqual(await unchanged([group, `${group}/rules`, made]), before)
  })

  test('protection is looked at where the server is deleted, and not only before', async () => {
    const { server } = await write('POST', `${zone}/servers`, { name: 'p', commercial_type: 'DEV1-S' })
    const path = `${zone}/servers/${server.id}`
    const found = service.services.servers.get
    // Somebody protects it between the request's look at it and its write.
    const services = service.services as { servers: { get: typeof found } }
    services.servers.get = async (ctx, profile, id) => {
      const view = await found(ctx, profile, id)
      services.servers.get = found
      await write('PATCH', path, { protected: true })
      return view
    }
    const refused = await service.call('DELETE', path, undefined, secretKeys.right)
    assert.deepEqual([refused.status, refused.body.precondition], [400, 'protected_resource'])
    for (const action of ['terminate', 'poweroff']) {
      const { status, body } = await service.call('POST', `${path}/action`, { action }, secretKeys.right)
      assert.deepEqual(
        [status, body.precondition],
        [400, action === 'terminate' ? 'protected_resource' : body.precondition],
      )
    }
    await write('PATCH', path, { protected: false })
    assert.equal((await service.call('DELETE', path, undefined, secretKeys.right)).status, 204)
  })
})
