/** scw, Scaleway's command line: every command about security groups, its JSON, and its exit statuses on errors. */
import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { goProgram, noGo } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { environment } from './programs.ts'
import { run } from './run.ts'
import { servers } from './service.ts'

const version = 'v2.59.0'
const sdk = 'v1.0.0-beta.37'

export const scw: Client = {
  name: 'scw',
  version,
  // The commit of it that scw names is served by no module proxy; this is the next release.
  builtWith: `with scaleway-sdk-go ${sdk}`,
  drives:
    'all 14 commands of `scw instance security-group`, servers and the group each is in, `-o json`, exit statuses',
  obstacle: noGo,
  build: () =>
    goProgram({
      module: 'github.com/scaleway/scaleway-cli/v2',
      version,
      package: './cmd/scw',
      require: [`github.com/scaleway/scaleway-sdk-go@${sdk}`],
    }),
  run: drive,
}

const unknown = '11111111-1111-4111-8111-111111111111'

async function drive({ built, service, directory, step, gap }: Bench): Promise<void> {
  const env = {
    ...environment(service),
    SCW_CONFIG_PATH: join(directory, 'config.yaml'),
    SCW_CACHE_DIR: directory,
    SCW_DISABLE_CHECK_VERSION: 'true',
    HOME: directory,
  }
  const call = (args: string, more: Readonly<Record<string, string>> = {}) =>
    run(built, ['-o', 'json', ...args.split(' ')], { env: { ...env, ...more }, patience: 60_000 })

  // biome-ignore lint/suspicious/noExplicitAny: JSON of a client
  async function json(args: string): Promise<any> {
    const { status, stdout, stderr } = await call(args)
    assert.equal(status, 0, `scw ${args}: ${stderr || stdout}`)
    return stdout.trim() === '' ? undefined : JSON.parse(stdout)
  }
  async function refused(
    args: string,
    message: RegExp,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { status, stdout, stderr } = await call(args, more)
    assert.equal(status, 1, `scw ${args}: ${stdout}`)
    assert.doesNotMatch(stderr, /panic|goroutine/)
    assert.match(stderr, message)
    JSON.parse(stderr)
  }

  let group = ''
  let rule = ''
  const on = (command: string) => `instance security-group ${command}`

  await step('create', async () => {
    const made = await json(on('create name=web description=x inbound-default-policy=drop tags.0=a tags.1=b'))
    const { id, name, stateful, inbound_default_policy, tags } = made.security_group
    assert.deepEqual([name, stateful, inbound_default_policy, tags], ['web', true, 'drop', ['a', 'b']])
    group = id
  })
  await step('create, stateless and with defaults', async () => {
    const made = await json(on('create stateful=false'))
    const { name, stateful, inbound_default_policy } = made.security_group
    assert.match(name, /^cli-sg-/)
    assert.deepEqual([stateful, inbound_default_policy], [false, 'accept'])
  })
  await step('list, in one zone and in all', async () => {
    assert.deepEqual(
      (await json(on('list name=web'))).map(({ id }: { id: string }) => id),
      [group],
    )
    assert.equal((await json(on('list tags.0=a tags.1=b'))).length, 1)
    assert.ok((await json(on('list zone=all'))).length >= 2)
  })
  await step('create-rule', async () => {
    const made = await json(
      on(
        `create-rule security-group-id=${group} protocol=TCP direction=inbound action=accept dest-port-from=22`,
      ),
    )
    const { id, position, ip_range, dest_port_from } = made.rule
    assert.deepEqual([position, ip_range, dest_port_from], [1, '0.0.0.0/0', 22])
    rule = id
    for (const more of [
      'protocol=UDP dest-port-from=1000 dest-port-to=2000',
      'protocol=ICMP',
      'protocol=ANY ip-range=2001:db8::/32',
    ])
      await json(on(`create-rule security-group-id=${group} direction=outbound action=drop ${more}`))
  })
  await step('get-rule', async () => {
    const read = await json(on(`get-rule security-group-id=${group} security-group-rule-id=${rule}`))
    assert.equal(read.rule.dest_port_from, 22)
  })
  await step('update-rule', async () => {
    const place = `security-group-id=${group} security-group-rule-id=${rule}`
    const changed = await json(on(`update-rule ${place} dest-port-from=80 dest-port-to=90 position=2`))
    const { dest_port_from, dest_port_to, position } = changed.rule
    assert.deepEqual([dest_port_from, dest_port_to, position], [80, 90, 2])
    const without = await json(on(`update-rule ${place} dest-port-to=0`))
    assert.equal(without.rule.dest_port_to, null)
  })
  await step('list-rules', async () => {
    const rules = await json(on(`list-rules security-group-id=${group}`))
    assert.equal(rules.filter(({ editable }: { editable: boolean }) => editable).length, 4)
    assert.equal(rules.length, 10)
  })
  await step('list-default-rules', async () => {
    assert.equal((await json(on('list-default-rules'))).rules.length, 6)
  })
  await step('get', async () => {
    const read = await json(on(`get ${group}`))
    assert.deepEqual([read.name, read.Rules.length], ['web', 10])
  })
  await step('update', async () => {
    const changed = await json(on(`update ${group} name=web2 stateful=false enable-default-security=false`))
    const { name, stateful, enable_default_security } = changed.security_group
    assert.deepEqual([name, stateful, enable_default_security], ['web2', false, false])
  })
  await step('set-rules', async () => {
    const first =
      'rules.0.action=accept rules.0.protocol=TCP rules.0.direction=inbound rules.0.ip-range=10.0.0.0/8'
    const second = 'rules.1.action=drop rules.1.protocol=ICMP rules.1.direction=inbound rules.1.ip-range=::/0'
    const set = await json(
      on(`set-rules security-group-id=${group} ${first} rules.0.dest-port-from=443 ${second}`),
    )
    assert.deepEqual(
      set.rules.map((each: Record<string, unknown>) => [each.position, each.ip_range, each.dest_port_from]),
      [
        [1, '10.0.0.0/8', 443],
        [2, '::/0', null],
      ],
    )
  })
  await step('edit', async () => {
    // An editor that changes a port, and nothing else.
    const editor = join(directory, 'editor')
    await writeFile(editor, '#!/bin/sh\nsed -i s/443/8443/ "$1"\n')
    await chmod(editor, 0o755)
    const { status, stderr } = await call(on(`edit ${group} mode=json`), { EDITOR: editor, VISUAL: editor })
    assert.equal(status, 0, stderr)
    const rules = await json(on(`list-rules security-group-id=${group}`))
    assert.deepEqual(
      rules.map((each: Record<string, unknown>) => each.dest_port_from),
      [8443, null],
    )
  })
  await step('delete-rule', async () => {
    const [{ id }] = await json(on(`list-rules security-group-id=${group}`))
    await json(on(`delete-rule security-group-id=${group} security-group-rule-id=${id}`))
    assert.equal((await json(on(`list-rules security-group-id=${group}`))).length, 1)
  })
  await step('clear', async () => {
    await json(on(`clear security-group-id=${group}`))
    assert.deepEqual(await json(on(`list-rules security-group-id=${group}`)), [])
  })
  await step('server update, server get, server list', async () => {
    await json(`instance server update ${servers.scaleway} security-group-id=${group}`)
    const read = await json(`instance server get ${servers.scaleway}`)
    assert.equal(read.security_group.id, group)
    assert.equal((await json('instance server list')).length, 1)
  })
  await step('delete of a group in use: 1, with the way out', () =>
    refused(on(`delete ${group}`), /in use|still in use/i),
  )
  await step('delete', async () => {
    const groups = await json(on('list'))
    const other = groups.find(({ id }: { id: string }) => id !== group)
    await json(`instance server update ${servers.scaleway} security-group-id=${other.id}`)
    await json(on(`delete ${group}`))
  })
  await step('server create, start, stop, delete', async () => {
    const made = await json(
      'instance server create image=ubuntu_jammy type=DEV1-S ip=none stopped=true name=from-scw',
    )
    const { id } = made
    await json(`instance server start ${id} --wait`)
    await json(`instance server stop ${id} --wait`)
    await json(`instance server delete ${id} with-volumes=all with-ip=true`)
    await refused(`instance server get ${id}`, /not found|cannot find/i)
  })

  await step('unknown group: 1', () => refused(on(`get ${unknown}`), /not found|cannot find/i))
  await step('unknown rule: 1', async () => {
    const { id } = (await json(on('create'))).security_group
    await refused(
      on(`get-rule security-group-id=${id} security-group-rule-id=${unknown}`),
      /not found|cannot find/i,
    )
    await refused(
      on(
        `create-rule security-group-id=${id} protocol=TCP direction=inbound action=accept dest-port-from=70000`,
      ),
      /dest_port_from/,
    )
    await refused(
      on(
        `create-rule security-group-id=${id} protocol=TCP direction=inbound action=accept dest-port-from=9 dest-port-to=8`,
      ),
      /dest_port_to/,
    )
  })
  await step('wrong secret key: 1', () =>
    refused(on('list'), /denied authentication|authentication is denied/i, { SCW_SECRET_KEY: unknown }),
  )
  await gap(
    'placement-group list',
    'placement groups are no part of a firewall workflow; the command ends with status 1 and the path that is not served',
    () => refused('instance placement-group list', /This path is not served: GET .*placement_groups/),
  )
}
