// Requests that were refused: why, in words, how often, and what an owner can do about it.

import { ask } from "./api.js";
import { bdi, el, rich } from "./dom.js";
import { capital, count, number, when } from "./words.js";

/** @implements {Owner.View} */
export class Refusals {
  place = "/deliveries/refusals";
  title = "Refusals";
  /** @type {Owner.Refusal[] | undefined} */
  rows;

  async load() {
    this.rows = (await ask("/api/refusals")).refusals;
  }

  render() {
    const { rows } = this;
    return el(
      "div.view",
      { "data-key": "refusals" },
      el("div.heading", el("h1", { tabindex: "-1" }, "Refusals")),
      el(
        "p.lead",
        "Requests to your webhook addresses that were turned away. Nothing of them is stored. Strangers try every address of the internet, so a few mean nothing; if they began when you set up a sender, the reason says what to mend.",
      ),
      !rows && el("p.faint.loading", "Loading …"),
      rows?.length === 0 && el("p.nothing", "Nothing has been refused."),
      rows && rows.length > 0 && el("ul.refusals", rows.map(refusal)),
    );
  }
}

/** What an owner can do, by the status that was answered. @type {Record<number, string>} */
const REMEDIES = {
  400: "The sender’s body cannot be read as its own format. Is the sender in the address the right one?",
  401: "Enter the same secret on both sides, without a space or line break around it. A secret that was changed at one side only is the usual reason.",
  404: "The address is not set up here. Compare it with those of the set-up.",
  405: "Webhooks are sent by POST. A redirect on the way (http to https, a slash more or less) turns it into GET.",
  413: "The body is larger than `MAX_BODY_BYTES` allows.",
  429: "Too many wrong signatures from one address within a minute.",
  503: "The secret is not set here yet, or the store did not answer; the sender tries again.",
};

/** @param {Owner.Refusal} it */
function refusal(it) {
  return el(
    "li.card.refusal",
    { "data-key": `${it.path} ${it.status} ${it.reason}` },
    el("p.name", el("strong", rich(capital(it.reason)))),
    el(
      "p.faint",
      el("code", bdi(it.path)),
      ` · answered ${it.status} · ${count(it.count, "time")} · last `,
      when(it.last_at),
      it.count > 1 && [" · first ", when(it.first_at)],
    ),
    REMEDIES[it.status] && el("p.remedy", el("strong", "If it is your sender: "), rich(REMEDIES[it.status])),
    el("span.times", { "aria-hidden": "true" }, `×${number(it.count)}`),
  );
}
