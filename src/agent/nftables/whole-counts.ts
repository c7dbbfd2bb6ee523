/** Elements of a set that packets add to while it is read. */
import type { Hits } from './kernel.ts'

type Elements = Hits['elements']

/** How often a set is read of which elements are told twice. */
const attempts = 3

/**
 * All elements, each once; `dump` reads them.
 *
 * A dump goes on in the next part where the one before has ended, by the number of elements up to there. One that a packet adds meanwhile
 * moves others, so that one of them is told twice; and where the kernel makes room for more elements they are in another order from there
 * on, so that as many are left out as are told twice. So a dump that tells none twice has told all; of those that do, several have.
 */
export async function wholeCounts(dump: () => Elements | Promise<Elements>): Promise<Elements> {
  const torn: Elements[] = []
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const elements = await dump()
    if (!tellsTwice(elements)) return elements
    torn.push(elements)
  }
  // What comes later has counted more.
  return [...new Map(torn.flat().map((each) => [`${each.index} ${each.number}`, each])).values()]
}

/** A table of places by hash: a Map of as many keys takes as long as all the rest. */
function tellsTwice(elements: Elements): boolean {
  const mask = 2 ** Math.ceil(Math.log2(2 * elements.length + 1)) - 1
  const places = new Int32Array(mask + 1)
  for (let n = 0; n < elements.length; n++) {
    const { index, number } = elements[n] as Elements[number]
    const mixed = Math.imul(index, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b)
    let at = (mixed ^ (mixed >>> 15)) & mask
    for (; places[at] !== 0; at = (at + 1) & mask) {
      const other = elements[(places[at] as number) - 1] as Elements[number]
      if (other.index === index && other.number === number) return true
    }
    places[at] = n + 1
  }
  return false
}
