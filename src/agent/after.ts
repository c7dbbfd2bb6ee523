/** Something that is done later, unless somebody stops it: it keeps no process alive. */

/** Calls back once after so many milliseconds; answers how to stop. */
export function after(milliseconds: number, then: () => void): () => void {
  const timer = setTimeout(then, milliseconds)
  timer.unref()
  return () => clearTimeout(timer)
}
