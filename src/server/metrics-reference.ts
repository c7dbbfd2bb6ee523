/** The page on metrics, made from the registry: `npm run docs` writes it, and a test keeps it fresh. */
import type { Described } from './metrics.ts'

const intro = `# Metrics

<!-- Made from the metrics' own descriptions by \`npm run docs\`; do not edit. -->

\`GET /metrics\` answers in Prometheus' text format. It needs no credential, unless \`serve --metrics-token-file FILE\` says so: then readers present
the file's first line as a bearer token (\`authorization: { credentials_file: … }\` of a scrape configuration).

**What it reveals**: names of hosts, devices and zones, ids of interfaces that are in trouble, and how much is done of each operation. It names no account,
no server, no address and no rule. Where that is too much for who can reach the listener, set the token or keep the path from them in a proxy.

Hosts are those whose agents speak to the process that is asked; with several processes on one database each tells of its own, and what it wrote
itself. Counts begin with 0 when the process starts; those of hosts and interfaces when their agent starts. A series is there as long as what it is about is, and of each host 1,000 interfaces at most have some of their
own in any metric: sums and numbers by state count all.
`

/** Metrics of the runtime, made by prom-client. */
const isOurs = ({ name }: Described) => name.startsWith('portcullis_')

/** What a value counts, as its name says it (Prometheus' naming practices): the word before `_total`, else the last. */
export function unitOf(name: string): string {
  const bare = name.replace(/_total$/, '')
  return ['seconds', 'bytes', 'packets'].find((unit) => bare.endsWith(`_${unit}`)) ?? ''
}

export const alerts = `groups:
  - name: portcullis
    rules:
      - alert: PortcullisHostFailing
        expr: portcullis_failing == 1
        for: 2m
        labels: { severity: critical }
        annotations:
          summary: "Rules cannot be changed on {{ $labels.host }}"
          description: "What was enforced before stays in force. GET /v1/hosts and the log say why."
      - alert: PortcullisInterfaceFailing
        expr: portcullis_interfaces{state="failing"} > 0
        for: 2m
        labels: { severity: critical }
        annotations:
          summary: "{{ $value }} interfaces on {{ $labels.host }} cannot be enforced"
          description: "They are closed, or keep what was in force; portcullis_interface_failing names them."
      - alert: PortcullisBehind
        expr: portcullis_desired_revision > portcullis_applied_revision
        for: 1m
        labels: { severity: warning }
        annotations:
          summary: "{{ $labels.host }} has not applied what is desired for a minute"
      - alert: PortcullisRepairs
        expr: increase(portcullis_repairs_total[15m]) > 0
        labels: { severity: warning }
        annotations:
          summary: "Somebody else changes the tables on {{ $labels.host }}"
      - alert: PortcullisFlowsNotCut
        expr: increase(portcullis_flows_cut_failures_total[15m]) > 0
        labels: { severity: warning }
        annotations:
          summary: "Connections that rules deny now may go on"
      - alert: PortcullisConnectionsRefused
        expr: rate(portcullis_connections_refused_total[5m]) > 0
        for: 5m
        labels: { severity: warning }
        annotations:
          summary: "Interfaces on {{ $labels.host }} are at their limit of connections"
      - alert: PortcullisDecisionsMissed
        expr: rate(portcullis_decisions_missed_total[5m]) > 0
        for: 10m
        labels: { severity: info }
        annotations:
          summary: "Who follows decisions reads too slowly"
      - alert: PortcullisServerErrors
        expr: sum(rate(portcullis_http_request_duration_seconds_count{status=~"5.."}[5m])) > 0
        for: 5m
        labels: { severity: critical }
        annotations:
          summary: "Requests are answered with a 5xx"
      - alert: PortcullisSlowWrites
        expr: histogram_quantile(0.99, sum by (le) (rate(portcullis_store_transaction_duration_seconds_bucket[5m]))) > 0.5
        for: 10m
        labels: { severity: warning }
        annotations:
          summary: "One of a hundred transactions takes more than half a second"
      - alert: PortcullisWritesFail
        expr: increase(portcullis_store_writes_total{outcome="failed"}[5m]) > 0
        labels: { severity: critical }
        annotations:
          summary: "The store cannot be written"
      - alert: PortcullisLoginsFail
        expr: sum by (reason) (rate(portcullis_login_failures_total[5m])) > 1
        for: 5m
        labels: { severity: warning }
        annotations:
          summary: "More than one request a second is not let in ({{ $labels.reason }})"
      - alert: PortcullisCertificateEnds
        expr: portcullis_tls_certificate_not_after_timestamp_seconds - time() < 7 * 86400
        for: 1h
        labels: { severity: warning }
        annotations:
          summary: "The TLS certificate has expired, or will within a week"
      - alert: PortcullisCertificateWrong
        expr: portcullis_tls_certificate_in_force == 0
        for: 15m
        labels: { severity: warning }
        annotations:
          summary: "The files of the TLS certificate are wrong, and the one from before is presented"
      - alert: PortcullisPoolAlmostEmpty
        expr: sum by (kind, dialect, zone) (portcullis_pool_addresses{state="free"}) / sum by (kind, dialect, zone) (portcullis_pool_addresses) < 0.1
        for: 15m
        labels: { severity: warning }
        annotations:
          summary: "Less than a tenth of the addresses are free ({{ $labels.kind }} {{ $labels.zone }})"
`

export function metricsReference(metrics: readonly Described[]): string {
  const row = (metric: Described) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${metric.name}\` | ${metric.type} | ${labels} | ${unitOf(metric.name)} | ${metric.help} |`
  }
  const table = (of: readonly Described[]) => [
    '| name | type | labels | unit | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...of.map(row),
    '',
  ]
  const others = metrics.filter((metric) => !isOurs(metric)).map(({ name }) => `\`${name}\``)
  return [
    intro,
    '## What there is\n',
    ...table(metrics.filter(isOurs)),
    '## The process\n',
    `As every program with prom-client tells them: ${others.join(', ')}.\n`,
    '## Alerts to begin with\n',
    `\`\`\`yaml\n${alerts}\`\`\``,
    '',
  ].join('\n')
}
