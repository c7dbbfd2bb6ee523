/** The page on errors, made from what the dialects answer: `npm run docs` writes it, and a test keeps it fresh. */
import type { RequestError } from '../core/model/error.ts'
import type { Answer, Dialect } from './dialect.ts'

const intro = `# Errors

<!-- Made from the dialects' own answers by \`npm run docs\`; do not edit. -->

What can go wrong with a request is a closed list of kinds ([\`core/model/error.ts\`](../src/core/model/error.ts)). Services answer with a kind; each dialect says it in
its provider's words, with its status and its envelope, and the compiler names every dialect that lacks a kind. A caller reads what it may know; the cause
of an \`unavailable\` or \`internal\` error is in the log, under the request's id. Nothing that a client sends is answered with a 5xx.
`

/** Every kind, when it is answered, and one error of it. */
const kinds: {
  readonly [K in RequestError['kind']]: readonly [when: string, example: Extract<RequestError, { kind: K }>]
} = {
  unauthenticated: ['No credential, or one that is not valid.', { kind: 'unauthenticated' }],
  'too-many-requests': ['Too many logins fail.', { kind: 'too-many-requests', retryAfter: 2 }],
  forbidden: ['The credential lacks the scope.', { kind: 'forbidden' }],
  'not-found': [
    'It does not exist, or the caller may not know that it does.',
    { kind: 'not-found', resource: 'server', id: '00798b85-efdc-41ca-8021-f6ef457b8531' },
  ],
  'method-not-allowed': [
    'The path is served, and not with this method.',
    { kind: 'method-not-allowed', allowed: ['GET'] },
  ],
  protocol: [
    'It is no request as HTTP has it; the status is 400, 408, 417 or 431.',
    { kind: 'protocol', status: 400, reason: 'the request line is not valid' },
  ],
  malformed: ['The body cannot be read at all.', { kind: 'malformed', reason: 'expected a value' }],
  'unsupported-media-type': [
    'The body is declared as another type.',
    { kind: 'unsupported-media-type', mediaType: 'text/xml' },
  ],
  'too-large': ['The body is longer than the limit.', { kind: 'too-large', limit: 1_048_576 }],
  invalid: ['A field is not valid.', { kind: 'invalid', field: 'position', reason: 'expected 1 to 1000' }],
  conflict: [
    'The state of the resource does not permit it, or something else needs it.',
    { kind: 'conflict', resource: 'server', reason: 'the server is in maintenance' },
  ],
  'limit-reached': [
    'There are as many as there may be.',
    { kind: 'limit-reached', resource: 'rule', limit: 1000 },
  ],
  'pool-empty': [
    'A pool of addresses has fewer left than are needed.',
    { kind: 'pool-empty', pool: 'public-ipv4', left: 0 },
  ],
  unavailable: ['The store does not answer; nothing was changed.', { kind: 'unavailable', cause: null }],
  internal: ['A bug of ours.', { kind: 'internal', cause: null }],
}

/** Each dialect, under each path whose errors have a form of their own. */
export function errorsReference(dialects: readonly Dialect[]): string {
  const columns = dialects.flatMap((dialect) =>
    (dialect.errorPaths ?? ['/']).map((path) => ({
      name: dialect.errorPaths ? `${dialect.profile} \`${path}\`` : dialect.profile,
      answer: (error: RequestError): Answer =>
        dialect.error(error, {
          path,
          requestId: '01a2b3c4-0000-4000-8000-000000000000',
          headers: {},
          method: 'GET',
        }),
    })),
  )
  const rows = Object.entries(kinds).map(([kind, [when, example]]) => {
    const cells = columns.map(({ answer }) => answer(example).status)
    return `| \`${kind}\` | ${when} | ${cells.join(' | ')} |`
  })
  const [, missing] = kinds['not-found']
  const bodies = columns.map(
    ({ name, answer }) =>
      `**${name}**, a server that does not exist:\n\n\`\`\`json\n${timeless(JSON.stringify(answer(missing).body))}\n\`\`\`\n`,
  )
  return [
    intro,
    `## Statuses\n\n| kind | when | ${columns.map(({ name }) => name).join(' | ')} |`,
    `| --- | --- | ${columns.map(() => '---').join(' | ')} |`,
    ...rows,
    '',
    '## Envelopes\n',
    ...bodies,
  ].join('\n')
}

const timeless = (json: string): string =>
  json.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, '2026-01-01T00:00:00.000Z')
