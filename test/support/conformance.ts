/** Two accounts for the cases that every dialect runs: what each has is what the drivers say. */
import type { AccountPart, Whose } from '../../src/dialects/conformance.ts'
import { drivers } from '../../src/dialects/conformance-drivers.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'

const secretKeys: Record<Whose, string> = {
  own: '00c0f0a0-0000-4000-8000-0000000000e1',
  foreign: '00c0f0a0-0000-4000-8000-0000000000e2',
}

/** The credential that an account's clients of this dialect send. */
export const headersOf = (whose: Whose, { schemes }: Pick<Dialect, 'schemes'>): Record<string, string> =>
  schemes.includes('bearer')
    ? { authorization: `Bearer ${whose}-token` }
    : { 'x-auth-token': secretKeys[whose] }

const accessKeys: Record<Whose, string> = {
  own: 'SCW0WN00000000000000',
  foreign: 'SCWF0RE1GN0000000000',
}

function account(whose: Whose) {
  const parts = Object.values(drivers).map(({ inventory }): AccountPart => inventory[whose])
  const all = (key: keyof AccountPart) => parts.flatMap((part) => part[key] ?? [])
  return {
    name: whose,
    credentials: [
      { token: `${whose}-token` },
      { username: whose, password: `${whose}-password` },
      { accessKey: accessKeys[whose], secretKey: secretKeys[whose] },
    ],
    ...{ projects: all('projects'), datacenters: all('datacenters'), servers: all('servers') },
  }
}

/** JSON is YAML. */
export const conformanceInventory = JSON.stringify({ accounts: [account('own'), account('foreign')] })
