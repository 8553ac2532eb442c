// What becomes of what the inbox has stored, with the real Durable Object and real sockets: the tries at a host that
// fails in each way, and when they are made. Long times pass by a fake clock, and every alarm is the test's to run;
// wakes after the answer are lost unless they are what is tested, so that the alarm alone does it.

import { describe, expect, it, vi } from "vitest";
import { THEN, durable, fromThen, pass } from "./durable.mjs";
import { codes } from "./presshook.mjs";

const lines = fromThen();

const AT_ONCE = { DEPLOY_SETTLE_SECONDS: "0", DEPLOY_MIN_GAP_SECONDS: "0" };

/** @param {import("./durable.mjs").Inbox} inbox */
const jobs = async (inbox) =>
  (await inbox.sql("SELECT state FROM jobs ORDER BY id")).map(({ state }) => state);

/** @param {import("./durable.mjs").Inbox} inbox */
const attempts = (inbox) =>
  inbox.sql("SELECT outcome, status, started_at, ended_at FROM attempts ORDER BY job_id, number");

describe("a host that fails", () => {
  it("with 500 five times is tried after growing pauses, and then it is done", async () => {
    const inbox = await durable({ hook: "500-500-500-500-500-200", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    while (await inbox.next());
    expect((await inbox.calls()).map((call) => call.event_id)).toEqual(Array(6).fill("evt_1"));
    expect(await jobs(inbox)).toEqual(["done"]);
    const tries = await attempts(inbox);
    expect(tries.map(({ outcome }) => outcome)).toEqual([...Array(5).fill("failed"), "accepted"]);
    const pauses = tries.slice(1).map(({ started_at }, at) => (started_at - tries[at].ended_at) / 1000);
    for (const [at, seconds] of [2, 10, 30, 120, 600].entries()) {
      expect(pauses[at], `pause ${at + 1}`).toBeGreaterThanOrEqual(seconds * 0.9);
      // A look at what is due comes a quarter of a second after the last at the earliest.
      expect(pauses[at], `pause ${at + 1}`).toBeLessThanOrEqual(seconds * 1.1 + 0.3);
    }
    expect(codes(lines).filter((code) => /JOB|TRIGGERED/.test(code))).toEqual([
      ...Array(5).fill("JOB_RETRY"),
      "REBUILD_TRIGGERED",
    ]);
    expect(await inbox.armed()).toBe(null);
  });

  it.each([
    ["seconds", "429=120-200", 120],
    ["a date", `429=${new Date(THEN + 300_000).toUTCString()}-200`, 300],
    ["more than twelve hours", "429=999999-200", 12 * 3600],
  ])("with 429 is left alone as long as Retry-After says, in %s", async (_, hook, seconds) => {
    const inbox = await durable({ hook, cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    await inbox.next();
    expect(await jobs(inbox)).toEqual(["waiting"]);
    const [{ due_at }] = await inbox.sql("SELECT due_at FROM jobs");
    expect(Math.abs(due_at - THEN - seconds * 1000)).toBeLessThan(2000);
    vi.setSystemTime(due_at - 1000);
    await inbox.alarm();
    expect(await inbox.calls()).toHaveLength(1);
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(2);
    expect(await jobs(inbox)).toEqual(["done"]);
  });

  it("by closing the connection after it has read may have heard it: it is tried again", async () => {
    const inbox = await durable({ hook: "closes-200", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(2);
    expect((await attempts(inbox)).map(({ outcome }) => outcome)).toEqual(["unknown", "accepted"]);
  });

  it("by not answering is given up after 20 seconds, and tried again", async () => {
    vi.useRealTimers();
    const inbox = await durable({ hook: "hangs-200", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    // By its alarms alone, as they come.
    const done = async () => expect(await jobs(inbox)).toEqual(["done"]);
    await vi.waitFor(done, { timeout: 35_000, interval: 500 });
    expect(await inbox.calls()).toHaveLength(2);
    const [first, second] = await attempts(inbox);
    expect([first.outcome, second.outcome]).toEqual(["unknown", "accepted"]);
    expect(first.ended_at - first.started_at).toBeGreaterThan(19_500);
    expect(first.ended_at - first.started_at).toBeLessThan(25_000);
  });

  it("with 404 is not tried again; a resend revives it, and a later success supersedes it", async () => {
    const inbox = await durable({ hook: "404-404-200", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(1);
    expect(await jobs(inbox)).toEqual(["dead"]);
    expect(await inbox.armed()).toBe(null);
    expect(lines.find((line) => line.code === "JOB_DEAD").reason).toMatch(
      /404 Not Found: the hook does not exist/,
    );

    const again = await inbox.send("evt_1");
    expect(JSON.parse(again.body)).toMatchObject({ duplicate: true });
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(2);
    expect(await jobs(inbox)).toEqual(["dead"]);

    await inbox.send("evt_2");
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(3);
    expect(await jobs(inbox)).toEqual(["superseded", "done"]);
  });

  it("for ever is given up in the end, and one dead job tells of it", async () => {
    const inbox = await durable({ hook: "503", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(9);
    expect(await jobs(inbox)).toEqual(["dead"]);
    expect(Date.now() - THEN).toBeGreaterThan(15 * 3600 * 1000);
  });
});

describe("a burst", () => {
  it("of 100 publishes in five minutes costs at most three deploys with the default settings", async () => {
    const inbox = await durable({ cut: true });
    for (let number = 0; number < 100; number++) {
      await inbox.send(`evt_${number}`);
      // What the runtime would have done in these three seconds.
      const at = await inbox.armed();
      if (at !== null && at <= Date.now() + 3000) {
        const then = Date.now() + 3000;
        await inbox.next();
        vi.setSystemTime(Math.max(then, Date.now()));
      } else {
        pass(3);
      }
    }
    expect(Date.now() - THEN).toBeGreaterThanOrEqual(300_000);
    while (await inbox.next());
    const calls = await inbox.calls();
    expect(calls.length).toBeLessThanOrEqual(3);
    expect(calls.reduce((sum, call) => sum + call.event_count, 0)).toBe(100);
    expect(calls.at(-1).event_id).toBe("evt_99");
    expect(calls.flatMap((call) => call.event_ids)).toHaveLength(100);
  });

  it("while a call is under way is carried by one call after it", async () => {
    vi.useRealTimers();
    const inbox = await durable({ hook: "slow=3000", settings: AT_ONCE });
    const sent = [await inbox.send("evt_0")];
    await vi.waitFor(async () => expect(await inbox.calls()).toHaveLength(1), { interval: 10 });
    const more = Array.from({ length: 20 }, (_, number) => inbox.send(`evt_${number + 1}`));
    sent.push(...(await Promise.all(more)));
    await Promise.all(sent.map(({ after }) => after));
    await vi.waitFor(async () => expect(await jobs(inbox)).toEqual(["done", "done"]), { timeout: 10_000 });
    const calls = await inbox.calls();
    expect(calls.map((call) => call.event_count)).toEqual([1, 20]);
  });
});

describe("what wakes the inbox", () => {
  it("is the delivery that opened the window: no alarm is needed", async () => {
    const inbox = await durable({ settings: AT_ONCE });
    const { after } = await inbox.send("evt_1");
    await after;
    expect(inbox.asked).toEqual(["/3/accept", "/1/wake"]);
    expect(await inbox.calls()).toHaveLength(1);
    expect(await jobs(inbox)).toEqual(["done"]);
  });

  it("may be all at once: alarm, cron and ten wakes never call twice", async () => {
    const inbox = await durable({ hook: "slow=300", cut: true, settings: { DEPLOY_SETTLE_SECONDS: "30" } });
    await inbox.send("evt_1");
    await inbox.send("evt_2");
    pass(31);
    const wake = () => inbox.stub().ask("POST", "/1/wake");
    const all = [inbox.alarm(), inbox.cron(), ...Array.from({ length: 10 }, wake), inbox.alarm()];
    await Promise.all(all);
    while (await inbox.next());
    expect(await inbox.calls()).toMatchObject([{ event_count: 2 }]);
    expect(await attempts(inbox)).toHaveLength(1);
  });

  it("is the cron trigger where the alarm was dropped, and the alarm is armed again after that", async () => {
    const inbox = await durable({ hook: "500-200", settings: { DEPLOY_SETTLE_SECONDS: "60" } });
    await inbox.send("evt_1");
    await inbox.inside((state) => state.storage.deleteAlarm());
    pass(59);
    await inbox.cron();
    expect(await inbox.calls()).toHaveLength(0);
    pass(241);
    await inbox.cron();
    expect(await inbox.calls()).toHaveLength(1);
    expect(await inbox.armed()).not.toBe(null);
    await inbox.next();
    expect(await inbox.calls()).toHaveLength(2);
    expect(await jobs(inbox)).toEqual(["done"]);
  });

  it("is an alarm again for the next delivery, where the last one was dropped", async () => {
    const inbox = await durable({ cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    await inbox.inside((state) => state.storage.deleteAlarm());
    // The cron trigger asks through the binding; its wake is not to be lost.
    await inbox.stub().ask("POST", "/1/wake");
    expect(await jobs(inbox)).toEqual(["done"]);
    pass(3600);
    await inbox.send("evt_2");
    expect(await inbox.armed()).toBe(Date.now());
    while (await inbox.next());
    expect(await jobs(inbox)).toEqual(["done", "done"]);
  });

  it("is an alarm that arms itself again where its work fails, and never fails itself", async () => {
    const inbox = await durable({ cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    await inbox.sql(
      "CREATE TRIGGER broken BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'broken by the test'); END",
    );
    for (let time = 1; time <= 8; time++) {
      expect(await inbox.next()).toBe(true);
      const wait = Number(await inbox.armed()) - Date.now();
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(60_000);
    }
    expect(await inbox.calls()).toEqual([]);
    await inbox.sql("DROP TRIGGER broken");
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(1);
    expect(await jobs(inbox)).toEqual(["done"]);
  });

  it("after a crash in the middle of a call takes it for lost, and makes it again", async () => {
    const inbox = await durable({ hook: "slow=300", cut: true, settings: AT_ONCE });
    await inbox.send("evt_1");
    void inbox.alarm().catch(() => {});
    await vi.waitFor(async () => expect(await inbox.calls()).toHaveLength(1), { interval: 10 });
    await inbox.inside((state) => state.abort("crashed by the test")).catch(() => {});
    // What it was started with is lost too.
    await inbox.inside((_, instance) => void (instance.env = inbox.bindings));
    expect(await attempts(inbox)).toMatchObject([{ outcome: null }]);
    while (await inbox.next());
    expect(await inbox.calls()).toHaveLength(2);
    expect((await attempts(inbox)).map(({ outcome }) => outcome)).toEqual(["unknown", "accepted"]);
  });
});
