//! How budgets, their groups and schedules hold calls back or bring them about, with exact times; and the calendar
//! under them: cron text, and months that begin on any day.

use std::collections::BTreeSet;

use presshook::event::Timestamp;
use presshook::log::Code;
use presshook::outbox::schedule::Schedule;
use proptest::collection::btree_set;
use proptest::prelude::*;
use time::OffsetDateTime;

use crate::coalescing::{Do, at, check, edge, event, message, perform, transcript};
use crate::edge::{Does, Edge, Seen};
use crate::{HOOK, NOW};
use Do::{Deploy, Event as Publish, Host};
use presshook::event::Kind;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const QUICK: [(&str, &str); 2] = [("DEPLOY_SETTLE_SECONDS", "0"), ("DEPLOY_MIN_GAP_SECONDS", "0")];

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"))
}

/// The times of a target's calls.
fn calls(edge: &mut Edge, target: &str) -> Vec<String> {
    edge.host(target).received.iter().map(|(at, _)| at.to_string().replace(".000Z", "Z")).collect()
}

/// Publishes each hour from a moment on, until another.
fn hourly(edge: &mut Edge, from: &str, until: &str) {
    let (from, until) = (moment(from), moment(until));
    for (count, time) in (from.0..until.0).step_by(3_600_000).enumerate() {
        edge.run_until(Timestamp(time - 1));
        edge.now = Timestamp(time);
        edge.accept(&message(&format!("{time}-{count}"), &event(Kind::Updated, None)));
    }
    edge.run_until(until);
}

#[test]
fn the_second_half_of_a_budget_is_spread_over_the_month_and_a_reserve_is_kept() {
    // February: NOW is the 31st of January, so the month that begins on the 1st is whole.
    let mut edge = edge(&[&QUICK[..], &[("DEPLOY_BUDGET_PER_MONTH", "6")]].concat());
    edge.run_until(moment("2026-02-01T00:00:00Z"));
    hourly(&mut edge, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    // Three at once; then two, for one is in reserve. The time that is left is spread anew with each event: when
    // 18 days and 15 hours are left, half of that after the third; and so on.
    let spread = ["2026-02-10T09:30:00Z", "2026-02-19T17:00:00Z", "2026-03-01T00:00:00Z"];
    let times = calls(&mut edge, "default");
    assert_eq!(times[..3], ["2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z", "2026-02-01T02:00:00Z"]);
    assert_eq!(times[3..], spread);
    // The last of these is of the month that has begun, and there calls are free again.
    hourly(&mut edge, "2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z");
    assert_eq!(calls(&mut edge, "default")[6..], ["2026-03-01T01:00:00Z"]);
}

#[test]
fn a_budget_that_is_spent_waits_for_its_reset_and_only_the_owner_has_the_reserve() {
    let mut edge = edge(&[&QUICK[..], &[("DEPLOY_BUDGET_PER_MONTH", "2")]].concat());
    let steps = [(0, Publish("a")), (10, Publish("b")), (20, Deploy("default")), (30, Deploy("default"))];
    perform(&mut edge, &steps, 3 * DAY);
    // The reset is 16 hours after the beginning.
    assert_eq!(transcript(&edge), ["0 default a", "20 default b", "57600 default"]);
    let warned = edge.seen.iter().filter(|seen| {
        matches!(seen, Seen::Told(it) if it.code == Code::DeployQueued && format!("{it:?}").contains("is spent"))
    });
    assert!(warned.count() >= 1, "it is told");
    // A budget of one has no reserve, and one that is raised is there at once.
    let one = [&QUICK[..], &[("DEPLOY_BUDGET_PER_MONTH", "1")]].concat();
    check(&one, &[(0, Publish("a")), (1, Publish("b"))], DAY, &["0 default a", "57600 default b"]);
    const RAISED: &[(&str, &str)] = &[QUICK[0], QUICK[1], ("DEPLOY_BUDGET_PER_MONTH", "9")];
    let steps = [(0, Publish("a")), (1, Publish("b")), (100, Do::Settings(RAISED))];
    check(&one, &steps, DAY, &["0 default a", "100 default b"]);
}

#[test]
fn every_call_counts_that_was_not_clearly_refused() {
    let budget = [&QUICK[..], &[("DEPLOY_BUDGET_PER_MONTH", "2")]].concat();
    for (does, counts) in [
        (Does::Status(429), false),
        (Does::Status(404), false),
        (Does::Status(500), true),
        (Does::Status(408), true),
        (Does::Closes, true),
        (Does::Hangs, true),
    ] {
        let steps = [(0, Host("default", vec![does.quickly()])), (0, Publish("a")), (300, Publish("b"))];
        let mut edge = edge(&budget);
        perform(&mut edge, &steps, 1000);
        let received = edge.host("default").received.len();
        // Where the first did not count, there is one more.
        assert_eq!(received, if counts { 1 } else { 2 }, "{does:?}");
    }
}

#[test]
fn targets_of_a_group_share_its_budget() {
    let group = [
        &QUICK[..],
        &[
            ("DEPLOY_HOOK_URL__SHOP", HOOK),
            ("DEPLOY_HOOK_URL__DOCS", HOOK),
            ("DEPLOY_BUDGET_PER_MONTH__PAGES", "3"),
            ("DEPLOY_BUDGET_GROUP__SHOP", "pages"),
            ("DEPLOY_BUDGET_GROUP__DOCS", "pages"),
        ],
    ]
    .concat();
    let steps = [(0, Publish("a")), (DAY, Publish("b"))];
    // The third of the group is in reserve; then the month is over. `default` has no budget.
    let mut edge = edge(&group);
    perform(&mut edge, &steps[..1], 10);
    assert_eq!(transcript(&edge).len(), 3, "{:?}", transcript(&edge));
    perform(&mut edge, &[(20, Publish("b"))], 30);
    assert_eq!(transcript(&edge)[3..], ["20 default b"]);
    perform(&mut edge, &[(40, Deploy("docs")), (50, Deploy("shop"))], DAY);
    let rest = transcript(&edge)[4..].to_vec();
    assert_eq!(rest, ["40 docs b", "57600 shop b"]);
}

#[test]
fn what_a_call_was_charged_is_given_back_to_the_budget_it_was_charged_to() {
    const TWO: [(&str, &str); 4] =
        [QUICK[0], QUICK[1], ("DEPLOY_HOOK_URL__SHOP", HOOK), ("DEPLOY_BUDGET_PER_MONTH__PAGES", "2")];
    const SHARED: [(&str, &str); 2] =
        [("DEPLOY_BUDGET_GROUP__SHOP", "pages"), ("DEPLOY_BUDGET_GROUP__DEFAULT", "pages")];
    // The last call there is hangs on an answer that refuses: what is held back for it may go.
    let refuses = Host("default", vec![Does::Status(429).after(10)]);
    let mut edge = edge(&[&TWO[..], &SHARED].concat());
    edge.accept(&message("a", &event(Kind::Updated, None)));
    perform(&mut edge, &[(0, refuses)], 100);
    let times: Vec<String> = transcript(&edge);
    assert_eq!(times, ["0 default a", "10 shop a"]);
}

#[test]
fn a_schedule_deploys_what_waits_or_is_dead_and_always_if_so_told() {
    // NOW is 08:00; the gap would be until 09:10:10.
    let more = [("DEPLOY_SCHEDULE", "30 8 * * *"), ("DEPLOY_MIN_GAP_SECONDS", "0")];
    let wait = [("DEPLOY_SETTLE_SECONDS", "7000"), ("DEPLOY_MAX_WAIT_SECONDS", "7000")];
    check(&[&more[..], &wait].concat(), &[(0, Publish("a"))], 3 * DAY, &["1800 default a"]);
    check(&more, &[], 3 * DAY, &[]);
    let refuses = Host("default", vec![Does::Status(404).quickly()]);
    check(&more, &[(0, refuses), (0, Publish("a"))], DAY, &["10 default a", "dead", "1800 default a"]);
    let always = [("DEPLOY_SCHEDULE", "30 8 * * * always")];
    check(&always, &[], 2 * DAY, &["1800 default", "88200 default"]);
    // The gap holds it all the same; and one that is changed comes at its new time only.
    let steps = [(1790, Publish("a")), (1795, Publish("b"))];
    check(&always, &steps, HOUR, &["1800 default b a"]);
    let steps = [(60, Do::Settings(&[("DEPLOY_SCHEDULE", "0 9 * * * always")]))];
    check(&always, &steps, 2 * HOUR, &["3600 default"]);
    check(&always, &[(60, Do::Settings(&[]))], 2 * DAY, &[]);
}

#[test]
fn bursts_and_streams_cost_few_deploys() {
    let stream = |count: i64, every: i64| {
        let mut edge = edge(&[]);
        for index in 0..count {
            let time = Timestamp(NOW.0 + index * every);
            edge.run_until(time);
            edge.accept(&message(&format!("e{index}"), &event(Kind::Updated, None)));
        }
        edge.run_until(at(DAY));
        let bodies =
            edge.host("default").received.iter().map(|(at, body)| (*at, body["event_count"].as_i64()));
        let (times, counts): (Vec<Timestamp>, Vec<Option<i64>>) = bodies.unzip();
        assert_eq!(counts.into_iter().flatten().sum::<i64>(), count, "each is carried, and once");
        times.len()
    };
    assert_eq!(stream(1000, 10), 1, "a thousand in ten seconds");
    assert_eq!(stream(100, 3000), 3, "one every three seconds for five minutes");
    assert_eq!(stream(1000, 3000), 25, "and for fifty: one each two minutes");
}

#[test]
fn cron_text_means_what_crontab_says() {
    for (text, after, next) in [
        ("* * * * *", "2026-01-31T08:00:00Z", "2026-01-31T08:01:00Z"),
        ("* * * * *", "2026-01-31T08:00:59.999Z", "2026-01-31T08:01:00Z"),
        ("0 6 * * *", "2026-01-31T08:00:00Z", "2026-02-01T06:00:00Z"),
        ("0 6 * * *", "2026-01-31T06:00:00Z", "2026-02-01T06:00:00Z"),
        ("0 6 * * *", "2026-01-31T05:59:59Z", "2026-01-31T06:00:00Z"),
        ("59 23 31 12 *", "2026-01-31T08:00:00Z", "2026-12-31T23:59:00Z"),
        ("*/15 * * * *", "2026-01-31T08:46:00Z", "2026-01-31T09:00:00Z"),
        ("5/20 * * * *", "2026-01-31T08:46:00Z", "2026-01-31T09:05:00Z"),
        ("5/20 * * * *", "2026-01-31T08:06:00Z", "2026-01-31T08:25:00Z"),
        ("10-20/5,40 8,9 * * *", "2026-01-31T08:20:00Z", "2026-01-31T08:40:00Z"),
        // The last day of a month that has 28, and a day that most have not.
        ("0 0 29 2 *", "2026-01-31T08:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
        ("0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("0 0 30 * *", "2026-01-31T00:00:00Z", "2026-03-30T00:00:00Z"),
        // Saturday is the 31st of January; both kinds of day: one is enough.
        ("0 9 * * mon-fri", "2026-01-31T08:00:00Z", "2026-02-02T09:00:00Z"),
        ("0 9 * * 0", "2026-01-31T08:00:00Z", "2026-02-01T09:00:00Z"),
        ("0 9 * * 7", "2026-01-31T08:00:00Z", "2026-02-01T09:00:00Z"),
        ("0 9 * * 5-7", "2026-02-01T10:00:00Z", "2026-02-06T09:00:00Z"),
        ("0 9 15 * SAT", "2026-01-31T10:00:00Z", "2026-02-07T09:00:00Z"),
        ("0 9 15 * SAT", "2026-02-14T10:00:00Z", "2026-02-15T09:00:00Z"),
        ("0 9 */2 * SAT", "2026-01-31T10:00:00Z", "2026-02-07T09:00:00Z"),
        ("30 4 1 jan,Jul *", "2026-01-31T08:00:00Z", "2026-07-01T04:30:00Z"),
        ("  0   6 * * *  always ", "2026-01-31T08:00:00Z", "2026-02-01T06:00:00Z"),
    ] {
        let schedule = Schedule::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(schedule.always, text.contains("always"));
        assert_eq!(schedule.next(moment(after)), Some(moment(next)), "{text} after {after}");
    }
    for text in [
        "",
        "always",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "-1 * * * *",
        "1, * * * *",
        "a * * * *",
        "* * * jam *",
        "0 0 31 2 *",
        "0 0 30 feb *",
        "0 0 31 4,6,9,11 *",
        "@daily",
        "1/ * * * *",
        "1- * * * *",
        "99999999999999999999 * * * *",
        "*/99999999999999999999 * * * *",
    ] {
        assert_eq!(Schedule::parse(text), None, "`{text}`");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// The next time is the first minute that fits, found by trying each.
    #[test]
    fn the_next_time_of_a_schedule_is_the_first_that_fits(
        minutes in btree_set(0..60_u8, 1..4),
        hours in btree_set(0..24_u8, 1..4),
        days in btree_set(1..32_u8, 0..4),
        weekdays in btree_set(0..7_u8, 0..3),
        after in 1_700_000_000_i64..1_900_000_000,
    ) {
        let field = |set: &BTreeSet<u8>| -> String {
            let numbers: Vec<String> = set.iter().map(u8::to_string).collect();
            if set.is_empty() { "*".to_owned() } else { numbers.join(",") }
        };
        let text = [field(&minutes), field(&hours), field(&days), "*".to_owned(), field(&weekdays)].join(" ");
        let fits = |minute: &i64| {
            let time = OffsetDateTime::from_unix_timestamp(minute * 60).expect("a time");
            let day = days.contains(&time.day());
            let weekday = weekdays.contains(&time.weekday().number_days_from_sunday());
            let is_day = match (days.is_empty(), weekdays.is_empty()) {
                (true, true) => true,
                (false, true) => day,
                (true, false) => weekday,
                (false, false) => day || weekday,
            };
            minutes.contains(&time.minute()) && hours.contains(&time.hour()) && is_day
        };
        let first = (after / 60 + 1..).take(100 * 24 * 60).find(fits).expect("within three months");
        let next = Schedule::parse(&text).and_then(|it| it.next(Timestamp::from_seconds(after)));
        prop_assert_eq!(next, Some(Timestamp::from_seconds(first * 60)), "{}", text);
    }
}

#[test]
fn months_of_a_budget_begin_on_any_day_there_is() {
    for (reset, spent_at, begins_anew) in [
        ("1", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"),
        ("1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("1", "2026-12-05T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("15", "2026-12-20T00:00:00Z", "2027-01-15T00:00:00Z"),
        ("15", "2027-01-14T23:00:00Z", "2027-01-15T00:00:00Z"),
        // Where a month has no such day, its last.
        ("31", "2026-01-31T08:00:01Z", "2026-02-28T00:00:00Z"),
        ("31", "2026-02-27T08:00:00Z", "2026-02-28T00:00:00Z"),
        ("31", "2026-02-28T08:00:00Z", "2026-03-31T00:00:00Z"),
        ("31", "2026-04-15T08:00:00Z", "2026-04-30T00:00:00Z"),
        ("30", "2028-02-10T08:00:00Z", "2028-02-29T00:00:00Z"),
        ("29", "2027-02-10T08:00:00Z", "2027-02-28T00:00:00Z"),
        ("31", "2028-02-29T08:00:00Z", "2028-03-31T00:00:00Z"),
    ] {
        let budget = [("DEPLOY_BUDGET_PER_MONTH", "1"), ("DEPLOY_BUDGET_RESET_DAY", reset)];
        let mut edge = edge(&[&QUICK[..], &budget].concat());
        for (key, time) in
            [("a", moment(spent_at)), ("b", moment(spent_at).plus(std::time::Duration::from_millis(1)))]
        {
            edge.run_until(time);
            edge.accept(&message(key, &event(Kind::Updated, None)));
            edge.run_until(time);
        }
        edge.run_until(edge.now.plus(std::time::Duration::from_secs(40 * 24 * 3600)));
        assert_eq!(calls(&mut edge, "default"), [spent_at, begins_anew], "{reset}");
    }
}

#[test]
fn a_month_that_began_last_year_goes_on_in_the_new_one() {
    let budget = [("DEPLOY_BUDGET_PER_MONTH", "1"), ("DEPLOY_BUDGET_RESET_DAY", "15")];
    let mut edge = edge(&[&QUICK[..], &budget].concat());
    for (key, time) in [("a", "2026-12-20T00:00:00Z"), ("b", "2027-01-05T00:00:00Z")] {
        edge.run_until(moment(time));
        edge.accept(&message(key, &event(Kind::Updated, None)));
    }
    edge.run_until(moment("2027-01-20T00:00:00Z"));
    assert_eq!(calls(&mut edge, "default"), ["2026-12-20T00:00:00Z", "2027-01-15T00:00:00Z"]);
}

#[test]
fn a_reset_day_that_is_moved_does_not_forget_what_was_spent() {
    const BUDGET: (&str, &str) = ("DEPLOY_BUDGET_PER_MONTH", "3");
    const MOVED: &[(&str, &str)] = &[QUICK[0], QUICK[1], BUDGET, ("DEPLOY_BUDGET_RESET_DAY", "31")];
    let mut edge = edge(&[&QUICK[..], &[BUDGET]].concat());
    // On the 31st of January three are spent; the month begins on that very day then.
    let spend = ["a", "b", "c"].map(Publish).into_iter().zip([0, 10, 20]).map(|(step, at)| (at, step));
    let mut steps: Vec<(i64, Do)> = spend.collect();
    steps.extend([(21, Deploy("default")), (30, Do::Settings(MOVED)), (40, Publish("d"))]);
    perform(&mut edge, &steps, DAY);
    assert!(transcript(&edge).len() <= 3, "{:?}", transcript(&edge));
}

#[test]
fn a_build_that_is_known_to_run_is_waited_for() {
    let build = |running| Do::Build("boottify", running);
    // Edits that come meanwhile make one more build, as soon as the first is over.
    let edits =
        [(0, Publish("a")), (11, build(true)), (15, Publish("b")), (80, Publish("c")), (200, build(false))];
    check(&[], &edits, 300, &["10 default a", "200 default c b"]);
    // One without a word of its end is believed to run for twenty minutes.
    check(&[], &[(0, build(true)), (5, Publish("a"))], 1300, &["1200 default a"]);
    check(&[], &[(0, build(true)), (5, Publish("a")), (900, build(true))], 2200, &["2100 default a"]);
    // Over before anything waits.
    check(&[], &[(0, build(true)), (3, build(false)), (5, Publish("a"))], 100, &["15 default a"]);
    // Deploy now is not held back.
    check(&[], &[(0, build(true)), (5, Deploy("default"))], 100, &["5 default"]);
}

#[test]
fn of_several_targets_the_connections_name_tells_whose_build_it_is() {
    let two = [("DEPLOY_HOOK_URL__BLOG", HOOK)];
    let steps = |connection| [(0, Do::Build(connection, true)), (5, Publish("a"))];
    check(&two, &steps("boottify/blog"), 100, &["15 default a"]);
    check(&two, &steps("boottify"), 100, &["15 default a", "15 blog a"]);
    check(&two, &steps("boottify/other"), 100, &["15 default a", "15 blog a"]);
}
