// One delivery in full: what happened in a sentence, the way from received to live, what each job did and why, and what
// was sent.

import { Trouble, ask } from "./api.js";
import { button } from "./commands.js";
import { bdi, el, icon, out, rich } from "./dom.js";
import { name, named } from "./list.js";
import {
  action,
  atHour,
  badge,
  between,
  capital,
  count,
  duration,
  exact,
  kind,
  number,
  sender,
  sign,
  size,
  stateOf,
  when,
} from "./words.js";

/** @typedef {{ state: string, title: string, at?: string, text?: (Node | string | false | undefined)[] }} Step */

/** The longest payload that is shown before one asks for all of it. */
const LONG = 100_000;
/** The last attempts, each a step of the way. */
const MOST_ATTEMPTS = 12;

/** @implements {Owner.View} */
export class One {
  place = "/deliveries";
  title = "Delivery";
  /** @type {Owner.Delivery | undefined} */
  whole;
  all = false;
  gone = false;

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  async load() {
    try {
      this.whole = /** @type {Owner.Delivery} */ (await ask(`/api/deliveries/${this.id}`));
      this.title = name(this.whole);
    } catch (error) {
      if (!(error instanceof Trouble) || error.status !== 404) throw error;
      this.whole = undefined;
      this.gone = true;
    }
  }

  /** @param {string} doing */
  act(doing) {
    if (doing === "all") this.all = true;
  }

  render() {
    const { whole, id } = this;
    const back = el(
      "p.back",
      el("a", { href: "/deliveries", "data-back": true }, icon("left"), "All deliveries"),
    );
    const root = el("div.view", { "data-key": id }, back);
    if (!whole) {
      const text = this.gone ? "It has been deleted, or is past its retention." : "Loading …";
      root.append(
        el("h1", { tabindex: "-1" }, this.gone ? "This delivery is not there" : "Delivery"),
        el("p.faint", text),
      );
      return root;
    }
    const jobs = (whole.jobs ?? []).filter((it) => it.action !== "follow");
    root.append(
      el(
        "div.heading",
        badge(whole.outcome),
        el("h1", { tabindex: "-1" }, bdi(name(whole))),
        el(
          "div.buttons",
          button("redeliver", "Redeliver", { "data-id": id }, "build"),
          button("delete", "Delete", { "data-id": id, class: "danger" }),
        ),
      ),
      el(
        "p.sentence",
        el("strong", sender(whole.source)),
        TOLD[whole.kind] ?? " sent this, ",
        when(whole.received_at),
        ". ",
        became(whole, jobs),
      ),
      el(
        "div.columns",
        el("div", jobs.length > 0 ? jobs.map((job) => jobOf(whole, job)) : nothing(whole)),
        facts(whole),
      ),
      sent(whole, this.all),
    );
    return root;
  }
}

/** @type {Record<string, string>} */
const TOLD = {
  published: " told that this was published, ",
  updated: " told that this was changed, ",
  unpublished: " told that this was withdrawn, ",
  deleted: " told that this was deleted, ",
  created: " told of this draft, ",
  test: " sent a test, ",
  deployment: " told of a build, ",
};

/** Why nothing was done. @type {Record<string, string>} */
const IGNORED = {
  test: "The signature is right, and it is stored. A test starts no build.",
  deployment: "News of a build is never a reason to build.",
  created: "A draft changes nothing that is public, so nothing was built.",
  other: "Presshook does not know this type of event, so nothing was built.",
};

/** @param {Owner.Delivery} whole */
const ignored = ({ why_not: why, kind: what }) =>
  why ? sentence(why) : (IGNORED[what] ?? "It was verified and stored, and there was nothing to do.");

/** @param {string} text */
const sentence = (text) => `${capital(text).replace(/\.$/, "")}.`;

/**
 * What became of it, as one would tell it.
 *
 * @param {Owner.Delivery} whole
 * @param {Owner.Job[]} jobs
 * @returns {(Node | string)[]}
 */
function became(whole, jobs) {
  const job = jobs.find((it) => it.action === "deploy") ?? jobs[0];
  if (!job || whole.outcome === "ignored") return [ignored(whole)];
  const { carries = 1 } = job;
  const build = followed(job.build);
  const target = el("strong", bdi(job.target));
  const along =
    carries > 1 ? `, together with ${count(carries - 1, "other delivery", "other deliveries")}` : "";
  const reason = build?.reason ?? job.reason;
  const because = reason ? [": ", rich(reason.replace(/\.$/, ""))] : [];
  if (job.state === "superseded") {
    const failed = build?.state === "failed" ? ["The build of ", target, " failed", ...because, ". "] : [];
    return [...failed, "A later deploy has carried it."];
  }
  switch (whole.outcome) {
    case "live":
      if (!build?.ended_at) return ["One build carried it to ", target, along, ", and it is live."];
      return [
        "One build carried it to ",
        target,
        along,
        ", live ",
        duration(seconds(whole, build)),
        " after it came in.",
      ];
    case "done":
      if (job.action !== "deploy") return ["All that it causes is done."];
      return [
        "A build of ",
        target,
        " was asked for",
        along,
        ". That build cannot be followed, so look at the site to see it live.",
      ];
    case "building":
      return ["A build of ", target, " was asked for", along, ", and is under way."];
    case "waiting":
      return [
        "A deploy of ",
        target,
        " waits for further edits, so that one build carries them all",
        ...(job.due ? [": due ", when(job.due)] : []),
        ".",
      ];
    case "sending":
      return ["The call for ", target, " is under way."];
    case "held":
      return ["It waits until you release it."];
    case "failed":
      return [
        build?.state === "failed" ? "The build of " : "What it causes at ",
        target,
        " failed",
        ...because,
        ". Nothing is lost: mend the reason, then press Redeliver.",
      ];
    case "unknown":
      return [
        "A build of ",
        target,
        " was asked for",
        along,
        ", but whether it is live could not be found out",
        ...because,
        ". Look at the site, or at your host.",
      ];
  }
}

/** A build that nobody follows is over as soon as it was asked for. @param {Owner.Build | undefined} build */
const followed = (build) => (build?.state === "requested" && build.ended_at ? undefined : build);

/** @param {Owner.Delivery} whole @param {Owner.Build} build */
const seconds = ({ received_at: from }, { live_seconds: known, ended_at: to = from }) =>
  known ?? between(from, to);

/** @param {Owner.Delivery} whole */
const nothing = (whole) =>
  el(
    "section.card",
    { "aria-labelledby": "way" },
    el("h2", { id: "way" }, "What it caused"),
    line([received(whole), { state: "ignored", title: "Nothing to do", text: [ignored(whole)] }]),
  );

/** @param {Owner.Delivery} whole @returns {Step} */
const received = ({ received_at: at, verified_by: by }) => ({
  state: "done",
  title: "Received",
  at,
  text: [`Signature verified${by ? ` with \`${by}\`` : ""}, stored before the sender was answered.`],
});

/**
 * @param {Owner.Delivery} whole
 * @param {Owner.Job} job
 */
function jobOf(whole, job) {
  const { why, target, carries = 1, with: others = [] } = job;
  const id = `job-${job.id}`;
  const state = stateOf({ state: job.state, build: followed(job.build) });
  const deploys = job.action === "deploy";
  const more = carries - 1 - others.length;
  return el(
    "section.card.job",
    { "data-key": id, "aria-labelledby": id },
    el("div.title", el("h2", { id }, bdi(action(job.action, target))), badge(state)),
    why && el("p", el("strong", "Why: "), rich(sentence(why.text))),
    line(deploys ? [received(whole), ...way(whole, job)] : way(whole, job)),
    others.length > 0 &&
      el(
        "p",
        "Carried together with ",
        others.flatMap((other, index) => [
          index > 0 && ", ",
          el("a", { href: `/deliveries/${other}` }, `delivery of ${atHour(new Date(other).toISOString())}`),
        ]),
        more > 0 && ` and ${number(more)} more`,
        ".",
      ),
    state === "held" &&
      button("release", "Release", { "data-id": job.id, "data-name": target, class: "primary" }),
    state === "waiting" && deploys && button("deploy", "Deploy now", { "data-name": target }),
  );
}

/**
 * The way of a job to its end, a deploy’s to live, with what is still to come.
 *
 * @param {Owner.Delivery} whole
 * @param {Owner.Job} job
 * @returns {Step[]}
 */
function way(whole, job) {
  const { state, due, reason, finished_at: at, carries = 1, attempts } = job;
  const build = followed(job.build);
  const deploys = job.action === "deploy";
  /** @type {Step[]} */
  const steps = [];
  const said = [reason && sentence(reason)];
  const waited = attempts[0] ? between(whole.received_at, attempts[0].started_at) : 0;
  if (deploys && waited >= 1) {
    const text = carries > 1 && `One call carries ${count(carries, "delivery", "deliveries")}.`;
    steps.push({ state: "done", title: `Waited ${duration(waited)} for further edits`, text: [text] });
  }
  steps.push(...tries(job));
  if (state === "waiting") {
    const title =
      attempts.length > 0 ? "To be tried again" : deploys ? "Waiting for further edits" : "Waiting";
    steps.push({ state, title, text: due ? ["Due ", when(due), "."] : [] });
  }
  if (state === "blocked")
    steps.push({ state, title: "After the deploy", text: ["It is done once the deploy has succeeded."] });
  if (state === "held") steps.push({ state, title: "Held until you release it" });
  if (build) steps.push(...building(whole, build));
  else if (state === "dead") steps.push({ state, title: "Given up", at, text: said });
  else if (state === "done" && steps.length === 0) steps.push({ state, title: "Done", at });
  else if (state === "done" && deploys)
    steps.push({ state: "none", title: "The build is your host’s", text: ["It cannot be followed here."] });
  else if (deploys && state !== "superseded") steps.push({ state: "", title: "Live" });
  if (state === "superseded") steps.push({ state, title: "Taken over", text: build ? [] : said });
  return steps;
}

/**
 * @param {Owner.Delivery} whole
 * @param {Owner.Build} build
 * @returns {Step[]}
 */
function building(whole, build) {
  const { state, reason, host, url, requested_at, building_at, built_at, ended_at: at } = build;
  /** @type {Step[]} */
  const steps = [];
  const where = host ? ` at ${host}` : "";
  const link = url ? [out(url, "See it there"), "."] : [];
  if (building_at) {
    steps.push({
      state: built_at || at ? "done" : "building",
      title: `Building${where}`,
      at: building_at,
      text: link,
    });
  } else if (!at) {
    steps.push({
      state: "requested",
      title: `Asked for${where}`,
      at: requested_at,
      text: ["The host has not said yet that it builds."],
    });
  }
  if (built_at)
    steps.push({
      state: at ? "done" : "building",
      title: "Built",
      at: built_at,
      text: [!at && "Now the page itself is looked for."],
    });
  const why = reason && sentence(reason);
  if (state === "live")
    steps.push({ state, title: "Live", at, text: [`${duration(seconds(whole, build))} after it came in.`] });
  else if (state === "failed")
    steps.push({
      state,
      title: "The build failed",
      at,
      text: [why ?? "The host gave no reason.", " ", ...(building_at ? [] : link)],
    });
  else if (state === "unknown") steps.push({ state, title: "Not known whether it is live", at, text: [why] });
  else steps.push({ state: "", title: "Live" });
  return steps;
}

/** @param {Owner.Job} job @returns {Step[]} */
function tries({ attempts, state, action: doing }) {
  const shown = attempts.slice(-MOST_ATTEMPTS);
  const left = attempts.length - shown.length;
  /** @type {Step[]} */
  const steps = left > 0 ? [{ state: "missed", title: count(left, "earlier attempt") }] : [];
  for (const [index, { number: at, started_at, ended_at, outcome, status, detail }] of shown.entries()) {
    const said = [status && `Answered ${status}`, detail].filter(Boolean).join(": ");
    if (!ended_at) {
      const calling = state === "sending";
      steps.push({
        state: calling ? state : "missed",
        title: calling ? "Calling" : `Attempt ${at}: no answer`,
        at: started_at,
      });
    } else if (outcome === "accepted" || outcome === "done") {
      steps.push({
        state: "done",
        title: doing === "deploy" ? "Build asked for" : "Done",
        at: ended_at,
        text: [said && sentence(said)],
      });
    } else {
      const given = index === shown.length - 1 && state === "dead";
      const took = duration(Math.max(0, between(started_at, ended_at)));
      steps.push({
        state: given ? "dead" : "missed",
        title: `Attempt ${at} failed`,
        at: ended_at,
        text: [sentence(`${said || outcome || "no answer"} (after ${took})`)],
      });
    }
  }
  return steps;
}

/** @param {Step[]} steps */
const line = (steps) =>
  el(
    "ol.line",
    steps.map(({ state, title, at, text }) => {
      const [word, symbol, tone] = state ? sign(state) : ["Still to come", "", "next"];
      return el(
        `li.step.${tone}`,
        el("span.mark", symbol && icon(symbol), el("span.unseen", `${word}: `)),
        el(
          "div",
          el("p.name", title, at && when(at, "clock")),
          text?.some(Boolean) &&
            el(
              "p.faint",
              text.map((it) => (typeof it === "string" ? rich(it) : it)),
            ),
        ),
      );
    }),
  );

/** @param {Owner.Delivery} whole */
function facts(whole) {
  const code = (/** @type {string | number} */ text) => el("code", bdi(text));
  /** @type {[string, Node | string | false | undefined][]} */
  const all = [
    ["Sender", el("span", sender(whole.source), named(whole) && [" · ", bdi(named(whole))])],
    ["What happened", capital(kind(whole.kind))],
    ["Type", code(whole.event_type)],
    ["Item", whole.item && code(whole.item)],
    ["Event", code(whole.event_id)],
    ["Received", el("time", { datetime: whole.received_at }, exact(whole.received_at))],
    ["Size", size(whole.bytes)],
    ["Newer version known", whole.stale && "yes, so it overwrites nothing"],
    ["Number", code(whole.id)],
  ];
  return el(
    "section.card.facts",
    { "aria-labelledby": "facts", "data-key": "facts" },
    el("h2", { id: "facts" }, "Facts"),
    el(
      "dl",
      all.map(([term, value]) => value && el("div", { "data-key": term }, el("dt", term), el("dd", value))),
    ),
  );
}

/**
 * What was sent: the headers that are kept, and the payload as text.
 *
 * @param {Owner.Delivery} whole
 * @param {boolean} all
 */
function sent(whole, all) {
  const pairs = Object.entries(whole.headers ?? {});
  const { text, note } = textOf(whole);
  const shown = all ? text : text.slice(0, LONG);
  return el(
    "section.card.sent",
    { "aria-labelledby": "sent", "data-key": "sent" },
    el(
      "div.title",
      el("h2", { id: "sent" }, "What was sent"),
      button("copy", "Copy payload", { "data-text": text, class: "small" }, "copy"),
    ),
    el("p.faint", "As it came, but for secrets, which are blanked before anything is stored."),
    pairs.length > 0 && [
      el("h3", "Headers"),
      el(
        "dl.pairs",
        pairs.map(([header, value]) => el("div", el("dt", bdi(header)), el("dd", bdi(value)))),
      ),
    ],
    el("h3", "Payload"),
    note && el("p.faint", note),
    el(
      "pre.payload",
      { tabindex: "0", role: "region", "aria-label": "Payload", dir: "ltr" },
      el("code", shown),
    ),
    shown.length < text.length && button("all", `Show all ${size(text.length)}`),
  );
}

/** @param {Owner.Delivery} whole @returns {{ text: string, note?: string }} */
function textOf({ payload, payload_base64: bytes }) {
  if (payload !== undefined) return { text: pretty(payload) };
  return bytes
    ? { text: bytes, note: "It is no text; here it is as base64." }
    : { text: "", note: "It is empty." };
}

/** What a reader could not see, or would turn the text around. */
const UNSEEN = /[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
/** A text, a bracket, or what stands between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/gs;

/**
 * JSON with line breaks, each number and text as it was written; anything else as it is.
 *
 * @param {string} text
 */
function pretty(text) {
  const escaped = text.replace(UNSEEN, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`);
  try {
    JSON.parse(text);
  } catch {
    return escaped;
  }
  let depth = 0;
  let before = "";
  /** @type {string[]} */
  const parts = [];
  for (const [token] of escaped.matchAll(TOKEN)) {
    const opened = before === "{" || before === "[";
    const closes = token === "}" || token === "]";
    if (closes) depth -= 1;
    if (before && (opened ? !closes : closes || before === ",")) parts.push("\n", "  ".repeat(depth));
    parts.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth += 1;
    before = token;
  }
  return parts.join("");
}
