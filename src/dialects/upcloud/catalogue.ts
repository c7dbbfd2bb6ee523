/** What can be ordered: zones, plans and templates, enough for the clients that check them before they create. */
import { createHash } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/inventory.ts'

/** https://upcloud.com/data-centres, November 2026; the inventory takes the same (core/model/offers.ts). */
export const zones = [
  { description: 'Sydney #1', id: 'au-syd1', public: 'yes' },
  { description: 'Frankfurt #1', id: 'de-fra1', public: 'yes' },
  { description: 'Copenhagen #1', id: 'dk-cph1', public: 'yes' },
  { description: 'Madrid #1', id: 'es-mad1', public: 'yes' },
  { description: 'Helsinki #1', id: 'fi-hel1', public: 'yes' },
  { description: 'Helsinki #2', id: 'fi-hel2', public: 'yes' },
  { description: 'Amsterdam #1', id: 'nl-ams1', public: 'yes' },
  { description: 'Stavanger #1', id: 'no-svg1', public: 'yes' },
  { description: 'Warsaw #1', id: 'pl-waw1', public: 'yes' },
  { description: 'Stockholm #1', id: 'se-sto1', public: 'yes' },
  { description: 'Singapore #1', id: 'sg-sin1', public: 'yes' },
  { description: 'London #1', id: 'uk-lon1', public: 'yes' },
  { description: 'Chicago #1', id: 'us-chi1', public: 'yes' },
  { description: 'New York #1', id: 'us-nyc1', public: 'yes' },
  { description: 'San Jose #1', id: 'us-sjo1', public: 'yes' },
] as const

const plan = (cores: number, gigabytes: number, disk: number, traffic: number) => ({
  core_number: cores,
  memory_amount: gigabytes * 1024,
  name: `${cores}xCPU-${gigabytes}GB`,
  public_traffic_out: traffic,
  storage_size: disk,
  storage_tier: 'maxiops',
})

export const plans = [
  plan(1, 1, 25, 1024),
  plan(1, 2, 50, 2048),
  plan(2, 2, 60, 3072),
  plan(2, 4, 80, 4096),
  plan(4, 8, 160, 5120),
  plan(6, 16, 320, 6144),
  plan(8, 32, 640, 7168),
] as const

const template = (uuid: string, title: string) => ({
  access: 'public',
  encrypted: 'no',
  labels: [],
  license: 0,
  size: 5,
  state: 'online',
  template_type: 'cloud-init',
  title,
  type: 'template',
  uuid,
})

/** Ids and titles are the provider's, so that configurations written for it find them. */
export const templates = [
  template('01000000-0000-4000-8000-000020060100', 'Debian GNU/Linux 11 (Bullseye)'),
  template('01000000-0000-4000-8000-000020070100', 'Debian GNU/Linux 12 (Bookworm)'),
  template('01000000-0000-4000-8000-000030220200', 'Ubuntu Server 22.04 LTS (Jammy Jellyfish)'),
  template('01000000-0000-4000-8000-000030240200', 'Ubuntu Server 24.04 LTS (Noble Numbat)'),
] as const satisfies readonly JsonObject[]

/** The size of a server: its plan's, or its own when it has none. */
export function planOf(attributes: JsonObject): { name: string; cores: number; memory: number } {
  const { core_number: cores, memory_amount: memory } = attributes
  if (typeof cores === 'number' && typeof memory === 'number') return { name: 'custom', cores, memory }
  const found = plans.find(({ name }) => name === attributes.plan) ?? plans[0]
  return { name: found.name, cores: found.core_number, memory: found.memory_amount }
}

/** A number that is the same for servers on the same host. */
export const hostNumber = (name: string): number =>
  createHash('sha256').update(name).digest().readUIntBE(0, 4) + 4_294_967_296

/** The network an interface is in. Private ones are named when they are made. */
export function networkOf({ type, id }: Interface): string {
  if (type === 'public') return '03000000-0000-4000-8001-000000000000'
  if (type === 'utility') return '03000000-0000-4000-8002-000000000000'
  return id
}
