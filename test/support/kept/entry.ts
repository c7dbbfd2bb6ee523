/** What is kept of a release, as one file: its agent with a fake dataplane, and its side of the service. See build.ts. */
export { openChannel } from '../../../src/agent/channel.ts'
export { createEnforcer } from '../../../src/agent/enforcer.ts'
export { createFake } from '../../../src/agent/fake.ts'
export { fromAgent, toAgent } from '../../../src/agent/messages.ts'
export { speakTo } from '../../../src/agent/speak-to.ts'
export { spoken } from '../../../src/agent/versions.ts'
