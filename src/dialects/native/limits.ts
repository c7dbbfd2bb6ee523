/** How much the native API takes. */
export const limits = {
  rulesPerPolicy: 1000,
  /** Of addresses or ports of a rule. */
  valuesPerList: 256,
  /** Attached to one server, or to one interface. */
  policiesPerPlace: 32,
  placesPerPolicy: 1000,
} as const
