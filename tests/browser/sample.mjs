// What a bakery with a blog would have in its receiver: two days of publishing, as rows of an export. The tests look at
// states that take hours to come by, and the pictures in the documents are of it.

/** @typedef {{ table: string, [column: string]: unknown }} Row */
/** @typedef {"live" | "building" | "failed" | "unknown"} Outcome */

/** Sender, its word for the event, what it is, and its connection with the setting of its secret. */
const SENDERS = {
  ghost: {
    connection: "ghost",
    setting: "GHOST_WEBHOOK_SECRET",
    agent: "Ghost/6.0 (https://github.com/TryGhost/Ghost)",
    events: {
      published: "post.published",
      updated: "post.published.edited",
      unpublished: "post.unpublished",
    },
  },
  recipes: {
    connection: "blogshoot/recipes",
    setting: "BLOGSHOOT_WEBHOOK_SECRET__RECIPES",
    agent: "BlogShoot-Webhook/1.1",
    events: { published: "article.created", updated: "article.updated", unpublished: "article.deleted" },
  },
};

const FAILED = "the build ended with `error`: src/content/posts/gift-boxes.md: `date` is missing";
const LOST = "its host has told nothing of it for 20 minutes, and the page does not show it";

/**
 * Publishing, the newest first: minutes ago, sender, kind, titles that were published together, what became of it, and
 * after how many seconds it was live.
 *
 * @type {[number, keyof typeof SENDERS, "published" | "updated" | "unpublished", string[], Outcome, number?][]}
 */
const SESSIONS = [
  [1.5, "ghost", "published", ["Why our bread got better when we slowed down"], "building"],
  [
    14,
    "recipes",
    "updated",
    ["Rye bread for beginners", "A sourdough starter in seven days", "Spelt rolls"],
    "live",
    58,
  ],
  [47, "ghost", "updated", ["How we choose our flour"], "live", 51],
  [130, "recipes", "published", ["Five winter soups, and what to dip in them"], "live", 64],
  [185, "ghost", "published", ["Gift boxes are back"], "live", 55],
  [189, "ghost", "published", ["Gift boxes are back"], "failed"],
  [400, "recipes", "updated", ["慢发酵：天然酵母面包入门"], "live", 49],
  [520, "ghost", "unpublished", ["Summer opening hours"], "live", 62],
  [1190, "ghost", "updated", ["The miller from Aadorf: an interview"], "unknown"],
];
const OLDER = [
  "Old grains, a short map",
  "Our year in 1,204 loaves",
  "Baking classes in spring",
  "What stone-ground means",
];

/**
 * The rows, for a receiver whose clock shows that time.
 *
 * @param {number} now
 * @param {string[]} targets what is built; the second only now and then
 * @returns {Row[]}
 */
export function sample(now, [main, second]) {
  /** @type {Row[]} */
  const rows = [];
  let jobs = 0;

  /** @param {number} at @param {keyof typeof SENDERS} sender @param {string} kind @param {string} type @param {string} [title] */
  function delivery(at, sender, kind, type, title) {
    const { connection, setting, agent } = SENDERS[sender];
    const slug =
      title
        ?.toLowerCase()
        .replace(/[^a-z0-9]+/g, "-")
        .replace(/^-|-$/g, "") || "an-article";
    const item = { id: `${sender}_${slug.length}${slug.slice(0, 4)}`, title, slug };
    const id = at;
    const body = {
      event_id: `evt_${id.toString(36)}`,
      event_type: type,
      timestamp: new Date(at - 400).toISOString(),
      ...(title && { article: { ...item, language: "en", tags: ["Bread", "News"], featured: false } }),
    };
    rows.push({
      table: "deliveries",
      id,
      connection,
      key: body.event_id,
      event_type: type,
      kind,
      item: title ? item.id : null,
      stale: 0,
      events: JSON.stringify([{ kind, name: type, at: at - 400, ...(title && { item }) }]),
      verified_by: setting,
      headers: JSON.stringify({ "content-type": "application/json", "user-agent": agent }),
      payload: [Buffer.from(JSON.stringify(body)).toString("base64")],
      received_at: at,
      took: 3,
    });
    return id;
  }

  /**
   * A deploy that carries deliveries, with its attempts and its build.
   *
   * @param {number[]} carried
   * @param {string} target
   * @param {Outcome} outcome
   * @param {number} seconds from the first until it is live
   */
  function deploy(carried, target, outcome, seconds) {
    const first = Math.min(...carried);
    const last = Math.max(...carried);
    const id = last + ((jobs += 1) % 100);
    const called = last + 12_000;
    const ended =
      outcome === "unknown"
        ? called + 1_200_000
        : outcome === "failed"
          ? called + 38_000
          : first + seconds * 1000;
    rows.push({
      table: "jobs",
      id,
      action: "deploy",
      target,
      state: outcome === "failed" ? "superseded" : "done",
      due_at: null,
      attempts: 1,
      tries: 1,
      first_at: first,
      wanted_at: last,
      urgent: 0,
      after: null,
      source: "ghost",
      event_id: `evt_${last.toString(36)}`,
      reason: outcome === "failed" ? "a later call of its target was accepted" : null,
      finished_at: called + 600,
      alone: null,
    });
    rows.push(...carried.map((delivery_id) => ({ table: "carries", job_id: id, delivery_id })));
    const attempt = {
      number: 1,
      started_at: called,
      ended_at: called + 600,
      outcome: "accepted",
      status: 200,
      detail: null,
    };
    rows.push({ table: "attempts", job_id: id, ...attempt });
    const over = outcome !== "building";
    rows.push({
      table: "builds",
      job_id: id,
      target,
      state: outcome,
      reference: `65f1${id.toString(16)}`,
      first_at: first,
      requested_at: called + 600,
      building_at: outcome === "unknown" ? null : called + 3000,
      built_at: outcome === "live" ? ended - 4000 : null,
      ended_at: over ? ended : null,
      reason: outcome === "failed" ? FAILED : outcome === "unknown" ? LOST : null,
      url: `https://app.netlify.com/sites/mill-and-loaf/deploys/65f1${id.toString(16)}`,
      noted: null,
      follower: null,
      restarts: 0,
      restarted_as: null,
    });
  }

  for (const [ago, sender, kind, titles, outcome, seconds = 60] of SESSIONS) {
    const at = now - ago * 60_000;
    const type = SENDERS[sender].events[kind];
    const carried = titles.map((title, index) =>
      delivery(Math.round(at) + index * 4000, sender, kind, type, title),
    );
    deploy(carried, main, outcome, seconds);
  }
  delivery(now - 26 * 60_000, "ghost", "test", "test");
  // The days before, more in the morning than at night.
  for (let index = 0; index < 90; index += 1) {
    const hours = 9.3 + index * 0.43;
    if ([2, 3, 4, 5].includes(Math.floor(hours) % 24)) continue;
    const at = Math.round(now - hours * 3_600_000);
    const sender = index % 3 === 0 ? "recipes" : "ghost";
    const kind = index % 4 === 0 ? "published" : "updated";
    const id = delivery(at, sender, kind, SENDERS[sender].events[kind], OLDER[index % OLDER.length]);
    const seconds = 46 + ((index * 37) % 23) + (index % 17 === 5 ? 70 : 0);
    deploy([id], second && index % 6 === 1 ? second : main, "live", seconds);
    if (index % 9 === 4) delivery(at - 90_000, sender, "test", "test");
  }
  rows.push({
    table: "refusals",
    path: "/api/webhook/ghost",
    reason: "the signature verifies with a newline added to the secret, so the sender’s copy has one",
    status: 401,
    count: 3,
    first_at: now - 90_000_000,
    last_at: now - 80_000_000,
  });
  rows.push(...counts(rows, now));
  const order = ["deliveries", "jobs", "carries", "attempts", "builds", "refusals", "tallies"];
  return rows.sort((one, other) => order.indexOf(one.table) - order.indexOf(other.table));
}

/**
 * What a receiver would have counted, hour by hour, while these came in.
 *
 * @param {Row[]} rows
 * @param {number} now
 * @returns {Row[]}
 */
function counts(rows, now) {
  const hourOf = (/** @type {number} */ at) => at - (at % 3_600_000);
  const deliveries = rows.filter((row) => row.table === "deliveries");
  const labels = deliveries.map(({ id, connection, kind }) => {
    const outcome = kind === "test" ? "test" : "accepted";
    const source = String(connection).split("/")[0];
    const label = `connection="${connection}",source="${source}",outcome="${outcome}",kind="${kind}"`;
    return { hour: hourOf(Number(id)), label };
  });
  const groups = Map.groupBy(labels, ({ hour, label }) => `${hour} ${label}`);
  const newest = Math.max(...deliveries.map(({ id }) => Number(id)));
  const refused = {
    hour: hourOf(now - 80_000_000),
    name: "rejections_total",
    label: 'status="401"',
    count: 3,
  };
  return [
    { table: "tallies", hour: 0, name: "mark", label: "delivery", count: newest },
    { table: "tallies", ...refused },
    ...[...groups.values()].map((group) => ({
      table: "tallies",
      ...group[0],
      name: "deliveries_total",
      count: group.length,
    })),
  ];
}

/**
 * Puts rows into a receiver.
 *
 * @param {string} url
 * @param {string} token
 * @param {Row[]} rows
 */
export async function fill(url, token, rows) {
  for (let start = 0; start < rows.length; start += 100) {
    const body = rows.slice(start, start + 100).map((row) => `${JSON.stringify(row)}\n`);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" };
    const response = await fetch(`${url}/api/import`, { method: "POST", headers, body: body.join("") });
    if (!response.ok) throw new Error(`the import was refused: ${response.status} ${await response.text()}`);
  }
}
