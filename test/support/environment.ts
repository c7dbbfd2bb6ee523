/** The environment of a program that a test starts without the variables that whoever runs the tests may have set. */
const { PATH, NODE_COMPILE_CACHE } = process.env

/** To be found, and compiled once. */
export const bare: Readonly<NodeJS.ProcessEnv> = {
  PATH,
  ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
}
