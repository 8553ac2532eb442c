//! What edges count of the requests that are not stored: what is kept of refusals, and that no flood makes more of it.

use presshook::contract::{self, Rejection, Resource};
use presshook::event::{Kind, Timestamp};
use presshook::inbox::counts::{Count, Counts};
use presshook::inbox::{refusals, tallies};
use presshook::native::store::Store;
use presshook::payload::ParseError;
use presshook::settings::Settings;
use presshook::signature::SignatureError;
use serde_json::{Value, json};

use crate::coalescing::at;
use crate::{NOW, SECRET, settings};

const SECOND: i64 = 1000;

fn shop() -> Settings {
    settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "another secret")])
}

fn signature(error: SignatureError) -> Rejection {
    Rejection::Signature(error)
}

fn refused(settings: &Settings, path: &str, rejection: &Rejection) -> Count {
    let Ok(Resource::Webhook(endpoint)) = contract::resource(settings, path) else { panic!("{path}") };
    Count::refused(&endpoint, rejection)
}

/// An edge and its inbox: how often it was told something, and how much.
struct Flooded {
    counts: Counts,
    store: Store,
    /// When what is held is to be passed on.
    passing: Option<Timestamp>,
    messages: usize,
    longest: usize,
    most: usize,
}

impl Flooded {
    fn new() -> Flooded {
        let store = Store::in_memory().expect("a store");
        Flooded { counts: Counts::NONE, store, passing: None, messages: 0, longest: 0, most: 0 }
    }

    fn seen(&mut self, count: Count, now: Timestamp) {
        self.pass_on(now);
        let asked = self.counts.add(count, now);
        assert!(asked.is_none() || self.passing.is_none(), "two are asked to pass on the same");
        self.passing = self.passing.or(asked);
        self.most = self.most.max(self.counts.len());
        self.pass_on(now);
    }

    fn pass_on(&mut self, now: Timestamp) {
        if self.passing.is_none_or(|at| at > now) {
            return;
        }
        self.passing = None;
        let text = Count::to_text(&self.counts.take(now));
        (self.messages, self.longest) = (self.messages + 1, self.longest.max(text.len()));
        self.store.commit(refusals::record(&Count::read(&text), now)).expect("it is noted");
    }

    fn list(&mut self) -> Vec<Value> {
        let page = self.store.commit(refusals::list()).expect("it lists");
        let page: Value = serde_json::from_str(&page).expect("JSON");
        page["refusals"].as_array().expect("a list").clone()
    }
}

#[test]
fn a_refusal_is_kept_in_the_owners_words_and_without_what_a_stranger_chose() {
    let header = || "x-blogshoot-signature".to_owned();
    let settings = shop();
    for (rejection, status, name, reason) in [
        (
            signature(SignatureError::Missing { header: header() }),
            401,
            "signature",
            "no `x-blogshoot-signature` header: the request is not from this sender, or no secret is set at the sender",
        ),
        (
            signature(SignatureError::UnexpectedPrefix { header: header(), found: "<script>=".to_owned() }),
            401,
            "signature",
            "`x-blogshoot-signature` begins with a prefix that this sender does not write: the request is from another \
             sender, or from a script that signs for one",
        ),
        (
            signature(SignatureError::WrongLength { header: header(), found: 7, expected: 64 }),
            401,
            "signature",
            "`x-blogshoot-signature` has another length than a signature: it was cut off or is of another kind",
        ),
        (
            signature(SignatureError::TooOld { seconds: 4711 }),
            401,
            "signature",
            "the signature is good, but too old by the clock",
        ),
        (
            signature(SignatureError::Future { seconds: 4711 }),
            401,
            "signature",
            "the signature is good, but its time lies ahead: a clock is wrong",
        ),
        (
            Rejection::TooMany { reason: "the signature does not fit".to_owned() },
            429,
            "too_many",
            "more than 100 failures a minute came from one address",
        ),
        (
            Rejection::Payload(ParseError::NotJson { reason: "line 4711".to_owned() }),
            400,
            "payload",
            "the body is not JSON",
        ),
        (
            Rejection::Payload(ParseError::Missing { field: "event_type" }),
            400,
            "payload",
            "`event_type` is missing or not a text",
        ),
        (
            Rejection::TooLarge { limit: 1024 },
            413,
            "too_large",
            "the body is longer than the 1024 bytes that `MAX_BODY_BYTES` allows",
        ),
    ] {
        let count = refused(&settings, "/api/webhook/blogshoot/shop", &rejection);
        assert_eq!((count.status, count.reason.as_str()), (status, reason), "{rejection:?}");
        assert_eq!(count.path, "/api/webhook/blogshoot/shop");
        let label = format!(r#"connection="blogshoot/shop",source="blogshoot",reason="{name}""#);
        assert_eq!(count.label, label);
        assert_eq!(Count::read(&Count::to_text(&[count.clone(), count.clone()])), [count.clone(), count]);
    }
}

#[test]
fn aliases_and_slashes_are_one_path_and_the_nameless_one_is_another() {
    let mut edge = Flooded::new();
    let settings = shop();
    let rejection = Rejection::Unread;
    for path in
        ["/api/webhook/blogshoot", "/webhook/blogshoot", "/webhook/blogshoot/", "/api/webhook", "/webhook"]
    {
        edge.seen(refused(&settings, path, &rejection), NOW);
    }
    let listed = edge.list();
    let told: Vec<(&Value, &Value)> = listed.iter().map(|it| (&it["path"], &it["count"])).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&(&json!("/api/webhook/blogshoot"), &json!(3))), "{told:?}");
    assert!(told.contains(&(&json!("/api/webhook"), &json!(2))), "{told:?}");
}

#[test]
fn a_flood_makes_few_writes_few_rows_and_right_counts() {
    let mut edge = Flooded::new();
    let settings = shop();
    let (requests, apart) = (200_000_i64, 3);
    for index in 0..requests {
        let now = Timestamp(NOW.0 + index * apart);
        // Each differs in all that whoever sends it may choose.
        let rejection = match index % 4 {
            0 => signature(SignatureError::Unfitting),
            1 => signature(SignatureError::UnexpectedPrefix {
                header: "x-blogshoot-signature".to_owned(),
                found: format!("{index}="),
            }),
            2 => signature(SignatureError::TooOld { seconds: u64::try_from(index).expect("a number") }),
            _ => Rejection::TooMany { reason: format!("{index}") },
        };
        let path = if index % 2 == 0 { "/webhook/blogshoot" } else { "/webhook/blogshoot/shop/" };
        edge.seen(refused(&settings, path, &rejection), now);
    }
    let end = Timestamp(NOW.0 + requests * apart + 20 * SECOND);
    edge.pass_on(end);
    let seconds = usize::try_from(requests * apart / SECOND).expect("a number");
    assert!(edge.messages <= 10 + seconds / 10 + 1, "{} messages in {seconds} s", edge.messages);
    assert!(edge.most <= 4 && edge.longest < 2000, "{} counts, {} bytes", edge.most, edge.longest);
    let listed = edge.list();
    let counts: Vec<i64> = listed.iter().filter_map(|it| it["count"].as_i64()).collect();
    assert_eq!(counts, [requests / 4; 4], "{listed:#?}");
    assert_eq!(listed.iter().filter(|it| it["path"] == "/api/webhook/blogshoot/shop").count(), 2);
    // And in the sums of the hours.
    let hours = edge.store.commit(presshook::store::read(vec![tallies::hours(end)])).expect("it reads");
    let hours = tallies::read_hours(&hours[0]).expect("hours");
    assert_eq!(hours.iter().map(|it| it.refused).sum::<i64>(), requests, "{hours:?}");
}

#[test]
fn reasons_without_number_are_held_as_one_and_only_the_last_rows_are_kept() {
    let mut edge = Flooded::new();
    let settings = shop();
    let mut now = NOW;
    let many = 5000;
    for index in 0..many {
        now = Timestamp(NOW.0 + index);
        let header = format!("x-{index}-{}", "long".repeat(1000));
        let rejection = signature(SignatureError::Repeated { header });
        edge.seen(refused(&settings, "/webhook", &rejection), now);
    }
    assert!(edge.most <= 74, "{} are held", edge.most);
    assert!(edge.longest < 74 * 500, "{} bytes at once", edge.longest);
    edge.pass_on(at(100));
    for index in 0..400 {
        now = at(1000 + 100 * index);
        let header = format!("x-{index}");
        let rejection = signature(SignatureError::Repeated { header });
        edge.seen(refused(&settings, "/webhook", &rejection), now);
    }
    let listed = edge.list();
    assert_eq!(listed.len(), 200);
    assert_eq!(listed[0]["reason"], "`x-399` was given more than once");
    assert_eq!(listed[199]["reason"], "`x-200` was given more than once");
    let hours = edge.store.commit(presshook::store::read(vec![tallies::hours(now)])).expect("it reads");
    let hours = tallies::read_hours(&hours[0]).expect("hours");
    assert_eq!(hours.iter().map(|it| it.refused).sum::<i64>(), many + 400, "nothing is lost of the sum");
}

#[test]
fn what_could_not_be_passed_on_is_in_the_next_message() {
    let settings = shop();
    let mut counts = Counts::NONE;
    let count = || refused(&settings, "/webhook", &Rejection::Unread);
    assert_eq!(counts.add(count(), at(0)), Some(at(0)));
    let lost = counts.take(at(0));
    assert!(counts.is_empty());
    assert_eq!(counts.add(count(), at(1)), Some(at(1)), "the next is passed on by itself");
    counts.give_back(lost);
    let [both] = counts.take(at(1)).try_into().expect("one count");
    assert_eq!(both.count, 2);
    // Whoever was asked is gone, as where the runtime has ended its request: another is asked.
    assert_eq!(counts.add(count(), at(2)), Some(at(2)));
    assert_eq!(counts.add(count(), at(61)), None);
    assert_eq!(counts.add(count(), at(62)), Some(at(62)));
    assert_eq!(counts.take(at(62)).iter().map(|it| it.count).sum::<i64>(), 3);
}

#[test]
fn ten_messages_leave_at_once_and_then_one_in_ten_seconds() {
    let settings = shop();
    let mut counts = Counts::NONE;
    let mut sent = Vec::new();
    let mut passing = None;
    for tenth in 0..600 {
        let now = Timestamp(NOW.0 + tenth * 100);
        passing = passing.or(counts.add(refused(&settings, "/webhook", &Rejection::Unread), now));
        if passing.is_some_and(|at| at <= now) {
            passing = None;
            sent.push((tenth / 10, counts.take(now).iter().map(|it| it.count).sum::<i64>()));
        }
    }
    let after: Vec<i64> = sent.iter().skip(10).map(|(second, _)| *second).collect();
    assert!(sent.iter().take(10).all(|it| *it == (0, 1)), "{sent:?}");
    assert_eq!(after.len(), 5, "{sent:?}");
    assert!(after.windows(2).all(|it| it[1] - it[0] >= 10), "{sent:?}");
    assert!(sent.iter().skip(11).all(|it| it.1 == 100), "what came meanwhile is in it: {sent:?}");
}

#[test]
fn a_repeat_is_counted_and_is_no_refusal() {
    let settings = shop();
    let body = br#"{"event_id":"evt_1","event_type":"article.created","article":{"id":"a"}}"#;
    let source = presshook::sources::SOURCES.iter().find(|it| it.name == "blogshoot").expect("it is there");
    let headers = crate::sign(source, SECRET, body);
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = crate::request("POST", "/webhook/blogshoot", &headers, body);
    let delivery = crate::receive(&settings, &request, NOW).expect("it is genuine");
    assert_eq!(delivery.event().map(|it| it.kind), Some(Kind::Published));
    let mut edge = Flooded::new();
    for _ in 0..3 {
        edge.seen(Count::unstored(&delivery, Count::DUPLICATE), NOW);
    }
    assert_eq!(edge.list(), [] as [Value; 0]);
    let text = edge.store.commit(presshook::inbox::metrics::text(&settings, NOW)).expect("it is told");
    let line = r#"presshook_deliveries_total{connection="blogshoot",source="blogshoot",outcome="duplicate",kind="published"} 3"#;
    assert!(text.lines().any(|it| it == line), "{text}");
}
