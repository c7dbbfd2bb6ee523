/** What the command line knows, by the first word. A noun is loaded when it is called: a probe should not wait for the server’s libraries. */
import type { Command } from 'commander'

export const nouns: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve/serve.ts')).serveCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  guard: async () => (await import('./guard.ts')).guardCommand(),
  trace: async () => (await import('./trace.ts')).traceCommand(),
  rules: async () => (await import('./rules.ts')).rulesCommand(),
  policy: async () => (await import('./policy.ts')).policyCommand(),
  rule: async () => (await import('./rule.ts')).ruleCommand(),
  inventory: async () => (await import('./inventory.ts')).inventoryCommand(),
  history: async () => (await import('./history.ts')).historyCommand(),
  revert: async () => (await import('./history.ts')).revertCommand(),
  decisions: async () => (await import('./decisions.ts')).decisionsCommand(),
  account: async () => (await import('./managed.ts')).managedCommand('account'),
  project: async () => (await import('./managed.ts')).managedCommand('project'),
  zone: async () => (await import('./managed.ts')).managedCommand('zone'),
  server: async () => (await import('./managed.ts')).managedCommand('server'),
  interface: async () => (await import('./managed.ts')).managedCommand('interface'),
  binding: async () => (await import('./managed.ts')).managedCommand('binding'),
  credential: async () => (await import('./credential.ts')).credentialCommand(),
  'host-credential': async () => (await import('./credential.ts')).hostCredentialCommand(),
  operator: async () => (await import('./store/operator.ts')).operatorCommand(),
  backup: async () => (await import('./store/backup.ts')).backupCommand(),
  restore: async () => (await import('./store/restore.ts')).restoreCommand(),
  check: async () => (await import('./store/check.ts')).checkCommand(),
}
