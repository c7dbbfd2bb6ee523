/** The conformance driver of each dialect, found by the folder of its name: registering a dialect registers its driver. */
import type { Profile } from '../core/model/profile.ts'
import type { Driver } from './conformance.ts'
import { dialects } from './dialects.ts'

/** `parent` holds the folders of these dialects. Rejects, naming the file, when one of them has no driver. */
export async function driversOf<P extends Profile>(
  registered: readonly { readonly profile: P }[],
  parent: URL = new URL('./', import.meta.url),
): Promise<Readonly<Record<P, Driver>>> {
  const found = registered.map(async ({ profile }) => {
    const file = new URL(`${profile}/conformance-driver.ts`, parent)
    const { driver } = (await import(file.href)) as { readonly driver?: Driver }
    if (!driver) throw new Error(`${file.pathname} exports no driver`)
    return [profile, driver] as const
  })
  return Object.fromEntries(await Promise.all(found)) as Record<P, Driver>
}

export const drivers = await driversOf(dialects)
