/** Options that several commands have, and how their values are read. */
import { InvalidArgumentError, Option } from 'commander'

export const dataOption = () =>
  new Option('--data <directory>', 'where the embedded store and the guard are kept')
    .env('PORTCULLIS_DATA')
    .default('.portcullis')

export const guardOption = () =>
  new Option(
    '--guard <patterns>',
    'devices closed until their policy is known: names or prefixes, tap*,vnet*',
  )
    .env('PORTCULLIS_GUARD')
    .default(['tap*', 'vnet*'], 'tap*,vnet*')
    .argParser(parseGuard)

export const netnsOption = () =>
  new Option('--netns <name>', 'network namespace that is filtered instead of this one')
    .env('PORTCULLIS_NETNS')
    .hideHelp()

export const nftOption = () => new Option('--nft <program>', 'nft to run').env('PORTCULLIS_NFT').hideHelp()

function parseGuard(text: string): readonly string[] {
  const patterns = text.split(',').filter((pattern) => pattern !== '')
  for (const pattern of patterns) {
    if (!/^[A-Za-z0-9_.-]{1,14}\*?$/.test(pattern)) {
      throw new InvalidArgumentError(`${pattern} is no device name or prefix such as tap*.`)
    }
  }
  return patterns
}
