// On top of the list: whether all is well, in one sentence, with what to do where it is not; then each target, the last
// two days, and the month's builds.

import { button } from "./commands.js";
import { bdi, el, icon } from "./dom.js";
import { byTheHour, gauge } from "./plots.js";
import { badge, clockNow, count, duration, sign, when } from "./words.js";

/** How late the oldest job that is due may be before that is said, in milliseconds. */
const LATE = 600_000;

/** @typedef {{ state: string, title: string, text?: (Node | string)[], act?: Node }} Verdict */

/**
 * What an owner should know first; the worst comes first.
 *
 * @param {Owner.Overview} overview
 * @returns {Verdict}
 */
export function verdict({ queue, targets = [], budgets = [], live }) {
	const inState = (/** @type {string[]} */ ...states) => targets.filter((it) => states.includes(it.state));
	const names = (/** @type {{ name: string }[]} */ some) => some.map((it) => it.name).join(" and ");
	const failed = inState("failed", "dead");
	const spent = budgets.filter((it) => it.used >= it.limit);
	const due = queue?.oldest_due_at && clockNow() - Date.parse(queue.oldest_due_at);
	const usually =
		live?.median_seconds === undefined
			? []
			: [` Usually live ${duration(live.median_seconds)} after publishing.`];
	if (failed.length > 0) {
		return {
			state: "failed",
			title: `The last build of ${names(failed)} failed`,
			text: [
				"What is on the site is older than what was published. ",
				link("/deliveries/deploys", "See what the host said"),
				", mend it there, then deploy again.",
			],
			act: queue?.dead ? button("revive", "Try again what failed", {}, "build") : undefined,
		};
	}
	if (queue?.dead) {
		return {
			state: "failed",
			title: `${count(queue.dead, "job")} failed for good`,
			text: [
				link("/deliveries?state=failed", "See which and why"),
				". Once the reason is mended, have them tried again.",
			],
			act: button("revive", "Try them again", {}, "build"),
		};
	}
	if (spent.length > 0) {
		const [first] = spent;
		return {
			state: "held",
			title: "This month’s builds are used up",
			text: [
				"Nothing is lost: what comes in waits",
				...(first.resets_at ? [" until ", when(first.resets_at, "date")] : []),
				", or until you deploy by hand.",
			],
		};
	}
	if (due && due > LATE) {
		return {
			state: "unknown",
			title: "Work is late",
			text: [
				`A job has been due for ${duration(due / 1000)}. The receiver may be stopped, or its clock does not wake it. `,
				link("/deliveries/setup", "See the setup"),
				".",
			],
		};
	}
	const unknown = inState("unknown");
	if (unknown.length > 0) {
		return {
			state: "unknown",
			title: `Whether ${names(unknown)} is live is not known`,
			text: [
				"The build was asked for, but its end could not be found out. Look at the site or at your host. ",
				link("/deliveries/deploys", "See the deploys"),
				".",
			],
		};
	}
	if (queue?.held) {
		return {
			state: "held",
			title: `${count(queue.held, "job")} held until you say so`,
			text: [link("/deliveries?state=held", "See what waits"), ", and release it or deploy now."],
		};
	}
	const building = inState("building", "requested", "sending");
	if (building.length > 0)
		return { state: "building", title: `${names(building)} is being built`, text: usually };
	const waiting = inState("waiting");
	if (waiting.length > 0 || queue?.waiting) {
		const which = waiting.length > 0 ? `A deploy of ${names(waiting)}` : "A job";
		return {
			state: "waiting",
			title: `${which} waits`,
			text: ["It gathers further edits into one build, and starts by itself.", ...usually],
		};
	}
	if (targets.length > 0 && targets.every((it) => it.state === "live")) {
		return { state: "live", title: "Everything is live", text: usually };
	}
	return { state: "done", title: "All is well", text: ["Nothing waits, nothing has failed.", ...usually] };
}

/** @param {string} href @param {string} text */
const link = (href, text) => el("a", { href }, text);

/**
 * @param {Owner.Overview} overview
 */
export function overview(overview) {
	const { state, title, text = [], act } = verdict(overview);
	const { queue, targets = [], budgets = [], hours } = overview;
	const [, symbol, tone] = sign(state);
	const waits = [
		queue?.waiting && `${queue.waiting} waiting`,
		queue?.held && `${queue.held} held`,
		queue?.dead && `${queue.dead} failed`,
	].filter(Boolean);
	return el(
		"section.overview",
		{ "aria-label": "Overview", "data-key": "overview" },
		el(
			"div.verdict",
			el(`span.seal.${tone}`, icon(symbol)),
			el("div", el("h1", { tabindex: "-1" }, title), el("p.lead", text)),
			act && el("div.buttons", act),
		),
		el(
			"div.cards",
			el(
				"section.card",
				{ "aria-labelledby": "targets" },
				el(
					"h2.caption",
					{ id: "targets" },
					"Where it is built",
					waits.length > 0 && el("span.faint", waits.join(", ")),
				),
				targets.length > 0
					? el("ul.targets", targets.map(target))
					: el("p.faint", "Nothing is built yet. ", link("/deliveries/setup", "See what is missing"), "."),
				budgets.map((it) => gauge(it, budgets.length > 1)),
			),
			el("section.card", { "aria-label": "Deliveries by the hour" }, byTheHour(hours ?? [])),
		),
	);
}

/** @param {Owner.Target} target */
function target({ name, state, live_at: since }) {
	return el(
		"li.target",
		{ "data-key": name },
		el("strong", bdi(name)),
		el(
			"span.state",
			badge(state),
			since && el("span.faint", state === "live" ? "since " : "live ", when(since)),
		),
		button("deploy", "Deploy now", {
			"data-name": name,
			class: "small",
			"aria-label": `Deploy now: ${name}`,
		}),
	);
}
