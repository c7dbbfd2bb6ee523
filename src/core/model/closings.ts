/** Why a service closes the connection of an agent: codes of WebSocket's that are free for programs (RFC 6455 §7.4.2). */
export const closings = {
  /** Another agent of the same host has connected. */
  replaced: 4001,
  /** What it said cannot be understood, or is none of its business. */
  refused: 4002,
  /** Its credential has ended. */
  ended: 4003,
  /** It speaks no version of the protocol that the service does. */
  version: 4004,
  /** It said nothing for long, or read nothing. */
  silent: 4005,
  /** The service stops, or starts again (as RFC 6455 has it). */
  away: 1001,
} as const
export type Closing = (typeof closings)[keyof typeof closings]
