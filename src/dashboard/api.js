// Asking the receiver: what it answers, or what is wrong in words.

/** Something went wrong, in words for the owner. */
export class Trouble extends Error {
  /** @param {string} message @param {number} status 0 where there was no answer */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 20_000;

/**
 * @param {string} path
 * @param {string} [method]
 * @returns {Promise<any>}
 */
export async function ask(path, method = "GET") {
  let response;
  try {
    const headers = { accept: "application/json" };
    response = await fetch(path, { method, headers, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Trouble(
      late
        ? "The receiver has not answered for 20 seconds."
        : "The receiver cannot be reached. Are you online, and is it running?",
      0,
    );
  }
  if (response.ok) {
    return response.json().catch(() => {
      throw new Trouble("The receiver’s answer is cut short, or something else answers in its place.", 0);
    });
  }
  // Whoever is not signed in any more is shown the form, here.
  if (response.status === 401) location.reload();
  const said = await response.json().then(
    (it) => (typeof it?.error === "string" ? it.error : ""),
    () => "",
  );
  throw new Trouble(words(response.status, said), response.status);
}

/**
 * @param {number} status
 * @param {string} said
 */
function words(status, said) {
  switch (status) {
    case 401:
      return "You are signed out. Sign in again to go on.";
    case 403:
      return "The receiver took this for a request of another site’s, and refused it. Reload the page and try again.";
    case 404:
      return "That is not there. It may have been deleted, or is past its retention.";
    case 409:
      return `That cannot be done now: ${said}.`;
    case 429:
      return "Too many requests. Wait a minute, then try again.";
    case 503:
      return `The receiver’s store does not answer${said ? ` (${said})` : ""}. Nothing is lost: senders try again.`;
    default:
      return `The receiver answered ${status}${said ? `: ${said}` : ""}.`;
  }
}

/** What is read once, as long as nothing has changed. @type {Map<string, Promise<any>>} */
const known = new Map();

/**
 * An answer that several parts of the page need.
 *
 * @param {string} path
 */
export function shared(path) {
  const answer = known.get(path) ?? ask(path);
  known.set(path, answer);
  answer.catch(() => known.delete(path));
  return answer;
}

/** Something has changed: what was read is old. */
export const forget = () => known.clear();
