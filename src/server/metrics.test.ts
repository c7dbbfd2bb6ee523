/** Metrics by Prometheus' conventions: of a service that has done something of everything, and by the page on them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { metricsOf } from '../../test/support/metrics.ts'
import { credentials, servers, startService } from '../../test/support/service.ts'
import { viewOf } from '../../test/support/status.ts'
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import { parseYaml } from '../service/config/yaml.ts'
import { alerts, metricsReference } from './metrics-reference.ts'

/** What prom-client tells of the process against the conventions: its names are what dashboards of Node.js know. */
const notOurs = new Set([
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
])

/** Promtool's linter of metrics (`promtool check metrics`), and what our own pages promise. */
function complaints({
  name,
  type,
  help,
  labels,
}: ReturnType<ReturnType<typeof metricsOf>['described']>[number]) {
  const wrong: string[] = []
  const complain = (of: boolean, what: string) => of && wrong.push(`${name}: ${what}`)
  complain(!/^[a-z][a-z0-9_]*$/.test(name), 'not in snake_case')
  complain(help.trim() === '', 'no help text')
  complain(type === 'counter' && !name.endsWith('_total'), 'a counter without _total')
  complain(type !== 'counter' && name.endsWith('_total'), 'no counter, with _total')
  complain(/_(count|sum|bucket)$/.test(name), 'a suffix of histograms')
  complain(/_(counter|gauge|histogram|summary)(_|$)/.test(name), 'its type in its name')
  complain(
    /_(ms|milliseconds|us|microseconds|ns|nanoseconds|minutes|hours|days|kilobytes|megabytes|kib|mib|bits|percent)(_|$)/.test(
      name,
    ),
    'not a base unit',
  )
  complain(/_(s|sec|secs|b|byte|second)(_total)?$/.test(name), 'its unit is abbreviated')
  for (const label of labels) {
    complain(!/^[a-z][a-z0-9_]*$/.test(label) || ['le', 'quantile'].includes(label), `label ${label}`)
    // A client names these as it likes, and there are as many as it makes.
    complain(
      ['account', 'tenant', 'server', 'policy', 'rule', 'path', 'address', 'actor', 'user'].includes(label),
      `label ${label} is unbounded`,
    )
  }
  if (name.startsWith('portcullis_')) {
    complain(!/^[A-Z].*\.$/.test(help), 'its help is no sentence')
    complain(/[|\n]/.test(help), 'its help does not fit in a table')
  }
  return wrong
}

const nic = (id: string, more: Partial<InterfaceStatus> = {}): InterfaceStatus => ({
  ...{ id, device: id, appliedRevision: 1, state: 'applied', error: null, notes: [] },
  ...more,
})
const host: HostStatus = {
  ...{ host: 'kvm7', target: 'nftables', observe: false, desiredRevision: 2, appliedRevision: 1 },
  ...{ state: 'applied', error: null, repairs: 3, warnings: [] },
  interfaces: [
    nic('a', { state: 'failing', error: 'x' }),
    nic('b', { state: 'observing', denials: { ingress: 1, egress: 2, lastAt: null } as never }),
    nic('c', { unanswered: { ingress: 1, egress: 0 } }),
    nic('d', {
      connections: { limit: 2, uses: { ingress: 2, egress: 0 }, refusals: { ingress: 1, egress: 0 } },
    }),
  ],
}

/** Metrics of a service that was used in every way that there is a metric for, as text too. */
async function used() {
  const service = await startService({ logins: { perSource: 1, inAll: 600 } })
  try {
    for (const [status, headers] of [
      [200, credentials.right],
      [401, credentials.wrongPassword],
      [401, credentials.wrong],
      [429, credentials.wrongPassword],
    ] as const) {
      const path = `/1.3/server/${servers.web}/firewall_rule`
      assert.equal((await service.call('GET', path, undefined, headers)).status, status)
    }
    const rule = { firewall_rule: { direction: 'in', action: 'accept' } }
    for (const status of [201, 400]) {
      const body = status === 201 ? rule : { firewall_rule: { direction: 'up' } }
      const path = `/1.3/server/${servers.web}/firewall_rule`
      assert.equal((await service.call('POST', path, body)).status, status)
    }
    const metrics = metricsOf({
      inventory: () => ({ inForce: true, appliedAt: 1_790_000_000_000 }),
      certificate: () => ({ inForce: true, notAfter: 1_800_000_000_000 }),
      hosts: () => [viewOf(host)],
      unclaimed: () => new Map([['kvm1', 2]]),
      pools: async () => [{ name: 'p', kind: 'public-ipv4', free: 1, held: 2, quarantined: 3 } as never],
      traffic: {
        hits: {
          totals: () => [{ host: 'kvm7', direction: 'ingress', kind: 'rule', packets: 1, bytes: 60 }],
          suppressed: () => 1,
        },
        decisions: { counts: () => ({ told: 1, missed: 1 }) },
      },
      store: service.storage,
    })
    metrics.applied(0.01)
    metrics.applyFailed()
    metrics.flowsCut(1, true)
    metrics.request({ dialect: 'native', operation: 'trace', status: 200 }, 0.01)
    metrics.streams({ dialect: 'native', operation: 'followDecisions' }, 1)
    metrics.loginRefused('native', 'throttled')
    metrics.rateLimited('native', 'source')
    return { service: await service.metrics.text(), all: await metrics.text(), metrics }
  } finally {
    await service.close()
  }
}

test('names, types, labels and help texts keep to the conventions, and all have been used', async () => {
  const { all, metrics } = await used()
  const described = metrics.described()
  const wrong = described.filter(({ name }) => !notOurs.has(name)).flatMap(complaints)
  assert.deepEqual(wrong, [])
  assert.deepEqual(
    [...notOurs].filter(
      (name) => complaints(described.find((each) => each.name === name) as never).length === 0,
    ),
    [],
  )
  const unused = described.filter(
    ({ name }) => name.startsWith('portcullis_') && !new RegExp(`^${name}(_count)?(\\{| )`, 'm').test(all),
  )
  assert.deepEqual(unused, [])
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: all,
    encoding: 'utf8',
  })
  if (error) return
  const told = `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '' && ![...notOurs].some((name) => line.startsWith(name)))
  assert.deepEqual([told, [0, 3].includes(status ?? 1)], [[], true])
})

test('a service counts its requests, logins and writes', async () => {
  const { service } = await used()
  const value = (series: string) =>
    Number(
      service
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    )
  assert.equal(value('portcullis_login_failures_total{dialect="upcloud",reason="unauthenticated"}'), 2)
  assert.equal(value('portcullis_login_failures_total{dialect="upcloud",reason="throttled"}'), 1)
  assert.ok(value('portcullis_store_writes_total{outcome="committed"}') >= 2)
  assert.ok(value('portcullis_store_transaction_duration_seconds_count{outcome="committed"}') >= 1)
  assert.ok(value('portcullis_store_size_bytes') > 10_000)
  assert.ok(value('portcullis_store_revision') >= 2)
  assert.equal(value('portcullis_store_waiting_writes'), 0)
  assert.equal(value(`portcullis_build_info{version="0",node="${process.versions.node}"}`), 1)
})

test('a scrape names a bounded number of interfaces, and no account', async () => {
  const interfaces = Array.from({ length: 3000 }, (_, n) => nic(`nic-${n}`, { state: 'failing', error: 'x' }))
  const text = await metricsOf({ hosts: () => [viewOf({ ...host, interfaces })] }).text()
  assert.equal(text.match(/^portcullis_interface_failing\{/gm)?.length, 1000)
  assert.match(text, /^portcullis_interfaces\{host="kvm7",state="failing"\} 3000$/m)
  const { service } = await used()
  assert.doesNotMatch(service, /acme/)
})

test('a store that cannot be read leaves its series out, and the rest is told', async () => {
  const fails = () => Promise.reject(new Error('away'))
  const store = {
    revision: fails,
    size: fails,
    activity: () => ({ waiting: 7, ended: {} as never }),
    onTransaction: () => () => {},
  }
  const text = await metricsOf({ store, pools: fails }).text()
  assert.doesNotMatch(text, /^portcullis_(store_size_bytes|store_revision|pool_addresses)/m)
  assert.match(text, /^portcullis_store_waiting_writes 7$/m)
})

describe('the page on metrics', () => {
  test('docs/metrics.md is fresh: npm run docs', () => {
    const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
    assert.equal(page, metricsReference(metricsOf().described()))
  })

  test('alerts are rules that Prometheus reads, about metrics and labels that there are', () => {
    const described = new Map(
      metricsOf()
        .described()
        .map((each) => [each.name, each]),
    )
    const parsed = parseYaml(alerts)
    assert.ok(parsed.ok)
    const { groups } = parsed.value as { groups: { rules: Record<string, unknown>[] }[] }
    const rules = groups.flatMap((group) => group.rules)
    assert.ok(rules.length > 10)
    for (const { alert, expr, annotations, labels, ...rest } of rules) {
      assert.deepEqual(
        Object.keys(rest).filter((key) => key !== 'for'),
        [],
        String(alert),
      )
      assert.match(String(alert), /^Portcullis[A-Za-z]+$/)
      const names = String(expr).match(/portcullis_[a-z_]+/g) ?? []
      assert.ok(names.length > 0, String(alert))
      const known = names.map(
        (name) => described.get(name) ?? described.get(name.replace(/_(count|bucket|sum)$/, '')),
      )
      assert.ok(
        known.every((each) => each),
        `${alert}: ${names}`,
      )
      for (const [, label = ''] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
        assert.ok(
          known.some((each) => each?.labels.includes(label)),
          `${alert}: ${label}`,
        )
      assert.ok(labels && typeof labels === 'object')
    }
    const directory = mkdtempSync(join(tmpdir(), 'portcullis-alerts-'))
    try {
      const file = join(directory, 'alerts.yaml')
      writeFileSync(file, alerts)
      const { error, status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
      if (!error) assert.equal(status, 0, stderr)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

test('with a token, /metrics is for whoever presents it', async () => {
  const service = await startService({ metricsToken: 'scrape-token' })
  try {
    const status = async (headers: Record<string, string>) =>
      (await service.call('GET', '/metrics', undefined, headers)).status
    assert.equal(await status({}), 401)
    for (const wrong of [
      'Bearer',
      'Bearer scrape-toke',
      'Bearer scrape-tokens',
      'Basic scrape-token',
      credentials.right.authorization,
    ])
      assert.equal(await status({ authorization: wrong }), 401, wrong)
    assert.equal(await status({ authorization: 'Bearer scrape-token' }), 200)
  } finally {
    await service.close()
  }
})
