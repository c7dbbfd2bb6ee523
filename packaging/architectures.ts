/** The processors that packages are made for, by Debian's names, and npm's name of each. */
export const architectures = { amd64: 'x64', arm64: 'arm64' } as const

export type Architecture = keyof typeof architectures
