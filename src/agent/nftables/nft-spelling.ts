/**
 * What nft has printed, spelled as it was wanted. nft 1.0.6 prints all of it as we write it; how another one prints what it
 * prints otherwise is found out by loading it where nobody else can change it.
 */
import { scriptOf } from '../../compile/nftables/commands.ts'
import {
  parseListing,
  type RenderedSet,
  type RenderedTable,
  replaceCommands,
  sameElements,
  sameType,
} from '../../compile/nftables/table.ts'

/**
 * Answers `found` with the strings of `wanted` wherever both mean the same. `print` loads a script apart from everything,
 * and answers how nft lists the table; if it rejects, what nft prints otherwise is taken to differ.
 */
export function spelledAs(print: (script: string, name: string) => Promise<string>) {
  /** The last script of each table and what it is printed as: what is wanted is changed in place, its text tells. */
  const printed = new Map<
    string,
    { readonly script: string; readonly as: Promise<RenderedTable | undefined> }
  >()

  function printedOf(name: string, wanted: RenderedTable): Promise<RenderedTable | undefined> {
    const script = scriptOf(replaceCommands(name, wanted))
    const known = printed.get(name)
    if (known?.script === script) return known.as
    const as = print(script, name).then(
      // No device of the host exists there, but one.
      (text) => parseListing(text, (device) => (device === 'lo' ? 1 : undefined)),
      () => undefined,
    )
    printed.set(name, { script, as })
    return as
  }

  return async (name: string, wanted: RenderedTable, found: RenderedTable): Promise<RenderedTable> => {
    const differs =
      [...found.chains].some(([chain, text]) => (wanted.chains.get(chain) ?? text) !== text) ||
      [...found.sets].some(([set, each]) => !sameAs(wanted.sets.get(set) ?? each, each))
    const as = (differs ? await printedOf(name, wanted) : undefined) ?? wanted
    const chains = [...found.chains].map(([chain, text]) => {
      const own = wanted.chains.get(chain)
      return [chain, own !== undefined && as.chains.get(chain) === text ? own : text] as const
    })
    const sets = [...found.sets].map(([set, each]) => {
      const [own, like] = [wanted.sets.get(set), as.sets.get(set)]
      if (!own || !like || !sameType(like, each)) return [set, each] as const
      return [
        set,
        sameElements(like.elements, each.elements) ? own : { ...own, elements: each.elements },
      ] as const
    })
    // Bodies of objects are not compared.
    const objects = [...(found.objects ?? [])].map(
      ([object, body]) => [object, wanted.objects?.get(object) ?? body] as const,
    )
    return {
      ...{ chains: new Map(chains), sets: new Map(sets) },
      ...(objects.length > 0 && { objects: new Map(objects) }),
    }
  }
}

const sameAs = (wanted: RenderedSet, found: RenderedSet): boolean =>
  sameType(wanted, found) && sameElements(wanted.elements, found.elements)
