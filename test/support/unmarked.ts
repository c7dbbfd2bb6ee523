/** Listings of tables without what says whose counts are: it is put when nobody waits for it. */

const isMark = (element: string): boolean =>
  /^(?:1\d{9}|[0-9a-f][13579bdf](?::[0-9a-f]{2}){5}) \. 0x[0-9a-f]{8} counter/.test(element)

/** What `nft list table` printed, without marks; sets that have nothing else are printed as empty ones. */
export const unmarked = (listing: string): string =>
  listing.replace(/\n[\t ]*elements = \{([^}]*)\}/g, (whole, listed: string) => {
    const elements = listed.split(',').map((each) => each.trim())
    const counts = elements.filter((each) => !isMark(each))
    if (counts.length === elements.length) return whole
    return counts.length === 0 ? '' : `\n\t\telements = { ${counts.join(',\n\t\t\t     ')} }`
  })
