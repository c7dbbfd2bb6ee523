/** An agent of a kept release speaks to this service, and this agent to a service of a kept release: both enforce and report. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import { createEnforcer } from '../src/agent/enforcer.ts'
import { createFake } from '../src/agent/fake.ts'
import { commonVersion, spoken } from '../src/agent/versions.ts'
import type { DesiredUpdate } from '../src/core/model/desired-update.ts'
import type { StatusChange } from '../src/core/model/status-change.ts'
import { eventually } from './support/eventually.ts'
import type * as Kept from './support/kept/entry.ts'
import { makeOperator, operator } from './support/operator.ts'
import { servers, startService } from './support/service.ts'

const folder = new URL('testdata/kept/', import.meta.url)
const releases = readdirSync(folder)
const load = (file: string): Promise<typeof Kept> => import(new URL(file, folder).href)
const log = { info() {}, warn() {}, error() {} }

test('a release is kept', () => assert.ok(releases.length > 0))

for (const file of releases) {
  describe(`release ${file.replace(/\.js$/, '')}`, () => {
    test('its agent enforces what this service says, follows its changes, and reports', async () => {
      const kept = await load(file)
      if (commonVersion(kept.spoken) === undefined) return
      const service = await startService()
      const ending = new AbortController()
      const dataplane = kept.createFake()
      const enforcer = kept.createEnforcer({
        ...{ host: 'local', target: 'fake', release: 'kept', observeHost: false },
        ...{ closeFirst: async () => null, createDataplane: () => dataplane },
      })
      let over: Promise<void> | undefined
      try {
        await makeOperator(service.storage)
        const made = await service.call('POST', '/v1/hosts/local/credentials', {}, operator)
        await enforcer.start()
        const address = { server: new URL(service.url), host: 'local', tls: {} }
        const token = async () => made.body.token
        over = kept.speakTo({ enforcer, address, token, log, patienceMs: 8000 }, ending.signal)
        const first = await eventually('nothing is enforced', () => dataplane.enforced())
        assert.ok(first.interfaces.size > 1)
        const rule = { firewall_rule: { direction: 'in', action: 'drop', family: 'IPv4' } }
        const path = `/1.3/server/${servers.web}/firewall_rule`
        assert.equal((await service.call('POST', path, rule)).status, 201)
        const revision = await service.storage.revision()
        const host = await eventually('it does not report', async () => {
          const { body } = await service.call('GET', '/v1/hosts', undefined, operator)
          return body.hosts[0]?.appliedRevision >= revision ? body.hosts[0] : undefined
        })
        assert.deepEqual([host.state, host.agent.release, host.agent.connected], ['applied', 'kept', true])
      } finally {
        await enforcer.stop()
        ending.abort()
        await over
        await service.close()
      }
    })

    test('this agent enforces what its service says, and reports what that understands', async () => {
      const kept = await load(file)
      if (commonVersion(kept.spoken) === undefined) return
      const [left, right] = duplexPair()
      const changes: StatusChange[] = []
      const wanted: (number | null)[] = []
      let problem: Error | null = null
      const channel = kept.openChannel({
        stream: left,
        incoming: kept.fromAgent({
          hello: (_, version) => agent.welcome({ version, release: 'kept' }),
          ...{ guarded() {}, failed() {}, pong() {}, round() {}, hits() {}, decisions() {}, sightings() {} },
          want({ since }) {
            wanted.push(since)
            if (since === null) void agent.update(everything)
          },
          status: (change) => void changes.push(change),
        }),
        ended(error) {
          problem = error
        },
      })
      const agent = kept.toAgent(channel)
      const dataplane = createFake()
      const enforcer = createEnforcer({
        ...{ host: 'kvm', target: 'fake', release: 'test', observeHost: false },
        ...{ closeFirst: async () => null, createDataplane: () => dataplane },
      })
      const { begun } = await enforcer.start()
      const conversation = enforcer.converse({ stream: right, stop() {} })
      await eventually('nothing is enforced', () => dataplane.enforced())
      await eventually('nothing is reported', () =>
        changes.some(({ host }) => host.appliedRevision === 3) ? true : undefined,
      )
      await eventually('it asks for nothing newer', () => (wanted.includes(3) ? true : undefined))
      await begun
      await enforcer.stop()
      await conversation.close()
      left.destroy()
      assert.equal(problem, null)
    })
  })
}

test('one that speaks more versions than we do is spoken to in the newest that both know', () => {
  assert.equal(commonVersion({ least: 1, most: spoken.most + 7 }), spoken.most)
  assert.equal(commonVersion({ least: spoken.most + 1, most: spoken.most + 7 }), undefined)
  assert.equal(commonVersion({ least: 1, most: spoken.least - 1 }), undefined)
  assert.equal(commonVersion({ least: 3, most: 4 }, { least: 2, most: 3 }), 3)
})

const everything: DesiredUpdate = {
  ...{ from: null, revision: 3, policies: [] },
  interfaces: {
    put: [
      {
        ...{ id: 'nic', device: 'tap1', index: 1, type: 'public', mac: '02:00:00:00:00:01' },
        ...{ addresses: [], allowedAddresses: [], senderCheck: false, observe: false, vlanTrunk: false },
        ...{ allowedFrames: [], maxConnections: null, policies: [] },
      },
    ],
    remove: [],
  },
}
