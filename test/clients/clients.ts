/** Every client, in the order of the compatibility page. */
import type { Client } from './client.ts'
import { goScaleway } from './go-scaleway.ts'
import { javascriptIonos } from './javascript-ionos.ts'
import { javascriptScaleway } from './javascript-scaleway.ts'
import { lab } from './lab.ts'
import { goIonos, pythonIonos, pythonScaleway, pythonUpcloud } from './programs.ts'
import { scw } from './scw.ts'
import { terraformIonoscloud } from './terraform-ionoscloud.ts'
import { terraformScaleway } from './terraform-scaleway.ts'

export const clients: readonly Client[] = [
  terraformScaleway,
  terraformIonoscloud,
  scw,
  goScaleway,
  goIonos,
  pythonUpcloud,
  pythonScaleway,
  pythonIonos,
  javascriptScaleway,
  javascriptIonos,
  lab,
]
