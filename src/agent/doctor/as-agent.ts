/** Runs a program with the rights of the agent's user, as root may: what root can read says nothing of what the agent can. */
import { stat } from 'node:fs/promises'
import { type Command, run } from '../run.ts'

export interface AsAgent {
  /** The user's name, or number where it has none. */
  readonly user: string
  command(of: Command): Command
}

/** The user is the one that the state directory belongs to; where that is not there, or another than root asks, whoever asks. */
export async function asAgent(stateDirectory: string): Promise<AsAgent> {
  const owner = await stat(stateDirectory).catch(() => undefined)
  const asks = process.getuid?.() ?? 0
  if (asks !== 0 || owner === undefined || owner.uid === 0)
    return { user: await nameOf(asks), command: (of) => of }
  const { uid, gid } = owner
  const asked = await Promise.all([
    run(['id', '-G', String(uid)]).catch(() => String(gid)),
    // What a drop-in of its unit adds.
    run(['systemctl', 'show', '--property=SupplementaryGroups', '--value', 'portcullis-agent.service']).catch(
      () => '',
    ),
  ])
  const groups = [...new Set(asked.join(' ').split(/\s+/))].filter((each) => each !== '').join(',')
  const prefix = ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--groups', groups] as const
  return { user: await nameOf(uid), command: (of) => [...prefix, ...of] }
}

const nameOf = (uid: number): Promise<string> =>
  run(['id', '-un', String(uid)]).then(
    (text) => text.trim(),
    () => String(uid),
  )
