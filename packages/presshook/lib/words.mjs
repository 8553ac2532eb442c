// Speaking to the person at the terminal, in the scripts of this project and in the npm package alike.

const color = process.stdout.isTTY && !process.env.NO_COLOR;
/** @param {string} text */
export const bold = (text) => (color ? `\x1b[1m${text}\x1b[0m` : text);
/** @param {string} text */
export const say = (text) => console.log(text);

/** What went wrong, in words for the person at the terminal; no stack is shown for it. */
export class Problem extends Error {}

/**
 * Runs a script's main function; a problem ends it with status 1 and its message.
 *
 * @param {() => Promise<void>} script
 */
export async function main(script) {
  try {
    await script();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(`\n${bold("Stopped:")} ${error.message}`);
    process.exitCode = 1;
  }
}
