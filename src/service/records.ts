/** What the store keeps of things that are made here: the fields that nobody has to name. */
import type { PolicySettings } from '../core/model/policy.ts'
import type { NewPolicyRecord } from '../storage/storage.ts'

/** A policy that is nobody's default and stands by itself unless `fields` say otherwise. */
export function policyRecord(
  settings: PolicySettings,
  createdAt: number,
  fields: Pick<NewPolicyRecord, 'id' | 'account' | 'profile'> & Partial<NewPolicyRecord>,
): NewPolicyRecord {
  const scope = { server: null, interface: null, zone: '', defaultFor: null }
  return { ...settings, name: '', ...scope, createdAt, modifiedAt: createdAt, attributes: {}, ...fields }
}
