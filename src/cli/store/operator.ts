/** `portcullis operator`: credentials of whoever runs the installation, in the store itself, whether its service runs or not. */
import { Command } from 'commander'
import type { RequestError } from '../../core/model/error.ts'
import type { Result } from '../../core/result.ts'
import { mostOverlap, type WithSecret } from '../../service/credentials.ts'
import { createOperatorService, type OperatorService } from '../../service/operators.ts'
import type { CredentialRecord } from '../../storage/storage.ts'
import { documented } from '../help.ts'
import { storeRefusal } from '../options.ts'
import { answer, answerJson, complain, note, printable } from '../output.ts'
import { table } from '../resource.ts'
import { openStore } from '../serve/store.ts'
import { expiresOption, overlapOption } from '../until.ts'
import { inWords } from '../words.ts'
import { type StoreFlags, withStore } from './place.ts'

interface Flags extends StoreFlags {
  readonly json?: true
  readonly expires?: number
  readonly overlap: number
}

const statuses = '0 done; 1 refused, or it failed; 2 it could not be tried: usage, or no such store.'

const verb = (name: string, description: string, example: string) =>
  documented(
    withStore(new Command(name)).description(description).option('--json', 'answer in JSON'),
    `portcullis operator ${example}`,
    statuses,
  )

export function operatorCommand(): Command {
  return new Command('operator')
    .description('credentials that see all accounts and act in any, made on this machine')
    .addCommand(
      verb(
        'create',
        'make an operator; its token is answered now and never again',
        'create ada --expires 90d',
      )
        .argument('<name>', 'how it is listed, unique among operators')
        .addOption(expiresOption())
        .action((name: string, flags: Flags) =>
          within(flags, async (operators, now) => {
            if (!/^[^\p{C}]{1,255}$/u.test(name)) return complain('expected a name of 1 to 255 characters', 2)
            if (flags.expires !== undefined && flags.expires <= now)
              return complain('--expires is in the past', 2)
            tellSecret(flags, await operators.create({ name, expiresAt: flags.expires ?? null }, now))
          }),
        ),
    )
    .addCommand(
      verb('list', 'operators, without their tokens', 'list').action((flags: Flags) =>
        within(flags, async (operators, now) => {
          const found = (await operators.list()).map((each) => shown(each, now))
          if (flags.json) return answerJson(JSON.stringify(found, null, 2))
          const rows = found.map(({ name, id, expiresAt, lastUsedAt }) => [
            ...[name, id, expiresAt ?? 'never', lastUsedAt ?? 'never'],
          ])
          answer(table([['name', 'id', 'ends', 'last used'], ...rows].map((row) => row.map(printable))))
        }),
      ),
    )
    .addCommand(
      verb(
        'rotate',
        'give an operator a new token; the one before holds on for a time',
        'rotate ada --overlap 1h',
      )
        .argument('<name>', 'or id')
        .addOption(overlapOption())
        .action((name: string, flags: Flags) =>
          within(flags, async (operators, now) => {
            if (flags.overlap > mostOverlap) return complain('--overlap is 30d at most', 2)
            tellSecret(flags, await operators.rotate(name, flags.overlap, now))
          }),
        ),
    )
    .addCommand(
      verb('revoke', 'end an operator at once', 'revoke ada')
        .argument('<name>', 'or id')
        .action((name: string, flags: Flags) =>
          within(flags, async (operators, now) => {
            const done = await operators.revoke(name, now)
            if (!done.ok) return complain(reasonOf(done.error), 1)
            if (flags.json) answerJson(JSON.stringify({ revoked: name }))
            else note(`${name} is revoked`)
          }),
        ),
    )
}

/** Does something with the store, and closes it whatever that comes to. */
async function within(
  flags: Flags,
  work: (operators: OperatorService, now: number) => Promise<void>,
): Promise<void> {
  const refused = storeRefusal(flags)
  if (refused !== undefined) return complain(refused, 2)
  const opened = await openStore(flags, { beside: true })
  if (!opened.ok) return complain(opened.error, 2)
  try {
    await work(createOperatorService(opened.value, 'portcullis operator'), Date.now())
  } catch (error) {
    complain(inWords(error), 1)
  } finally {
    await opened.value.close()
  }
}

const moment = (at: number | null | undefined) => (at == null ? null : new Date(at).toISOString())

const shown = ({ id, label, createdAt, expiresAt, previous, lastUsedAt }: CredentialRecord, now: number) => ({
  ...{ id, name: label, createdAt: moment(createdAt), expiresAt: moment(expiresAt) },
  expired: expiresAt !== null && expiresAt <= now,
  ...{ previousUntil: moment(previous?.until), lastUsedAt: moment(lastUsedAt) },
})

function tellSecret({ json }: Flags, made: Result<WithSecret, RequestError>): void {
  if (!made.ok) {
    complain(reasonOf(made.error), 1)
    return
  }
  const { credential, secret } = made.value
  note('the token is told now and never again: keep it where nobody else reads it')
  if (json) answerJson(JSON.stringify({ ...shown(credential, Date.now()), ...secret }, null, 2))
  else answer(String(secret.token))
}

function reasonOf(error: RequestError): string {
  if (error.kind === 'not-found') return `there is no operator ${error.id}`
  return 'reason' in error && error.reason !== undefined ? error.reason : error.kind
}
