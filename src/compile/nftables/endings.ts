/** How rules end, as nft's text: what decides is counted or marked, and then the verdict. */
import { hitsOf, numberName } from './names.ts'
import { deviceOf } from './places.ts'
import type { Hook, NftDeciding, NftEnding, NftVerdict } from './ruleset.ts'
import { keyWords } from './sets.ts'

export function verdictText(one: NftVerdict): string {
  switch (one.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return one.kind
    case 'reject':
      return rejections[one.with]
    default:
      return `${one.kind} ${one.chain}`
  }
}

/** Port unreachable is what nft means when nothing is said; 3 is administratively prohibited, in either family. */
const rejections = {
  'tcp-reset': 'reject with tcp reset',
  'port-unreachable': 'reject',
  prohibited: 'reject with icmpx 3',
} as const

export const markText = (number: number): string => `0x${numberName(number)}`

const decidingText = (by: NftDeciding): string =>
  typeof by === 'number' ? markText(by) : `${keyWords(by.key)} map @${by.name}`

/** Counts what has decided: `by` is a number, or where it is read. */
export const countText = (hook: Hook, by: string): string =>
  `update @${hitsOf(hook)} { ${deviceOf[hook]} . ${by} }`

export function endingText({ counts, marks, verdict }: NftEnding): string {
  return [
    ...(counts ? [countText(counts.hook, decidingText(counts.by))] : []),
    ...(marks !== undefined ? [`meta mark set ${decidingText(marks)}`] : []),
    verdictText(verdict),
  ].join(' ')
}
