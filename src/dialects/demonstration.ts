/** The demonstration, put together from the manifests: one account with a VM or more per provider, and how to call it. */
import type { Manifest } from './manifest.ts'

/** Public. */
const general = { username: 'demo', password: 'demo-password', token: 'demo-token' } as const
/** By which a store is known to hold the demonstration. */
export const demonstrationToken: string = general.token
export const demonstrationAccount = 'demo'

/** The inventory file. JSON is YAML. */
export function demonstrationFile(manifests: readonly Manifest[]): string {
  const parts = manifests.flatMap(({ demonstration }) => demonstration ?? [])
  const account = {
    name: demonstrationAccount,
    credentials: [
      { username: general.username, password: general.password },
      { token: general.token, scopes: ['read', 'write'] },
      ...parts.flatMap(({ credential }) => (credential ? [credential] : [])),
    ],
    ...Object.assign({}, ...parts.map((part) => part.account)),
    servers: manifests.flatMap(({ profile, demonstration }) =>
      (demonstration?.servers ?? []).map((server) => ({ profile, ...server })),
    ),
  }
  return JSON.stringify({ accounts: [account] })
}

/** Ready to paste, one call per dialect; those of providers come first, as the native API looks at what they do. */
export function howToCall(manifests: readonly Manifest[], url: string): string {
  const isProvider = ({ demonstration }: Manifest) => (demonstration?.servers.length ?? 0) > 0
  const ordered = [...manifests.filter(isProvider), ...manifests.filter((each) => !isProvider(each))]
  const calls = ordered.flatMap(({ title, demonstration }) => {
    if (!demonstration) return []
    const { what, flags, path, body } = demonstration.call
    const values: Readonly<Record<string, string>> = { ...general, ...demonstration.credential }
    const credential = flags.replaceAll(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '')
    const heading = `${title.replace(/^./, (first) => first.toUpperCase())}: ${what}`
    return `\n${heading}\n  curl ${credential} -H 'Content-Type: application/json' ${url}${path} -d '${JSON.stringify(body)}'\n`
  })
  return calls.join('')
}
