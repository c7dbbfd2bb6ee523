/** What can be ordered: zones, commercial types and images, enough for the clients that look before they create. */
import type { JsonObject } from '../../core/json.ts'
import { offeredZones } from '../../core/model/offers.ts'
import { madeUp } from '../../service/made-up.ts'

/** The zones of the public SDKs, November 2026; the inventory takes the same. */
export const zones: readonly string[] = offeredZones.scaleway

const gibibyte = 1024 ** 3
const gigabyte = 1000 ** 3

/** `local`: most bytes of local disks, 0 where there are none; `mbit`: of the network. */
const type = (ncpus: number, memory: number, local: number, mbit: number, hourly: number): JsonObject => ({
  alt_names: [],
  arch: 'x86_64',
  ncpus,
  ram: memory * gibibyte,
  gpu: 0,
  gpu_info: null,
  mig_profile: null,
  volumes_constraint: { min_size: 0, max_size: local * gigabyte },
  per_volume_constraint: { l_ssd: { min_size: 0, max_size: local * gigabyte } },
  scratch_storage_max_size: 0,
  monthly_price: Math.round(hourly * 730 * 100) / 100,
  hourly_price: hourly,
  capabilities: {
    boot_types: ['local', 'rescue'],
    placement_groups: true,
    block_storage: true,
    hot_snapshots_local_volume: false,
    private_network: 8,
    max_file_systems: 0,
  },
  network: {
    ipv6_support: true,
    sum_internal_bandwidth: mbit * 1_000_000,
    sum_internet_bandwidth: mbit * 1_000_000,
    interfaces: [{ internal_bandwidth: mbit * 1_000_000, internet_bandwidth: mbit * 1_000_000 }],
  },
  block_bandwidth: 100_000_000,
  end_of_service: false,
})

/** https://www.scaleway.com/en/pricing/virtual-instances, November 2026; prices are those of fr-par. */
export const commercialTypes: Readonly<Record<string, JsonObject>> = {
  'DEV1-S': type(2, 2, 20, 200, 0.0088),
  'DEV1-M': type(3, 4, 40, 300, 0.0198),
  'DEV1-L': type(4, 8, 80, 400, 0.042),
  'GP1-XS': type(4, 16, 150, 500, 0.091),
  'GP1-S': type(8, 32, 300, 800, 0.187),
  'PLAY2-PICO': type(1, 2, 0, 100, 0.014),
  'PLAY2-NANO': type(2, 4, 0, 200, 0.027),
  'PLAY2-MICRO': type(4, 8, 0, 400, 0.054),
  'PRO2-XXS': type(2, 8, 0, 350, 0.055),
  'PRO2-XS': type(4, 16, 0, 700, 0.11),
  'PRO2-S': type(8, 32, 0, 1500, 0.219),
}

export interface LocalImage {
  readonly id: string
  readonly label: string
  readonly name: string
  readonly type: string
  readonly zone: string
}

const labels = {
  ubuntu_jammy: 'Ubuntu 22.04 Jammy Jellyfish',
  ubuntu_noble: 'Ubuntu 24.04 Noble Numbat',
  debian_bullseye: 'Debian Bullseye',
  debian_bookworm: 'Debian Bookworm',
  debian_trixie: 'Debian Trixie',
  rockylinux_9: 'Rocky Linux 9',
}

/** One per label, zone and kind of disk, with ids of our own: clients look them up by label. */
export const localImages: readonly LocalImage[] = zones.flatMap((zone) =>
  Object.entries(labels).flatMap(([label, name]) =>
    ['instance_local', 'instance_sbs'].map((type) => ({
      id: madeUp('image', label, type, zone),
      ...{ label, name, type, zone },
    })),
  ),
)

export const imageById = (id: string): LocalImage | undefined => localImages.find((image) => image.id === id)
