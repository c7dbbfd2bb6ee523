/** `portcullis whoami`: whose the credential is that commands present, and what it permits. */
import type { Command } from 'commander'
import type { JsonObject } from '../core/json.ts'
import { members } from './managed.ts'
import { call, type ResourceFlags, show, verb } from './resource.ts'

export const whoamiCommand = (): Command =>
  verb('whoami', 'whose the credential is, and what it permits', 'portcullis whoami').action(
    async (flags: ResourceFlags, self: Command) =>
      show(flags, await call<JsonObject>(self, 'v1/whoami', 'credential' as never), members),
  )
