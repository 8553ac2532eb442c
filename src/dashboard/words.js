// What is stored, in an owner's words: states with their symbols, kinds of news, times and numbers.

import { el, icon } from "./dom.js";

/** Word, symbol, tone. @typedef {readonly [string, string, string]} Sign */

/** What became of something, whatever it is. @type {Record<string, Sign>} */
const STATES = {
  live: ["Live", "check", "good"],
  done: ["Done", "check", "good"],
  building: ["Building", "build", "busy"],
  requested: ["Requested", "send", "busy"],
  sending: ["Sending", "send", "busy"],
  waiting: ["Waiting", "clock", "calm"],
  blocked: ["Waits its turn", "clock", "calm"],
  held: ["Held", "pause", "care"],
  unknown: ["Unknown", "question", "care"],
  missed: ["Failed, tried again", "cross", "care"],
  failed: ["Failed", "cross", "bad"],
  dead: ["Failed", "cross", "bad"],
  superseded: ["Taken over", "none", "quiet"],
  ignored: ["Nothing to do", "none", "quiet"],
  idle: ["Idle", "none", "quiet"],
  ok: ["Good", "check", "good"],
  warning: ["Look at this", "warn", "care"],
  error: ["To be fixed", "cross", "bad"],
};

/** @param {string} state @returns {Sign} */
export const sign = (state) => STATES[state] ?? [capital(state), "none", "quiet"];

/**
 * A state as a word with its symbol.
 *
 * @param {string} state
 * @param {string} [word] in place of the usual one
 */
export function badge(state, word) {
  const [usual, symbol, tone] = sign(state);
  return el(`span.badge.${tone}`, icon(symbol), word ?? usual);
}

/** The state of a job that builds is that of its build, as soon as there is one. @param {{ state: string, build?: string | { state: string } }} job */
export function stateOf({ state, build }) {
  const known = typeof build === "string" ? build : build?.state;
  return known && state !== "dead" && state !== "superseded" ? known : state;
}

/** @type {Record<string, string>} */
const KINDS = {
  published: "published",
  updated: "changed",
  unpublished: "withdrawn",
  deleted: "deleted",
  created: "drafted",
  test: "test",
  deployment: "news of a build",
  other: "something else",
};
export const ALL_KINDS = Object.keys(KINDS);
/** @param {string} kind */
export const kind = (kind) => KINDS[kind] ?? kind;

/** The actions, as what they do: alone, and with a target. @type {Record<string, string>} */
const ACTIONS = {
  deploy: "Deploy",
  follow: "Follow the build",
  slack: "Tell Slack",
  discord: "Tell Discord",
  teams: "Tell Teams",
  email: "Send a mail",
  notify: "Tell your team",
  forward: "Pass on",
  indexnow: "Tell search engines",
  purge: "Purge the cache",
  archive: "Keep a copy",
  "archive-s3": "Keep a copy",
};

/**
 * @param {string} action
 * @param {string} [target]
 */
export function action(action, target) {
  const word = ACTIONS[action] ?? capital(action);
  if (!target || target === action) return word;
  return action === "deploy" ? `${word} ${target}` : `${word} · ${target}`;
}

/** The senders' names, once they are known. @type {Map<string, string>} */
const senders = new Map();

/** @param {Owner.Setup} setup */
export function learn({ connections, senders: others = [] }) {
  for (const { connection, title } of connections) senders.set(connection.split("/")[0], title);
  for (const { source, title } of others) senders.set(source, title);
}

/** @param {string} source */
export const sender = (source) => senders.get(source) ?? source.split("-").map(capital).join(" ");

/** The senders that are known, by name. */
export const allSenders = () => [...senders].sort(([, one], [, other]) => one.localeCompare(other));

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const count = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** @param {number} value */
export const number = (value) => value.toLocaleString("en-US");

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return count(bytes, "byte");
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (seconds > 0 && seconds < 0.95) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return whole < 172_800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86_400)} days`;
}

/** Seconds from one time to another. @param {string} from @param {string} to */
export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

const EXACT = /** @type {const} */ ({
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** @param {Intl.DateTimeFormatOptions} options */
const format = (options) => new Intl.DateTimeFormat("en-US", options);
const exactly = format(EXACT);
const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const hour = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const date = format({ month: "short", day: "numeric" });
const weekday = format({ weekday: "long", month: "long", day: "numeric" });

/** @param {string} time */
export const exact = (time) => exactly.format(new Date(time));
/** @param {string} time */
export const atHour = (time) => hour.format(new Date(time));
/** @param {string} time */
export const onDate = (time) => date.format(new Date(time));

/** How far the receiver's clock is ahead of this machine's, in milliseconds. */
let ahead = 0;
/** @param {string} now what the receiver's clock shows */
export const setClock = (now) => void (ahead = Date.parse(now) - Date.now());
export const clockNow = () => Date.now() + ahead;

/** A day, as a heading. @param {string} time */
export function day(time) {
  const then = new Date(time);
  const days = Math.round((midnight(new Date(clockNow())) - midnight(then)) / 86_400_000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : weekday.format(then);
}

/** @param {Date} time */
const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);

/** @type {Record<string, (time: string) => string>} */
const FORMS = {
  ago(time) {
    const seconds = (clockNow() - Date.parse(time)) / 1000;
    if (seconds < -1) return `in ${duration(-seconds)}`;
    if (seconds < 5) return "just now";
    return seconds < 604_800 ? `${duration(seconds)} ago` : onDate(time);
  },
  clock: (time) => clock.format(new Date(time)),
  exact,
  date: onDate,
};

/**
 * A time, with the exact one in its title.
 *
 * @param {string} time
 * @param {keyof typeof FORMS & string} [form]
 */
export const when = (time, form = "ago") =>
  el("time", { datetime: time, title: exact(time), "data-form": form }, FORMS[form](time));

/** Time goes on: what is told as so long ago is told anew. */
export function tick() {
  for (const it of document.querySelectorAll('time[data-form="ago"]')) {
    const text = FORMS.ago(it.getAttribute("datetime") ?? "");
    if (it.textContent !== text) it.textContent = text;
  }
}
