import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingFrom } from './privileges.ts'

const status = (uid: number, eff: string, bnd: string, amb: string) =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapInh:\t0\nCapPrm:\t${eff}\nCapEff:\t${eff}\nCapBnd:\t${bnd}\nCapAmb:\t${amb}\n`

test('the capability is needed, by the programs that are started as well; root is not', () => {
  const [none, all, admin] = ['0000000000000000', '000001ffffffffff', '0000000000001000']
  for (const [what, text, want] of [
    ['root', status(0, all, all, none), undefined],
    ['root without the capability', status(0, none, none, none), /needs CAP_NET_ADMIN/],
    ['a user', status(1000, none, all, none), /needs CAP_NET_ADMIN.*AmbientCapabilities/],
    ['a user with it', status(1000, admin, all, admin), undefined],
    ['a user with it for himself alone', status(1000, admin, all, none), /programs that it starts would not/],
  ] as const) {
    const missing = missingFrom(text)
    if (want === undefined) assert.equal(missing, undefined, what)
    else assert.match(missing ?? '', want, what)
  }
})
