/** What every command's help ends with. */
import type { Command } from 'commander'

/** Adds an example, a whole line as somebody would type it, and what the exit statuses mean. */
export const documented = (command: Command, example: string, statuses: string): Command =>
  command.addHelpText('after', `\nExample: ${example}\n\nExit status: ${statuses}`)
