/** The file of adoption rules that `--adopt` names, YAML or JSON: read at start and when the agent is asked to read it again. */
import { type Static, Type } from 'typebox'
import { sightingSources } from '../../core/model/sighting.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { check } from '../../service/config/check.ts'
import { closed, line, list, optional } from '../../service/config/fields.ts'
import { lineOf } from '../../service/config/lines.ts'
import { parseConfig } from '../../service/config/text.ts'
import { openRegular } from '../regular-file.ts'
import type { AdoptionRules } from './adoption.ts'

const short = (description: string) => line(description, 128)
const sources = sightingSources.filter((each) => each !== 'links')

const match = Type.Object(
  {
    source: optional(Type.Enum([...sources], { description: 'Which part of the agent knows the guest.' })),
    pool: optional(short('The pool of Proxmox that it is in.')),
    tag: optional(short('One of its tags.')),
    name: optional(
      short('Its whole name: `*` is any characters or none, `?` is one. `*` alone is every guest.'),
    ),
  },
  {
    ...closed,
    minProperties: 1,
    expected: 'at least one of source, pool, tag, name; name: "*" is every guest',
    description: 'All that is given must hold.',
  },
)

const rule = Type.Object(
  {
    match,
    account: short('The id of the account. The host’s credential must be one that may adopt into it.'),
    profile: short('The profile of the server.'),
    zone: optional(
      short(
        'Its zone, or what it is in where its profile calls that otherwise. Absent: the first of the profile, or of the account.',
      ),
    ),
    policies: optional(
      list(
        short(''),
        'Ids of policies that are attached to it, in order. Absent: what the profile attaches by itself.',
        {
          ...{ maxItems: 100, expected: 'a list of at most 100' },
        },
      ),
    ),
    addresses: optional(
      Type.Enum(['configured', 'none'], {
        description:
          'Whether it may send from the addresses that its hypervisor has for it. Absent: `configured`.',
      }),
    ),
  },
  { ...closed, expected: 'keys and values, with match, account and profile' },
)

export const adoptionFile = Type.Object(
  {
    metadata: optional(
      Type.Boolean({
        description:
          'Whether `<portcullis:server profile="…" account="…"/>` in a domain’s metadata adopts it, before all rules. Absent: `false`. Whoever may define domains on this host decides then whose they are.',
      }),
    ),
    cluster: optional(
      Type.String({
        pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$',
        expected: '1 to 63 letters, digits, dots, hyphens or underscores',
        description:
          'Names the hypervisors that number their guests together. Absent: as the source is called. Two of them that adopt into one account need different names.',
      }),
    ),
    rules: optional(
      list(rule, 'The first that matches decides.', {
        maxItems: 1000,
        expected: 'a list of at most 1000 rules',
      }),
    ),
  },
  { ...closed, expected: 'keys and values, such as rules' },
)

/** The error is one line, with line and field. */
export function parseAdoptionRules(text: string): Result<AdoptionRules> {
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed
  if (parsed.value === null) return err('the file: expected keys and values, and it is empty')
  const checked = check(adoptionFile, parsed.value)
  if (!checked.ok) {
    return err(`line ${lineOf(text, faultyPlace(checked.error))}: ${checked.error}`)
  }
  return ok(rulesOf(checked.value))
}

/** `rules[0].match: pol is not known here` is about `rules[0].match.pol`. */
function faultyPlace(complaint: string): string {
  const end = complaint.indexOf(': ')
  const [place, [key = '']] = [
    complaint.slice(0, end),
    complaint.slice(end + 2).split(' is not known here', 1),
  ]
  return complaint.includes(' is not known here') ? `${place}.${key}`.replace(/^the file\./, '') : place
}

const rulesOf = ({ metadata = false, cluster, rules = [] }: Static<typeof adoptionFile>): AdoptionRules => ({
  ...{ metadata, ...(cluster !== undefined && { cluster }) },
  rules: rules.map(({ match: { source, ...rest }, policies = [], addresses = 'configured', ...rule }) => ({
    ...{ ...rule, policies },
    match: { ...rest, ...(source !== undefined && { source: source as (typeof sources)[number] }) },
    addresses: addresses as 'configured' | 'none',
  })),
})

/** Bytes: a mistaken path may lead to anything. */
const most = 1024 * 1024

/** As of `parseAdoptionRules`. */
export async function readAdoptionRules(path: string): Promise<Result<AdoptionRules>> {
  let text: string
  try {
    await using file = await openRegular(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most + 1), 0, most + 1, 0)
    if (bytesRead > most) return err(`it has more than ${most} bytes`)
    text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead))
  } catch (error) {
    if (error instanceof TypeError) return err('it is not UTF-8 text')
    const { code, message } = error as NodeJS.ErrnoException
    return err(
      code === 'ENOENT' ? 'there is no such file' : (code && `it cannot be read: ${code}`) || message,
    )
  }
  return parseAdoptionRules(text)
}
