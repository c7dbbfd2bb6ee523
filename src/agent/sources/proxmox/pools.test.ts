/** Pools of guests, as the users' file of a cluster has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePools } from './pools.ts'

test('a guest is in the first pool that names it', () => {
  const text = [
    'user:root@pam:1:0:::ops@example.com::',
    'group:admins:root@pam::',
    'pool:customer-a:Customer%3a A:100,101:local-lvm:',
    'pool:customer-b::102; 0103 101::',
    'pool:parent/child:nested:104::',
    'pool:empty:::',
    ' pool : spaced : : 105 : ',
    'pool:bad name::106::',
    'pool:a/b/c/d::107::',
    'pool:numbers::x,1e3,-4,99999999999,108::\r',
    'acl:1:/pool/customer-a:@admins:PVEVMUser:',
    'pool',
    '',
  ].join('\n')
  assert.deepEqual(Object.fromEntries(parsePools(text)), {
    100: 'customer-a',
    101: 'customer-a',
    102: 'customer-b',
    103: 'customer-b',
    104: 'parent/child',
    105: 'spaced',
    108: 'numbers',
  })
  assert.equal(parsePools('\0'.repeat(1 << 20)).size, 0)
})
