// A clock for a server under test, set by the test: its program stays as it is, and the time it is told is another.

import { preload } from "./preload.mjs";

/** A clock that is not set yet. `env` is for the server that is to go by it. */
export async function clock() {
  const { set, ...rest } = await preload("clock", "TEST_CLOCK", -1);
  return {
    ...rest,
    /** @param {number} [milliseconds] since 1970; the real time without it */
    set: (milliseconds = -1) => set(milliseconds),
  };
}
