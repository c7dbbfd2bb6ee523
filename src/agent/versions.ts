/** Versions of the protocol between services and agents (decision 0064): which this release speaks, and which two have in common. */

export interface Versions {
  /** Both inclusive. */
  readonly least: number
  readonly most: number
}

/**
 * Another number whenever a message means something else, or has another field. A release speaks the one before, too: what an
 * older agent cannot be told of closes what it concerns, and is never left out.
 */
export const spoken: Versions = { least: 4, most: 5 }

/** From this one on agents say which devices they see, and prove those that interfaces were found on; of others nothing is let pass there. */
export const findsDevices = 5

/** The newest that both speak; undefined: none. */
export function commonVersion(theirs: Versions, ours: Versions = spoken): number | undefined {
  const most = Math.min(theirs.most, ours.most)
  return most >= Math.max(theirs.least, ours.least) ? most : undefined
}

/** As a service announces them: `4-5`. */
export const versionsText = ({ least, most }: Versions): string => `${least}-${most}`

/** Undefined for what is no such text. */
export function readVersions(text: string): Versions | undefined {
  const [, least, most] = /^(\d{1,6})-(\d{1,6})$/.exec(text) ?? []
  return least === undefined ? undefined : { least: Number(least), most: Number(most) }
}

const inWords = ({ least, most }: Versions): string => (least === most ? `${least}` : `${least} to ${most}`)

/** The agent and the service speak no version that the other does. */
export class VersionError extends Error {
  readonly release: string
  constructor(release: string, theirs: Versions, ours: Versions = spoken) {
    super(
      `an agent of release ${release} speaks version ${inWords(theirs)} of the protocol, and this service ${inWords(ours)}`,
    )
    this.release = release
  }
}
