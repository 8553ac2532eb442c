// What buttons do: each is named by `data-do`, asks first where it cannot be taken back, and says in words how it went.

import { Trouble, ask } from "./api.js";
import { el, icon } from "./dom.js";
import { count } from "./words.js";

/** What was done, so that the page can look at it. @typedef {{ gone?: boolean }} Done */

/** @type {Record<string, (button: HTMLElement) => Promise<Done | void>>} */
const COMMANDS = {
  async deploy({ dataset: { name = "" } }) {
    const sure = await confirmed({
      title: `Deploy ${name} now?`,
      text: "A build is asked for at once, with all that waits for it. It counts as one of the month’s builds, and may be one of those that are kept in reserve.",
      yes: "Deploy now",
    });
    if (!sure) return;
    await ask(`/api/targets/${encodeURIComponent(name)}/deploy`, "POST");
    say(`A build of ${name} is asked for.`);
    return {};
  },
  async redeliver({ dataset: { id } }) {
    const { jobs } = await ask(`/api/deliveries/${id}/redeliver`, "POST");
    say(jobs ? `Done again: ${count(jobs, "job")}, at once.` : "There is nothing that it causes.");
    return {};
  },
  async delete({ dataset: { id } }) {
    const sure = await confirmed({
      title: "Delete this delivery?",
      text: "Its payload and its history are gone for good; what it has caused stays done. Should the sender repeat it, it still counts as known.",
      yes: "Delete it",
      bad: true,
    });
    if (!sure) return;
    await ask(`/api/deliveries/${id}`, "DELETE");
    say("The delivery is deleted.");
    return { gone: true };
  },
  async release({ dataset: { id, name = "" } }) {
    await ask(`/api/jobs/${id}/release`, "POST");
    say(`Released: ${name} goes on at once.`);
    return {};
  },
  async revive() {
    const { jobs } = await ask("/api/dead/redeliver", "POST");
    say(jobs ? `${count(jobs, "job")} tried again, at once.` : "Nothing has failed by now.");
    return {};
  },
  async test({ dataset: { name = "", title = name } }) {
    await ask(`/api/connections/${name.split("/").map(encodeURIComponent).join("/")}/test`, "POST");
    say(`A signed test of ${title} was sent, verified and stored. It starts no build.`);
    return {};
  },
  async copy(button) {
    const from = document.getElementById(button.dataset.from ?? "");
    const text = button.dataset.text ?? from?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      // Only a page that came encrypted may write there.
      if (from) getSelection()?.selectAllChildren(from);
      say("Your browser lets no page copy here. The text is selected: copy it with the keyboard.");
    }
  },
};

/** @param {string} name */
export const isCommand = (name) => name in COMMANDS;

/**
 * Does what a button says; tells what became of it, nothing where it was not done.
 *
 * @param {HTMLElement} button
 * @returns {Promise<Done | void>}
 */
export async function command(button) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    return await COMMANDS[button.dataset.do ?? ""](button);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    say(error.message, true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/**
 * Asks whether it is meant.
 *
 * @param {{ title: string, text: string, yes: string, bad?: boolean }} question
 * @returns {Promise<boolean>}
 */
function confirmed({ title, text, yes, bad }) {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.append(
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "ask-title" }, title),
      el("p", text),
      el(
        "div.buttons",
        el("button.button", { value: "" }, "Cancel"),
        el(`button.button.${bad ? "danger" : "primary"}`, { value: "yes" }, yes),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    }),
  );
}

/** How long something said is shown, in milliseconds. */
const SHOWN = 6000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Says how something went, to the eye and to a screen reader.
 *
 * @param {string} text
 * @param {boolean} [bad]
 */
export function say(text, bad = false) {
  const place = document.getElementById("said");
  clearTimeout(timer);
  place?.replaceChildren(
    el(
      "p",
      { class: bad ? "toast bad" : "toast good" },
      icon(bad ? "cross" : "check"),
      el("span", bad ? "That did not work. " : null, text),
    ),
  );
  timer = setTimeout(() => place?.replaceChildren(), bad ? 2 * SHOWN : SHOWN);
}

/** @param {string} text for a screen reader only */
export function whisper(text) {
  const place = document.getElementById("heard");
  if (place) place.textContent = text;
}

/**
 * A button.
 *
 * @param {string} name what it does
 * @param {string} label
 * @param {import("./dom.js").Attributes} [attributes] `class` says how it looks
 * @param {string} [symbol]
 */
export const button = (name, label, { class: look = "", ...attributes } = {}, symbol) =>
  el(
    "button",
    { type: "button", class: `button ${look}`, "data-do": name, ...attributes },
    symbol && icon(symbol),
    label,
  );
