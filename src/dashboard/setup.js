// The set-up as a checklist: what is set and what is missing, each address and where to paste it, and how to try it.
// Shown by itself as long as nothing has arrived.

import { shared } from "./api.js";
import { button } from "./commands.js";
import { bdi, el, icon, out, rich } from "./dom.js";
import { badge, sign, when } from "./words.js";

/** @implements {Owner.View} */
export class SetUp {
  place = "/deliveries/setup";
  title = "Setup";
  /** @type {Owner.Setup | undefined} */
  setup;

  async load() {
    this.setup = await shared("/api/setup");
  }

  render() {
    return this.setup
      ? setup(this.setup, false)
      : el("div.view", { "data-key": "setup" }, el("p.faint.loading", "Loading …"));
  }
}

/**
 * @param {Owner.Setup} set
 * @param {boolean} empty whether it stands in place of the list, as nothing has arrived
 */
export function setup(set, empty) {
  const { connections, senders = [], targets = [], findings = [], inbox } = set;
  const wrong = findings.filter((it) => it.level !== "ok");
  const heard = connections.filter((it) => it.last_at);
  const ready = connections.length > 0 && targets.length > 0;
  return el(
    "div.view.setup",
    { "data-key": empty ? "empty" : "setup" },
    el("div.heading", el("h1", { tabindex: "-1" }, empty ? "Nothing has arrived yet" : "Setup")),
    el(
      "p.lead",
      empty
        ? ready
          ? "Presshook is running. Paste an address below at your sender, then publish something or press its test button: it appears here by itself."
          : "Presshook is running. These steps are left; the page follows as you go."
        : "What is set, what is missing, and the addresses to paste at your senders.",
    ),
    wrong.length > 0 &&
      el(
        "section.card",
        { "aria-labelledby": "findings", "data-key": "findings" },
        el("h2", { id: "findings" }, "To look at"),
        el("ul.findings", wrong.map(finding)),
      ),
    el(
      "ol.checklist",
      step(
        "Presshook runs",
        true,
        inbox
          ? "What is accepted is stored before the sender is answered."
          : "But without an inbox: nothing is remembered, and this page has nothing to show.",
        ` Version ${set.version}.`,
      ),
      step(
        "A sender’s secret is set",
        connections.length > 0,
        connections.length > 0
          ? `${connections.map((it) => it.title).join(", ")}. Only what is signed with a secret that both sides know is accepted.`
          : rich(
              "Make one with `openssl rand -hex 32`, and set it under the name of your sender’s setting, below. On Cloudflare: `npx wrangler secret put NAME`. On a server: in its environment, then restart.",
            ),
      ),
      step(
        "Something is to be built",
        targets.length > 0,
        ...(targets.length > 0
          ? targets.flatMap(built)
          : [
              rich(
                "Set your host’s deploy hook as `DEPLOY_HOOK_URL`, Cloudflare’s as `CLOUDFLARE_DEPLOY_HOOK`. The README tells of other ways.",
              ),
            ]),
      ),
      step(
        "The sender knows the address",
        heard.length > 0,
        heard.length > 0
          ? `Something has arrived from ${heard.map((it) => it.title).join(", ")}.`
          : "Paste the address below at your sender, with the same secret. Then press its test button, or publish.",
      ),
    ),
    connections.length > 0 &&
      el(
        "section",
        { "aria-labelledby": "addresses", "data-key": "addresses" },
        el("h2", { id: "addresses" }, "Your senders"),
        el("ul.connections", connections.map(connection)),
      ),
    connections.length > 0 && trying(connections[0]),
    senders.length > 0 &&
      el(
        "details.card.others",
        { "data-key": "others" },
        el("summary", el("h2", "Other senders that Presshook understands")),
        el(
          "p.faint",
          "Set the secret under the name of the setting, and the sender appears above with its address.",
        ),
        el(
          "ul.senders",
          senders.map((it) =>
            el(
              "li",
              { "data-key": it.source },
              el("strong", it.title),
              " ",
              el("code", it.setting),
              it.where &&
                el(
                  "p.faint",
                  "There: ",
                  rich(`${it.where}.`),
                  it.docs && [" ", out(it.docs, "Documentation")],
                ),
            ),
          ),
        ),
      ),
  );
}

/** @param {NonNullable<Owner.Setup["targets"]>[number]} it @param {number} index */
const built = ({ name, host, follows }, index) => [
  index > 0 && ", ",
  el("strong", bdi(name)),
  host && ` at ${host}`,
  follows === false && rich(" (not followed until it is live: set its host’s token, or its `SITE_URL`)"),
];

/**
 * @param {string} title
 * @param {boolean} done
 * @param {...import("./dom.js").Child} text
 */
const step = (title, done, ...text) =>
  el(
    "li",
    { class: done ? "done" : "open" },
    el(`span.seal.small.${done ? "good" : "calm"}`, icon(done ? "check" : "clock")),
    el("div", el("h2", title, el("span.unseen", done ? ": done" : ": to do")), el("p.faint", text)),
  );

/** @param {NonNullable<Owner.Setup["findings"]>[number]} it */
function finding({ level, what, remedy }) {
  const [, , tone] = sign(level);
  return el(
    `li.finding.${tone}`,
    badge(level),
    el("div", el("p", rich(what)), remedy && el("p.remedy", el("strong", "What to do: "), rich(remedy))),
  );
}

/** @param {string} path */
const whole = (path) => new URL(path, location.origin).href;

/** @param {Owner.Connection} it */
function connection(it) {
  const url = whole(it.url);
  const id = `url-${it.connection.replaceAll("/", "-")}`;
  return el(
    "li.card.connection",
    { "data-key": it.connection },
    el(
      "div.title",
      el(
        "h3",
        it.title,
        it.connection.includes("/") && el("span.faint", ` · ${it.connection.split("/").slice(1).join("/")}`),
      ),
      el("span.faint", it.last_at ? ["last heard ", when(it.last_at)] : "not heard yet"),
    ),
    el(
      "p.url",
      el("code", { id }, url),
      button(
        "copy",
        "Copy",
        { "data-from": id, class: "small", "aria-label": `Copy the address for ${it.title}` },
        "copy",
      ),
    ),
    it.where &&
      el(
        "p",
        el("strong", "Paste it there: "),
        rich(`${it.where}.`),
        it.docs && [" ", out(it.docs, "Documentation")],
      ),
    el(
      "p.faint",
      badge("ok", "Secret set"),
      " ",
      el("code", it.secret),
      it.previous && [", and the one before as ", el("code", it.previous)],
      it.nameless && ["; ", el("code", "/api/webhook"), " will do too"],
    ),
    el(
      "div.buttons",
      button(
        "test",
        "Send a test",
        { "data-name": it.connection, "data-title": it.title, "aria-label": `Send a test of ${it.title}` },
        "send",
      ),
    ),
  );
}

/** @param {Owner.Connection} first */
function trying(first) {
  const url = whole(first.url);
  const source = first.connection.split("/")[0];
  const command = `presshook send ${source} ${first.sample ?? "EVENT"} --url ${url}`;
  return el(
    "section.card",
    { "aria-labelledby": "trying", "data-key": "trying" },
    el("h2", { id: "trying" }, "Try it from a terminal"),
    el("p", "Is the address reachable from where you are?"),
    copied("command-curl", `curl ${url}`),
    el("p", "A signed test, as the button above sends it; it starts no build."),
    copied(
      "command-test",
      `curl -X POST -H "Authorization: Bearer $ADMIN_TOKEN" ${whole(`/api/connections/${first.connection}/test`)}`,
    ),
    el(
      "p",
      "A signed sample, as the sender would send it. It starts a build where a real one would. ",
      !first.sample && [
        "In place of EVENT one of those that ",
        el("code", `presshook sources ${source}`),
        " lists. ",
      ],
      "The secret is read from ",
      el("code", first.secret),
      " in your environment.",
    ),
    copied("command-send", command),
  );
}

/** @param {string} id @param {string} text */
const copied = (id, text) =>
  el(
    "p.url",
    el("code", { id }, text),
    button(
      "copy",
      "Copy",
      {
        "data-from": id,
        class: "small",
        "aria-label": `Copy the command ${text.split(" ", 2).join(" ")}`,
      },
      "copy",
    ),
  );
