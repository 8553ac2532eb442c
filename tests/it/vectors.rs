//! Every sender's vector file against `receive`, with the cases that each accepted one implies.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use presshook::builds::Report;
use presshook::contract::Rejection;
use presshook::event::{Delivery, Item, Timestamp};
use presshook::samples::{self, Accepted, Vectors};
use presshook::settings::Settings;
use presshook::signature::{self, Mac, Place, Scheme};
use presshook::sources::{SOURCES, Source};

use crate::{NOW, receive, request};

/// The one place where the code under test is called.
fn check(
    settings: &Settings,
    source: &Source,
    headers: &[(String, String)],
    body: &[u8],
    now: Timestamp,
) -> Result<Delivery, Rejection> {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let named = receive(settings, &request("POST", &crate::named(source), &headers, body), now);
    if in_header(source, settings) {
        let nameless = receive(settings, &request("POST", "/api/webhook", &headers, body), now);
        assert_eq!(nameless.is_ok(), named.is_ok(), "the named and the nameless URL must agree");
    }
    named
}

/// The item of a case's first event with all that it says.
fn whole(settings: &Settings, source: &Source, case: &Accepted) -> Option<BTreeMap<String, toml::Value>> {
    let pairs = headers(&case.headers);
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = request("POST", &crate::named(source), &pairs, case.body.as_bytes());
    let connection = settings
        .connections
        .iter()
        .find(|it| it.source == source && !it.secrets.is_empty())
        .expect("it is configured");
    let verified = signature::verify(connection, &request, moment(case.now)).expect("accepted");
    let parsed = (source.parse)(&verified).expect("accepted");
    parsed.events.first().and_then(|it| it.item.as_ref()).map(fields)
}

/// Whether its proof is in a header and fits any URL, so that the nameless one finds it.
fn in_header(source: &Source, settings: &Settings) -> bool {
    // A signed path is that of one URL.
    let path = source.schemes.iter().any(|it| it.content.contains("path}"));
    !path && settings.connections.iter().any(|it| it.source == source && !it.headers().is_empty())
}

/// Whether what proves a case covers the body: a token does not.
fn signs(source: &Source, secret: &str, case: &Accepted) -> bool {
    let there = |name: &str| case.headers.keys().any(|it| it.eq_ignore_ascii_case(name));
    let proves = |it: &&Scheme<'_>| {
        it.when.holds(secret, |name| case.settings.get(name).map(String::as_str))
            && it.signature.iter().any(|place| matches!(place, Place::Header(name) if there(name)))
    };
    source.schemes.iter().find(proves).is_some_and(|it| !matches!(it.mac, Mac::Token | Mac::Basic))
}

/// Whether a header is signed itself, or holds the signature.
fn is_signed(source: &Source, settings: &Settings, case: &Accepted, name: &str) -> bool {
    let timed = |it: &Scheme<'_>| it.time.is_some_and(|time| time.places.contains(&Place::Header(name)));
    let listed = case.headers.get("x-contentful-signed-headers");
    settings.connections[0].headers().iter().any(|it| it == name)
        || source.schemes.iter().any(|it| it.id.contains(&name) || timed(it))
        || listed.is_some_and(|list| list.contains(name))
}

fn moment(now: Option<i64>) -> Timestamp {
    now.map_or(NOW, Timestamp)
}

fn settings_with(source: &Source, secret: &str) -> Settings {
    Settings::read([(source.secret_setting(), secret.to_owned())])
}

fn settings_of(source: &Source, secret: &str, case: &Accepted) -> Settings {
    let more = case.settings.iter().map(|(name, value)| (name.clone(), value.clone()));
    Settings::read(more.chain([(source.secret_setting(), secret.to_owned())]))
}

fn secret_of<'a>(vectors: &'a Vectors, case: &'a Accepted) -> &'a str {
    case.secret.as_deref().unwrap_or(&vectors.secret)
}

fn headers(case: &BTreeMap<String, String>) -> Vec<(String, String)> {
    case.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Calls a test with every accepted case of every sender.
pub(crate) fn each_accepted(test: impl Fn(&'static Source, &Settings, &Accepted)) {
    for source in SOURCES {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        assert!(!vectors.accepted.is_empty() && !vectors.rejected.is_empty(), "{} has both", source.name);
        for case in &vectors.accepted {
            test(source, &settings_of(source, secret_of(&vectors, case), case), case);
        }
    }
}

/// News in the form of the vector files.
fn texts_of(report: &Report) -> BTreeMap<String, String> {
    let time = |at: Timestamp| at.to_string();
    let all = [
        ("said", Some(report.said.name().to_owned())),
        ("reference", report.reference.clone()),
        ("began", report.began.map(time)),
        ("reason", report.reason.clone()),
        ("url", report.url.clone()),
        ("at", Some(time(report.at))),
    ];
    all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect()
}

#[test]
fn news_of_builds_is_understood_and_that_of_previews_is_none() {
    let told = RefCell::new(BTreeSet::new());
    each_accepted(|source, settings, case| {
        let delivery =
            check(settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now));
        let reports = source.reports(&delivery.expect("accepted"), case.body.as_bytes());
        let given: Vec<BTreeMap<String, String>> = reports.iter().map(texts_of).collect();
        assert_eq!(given, Vec::from_iter(case.news.clone()), "{} {}", source.name, case.name);
        told.borrow_mut().extend(reports.iter().map(|it| (source.name, it.said.name())));
    });
    for host in ["boottify", "cloudflare", "github", "netlify", "vercel"] {
        for said in ["building", "built", "failed"] {
            assert!(told.borrow().contains(&(host, said)), "no case of {host} says `{said}`");
        }
    }
}

#[test]
fn accepted_cases_are_understood() {
    each_accepted(|source, settings, case| {
        let delivery =
            check(settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now))
                .unwrap_or_else(|error| panic!("{} {}: {error}", source.name, case.name));
        let event = delivery.event().expect("a delivery has an event");
        let label = format!("{} {}", source.name, case.name);
        assert_eq!(event.kind.name(), case.kind, "{label}");
        assert_eq!(delivery.key.0, case.key, "{label}");
        assert_eq!(event.at.map(|at| at.to_string()), case.at, "{label}");
        // What an article says is for whoever writes articles.
        let mut without_texts = case.item.clone();
        without_texts
            .iter_mut()
            .for_each(|it| it.retain(|name, _| !["html", "markdown", "plain_text"].contains(&name.as_str())));
        assert_eq!(event.item.as_ref().map(fields), without_texts, "{label}");
        assert_eq!(whole(settings, source, case), case.item, "{label}");
        assert_eq!(delivery.verified_by, source.secret_setting(), "{label}");
    });
}

#[test]
fn rejected_cases_are_rejected_for_their_reason() {
    for source in SOURCES {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let settings = settings_with(source, &vectors.secret);
        for case in &vectors.rejected {
            let rejection =
                check(&settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now))
                    .expect_err(&format!("{} {} must be rejected", source.name, case.name));
            let reason = rejection.to_string();
            assert_eq!(rejection.status().as_u16(), case.status, "{}: {reason}", case.name);
            assert!(reason.contains(&case.reason), "{}: {reason}", case.name);
        }
    }
}

#[test]
fn a_changed_byte_anywhere_in_the_body_is_refused() {
    each_accepted(|source, settings, case| {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        if !signs(source, secret_of(&vectors, case), case) {
            return;
        }
        for at in 0..case.body.len() {
            let mut body = case.body.clone().into_bytes();
            body[at] ^= 1;
            refused(check(settings, source, &headers(&case.headers), &body, moment(case.now)));
        }
        let longer = format!("{}\n", case.body);
        refused(check(settings, source, &headers(&case.headers), longer.as_bytes(), moment(case.now)));
    });
}

#[test]
fn a_changed_character_anywhere_in_the_signature_is_refused() {
    each_accepted(|source, settings, case| {
        for (index, (name, value)) in headers(&case.headers).iter().enumerate() {
            if !settings.connections[0]
                .headers()
                .iter()
                .any(|header| name.eq_ignore_ascii_case(header.as_str()))
            {
                continue;
            }
            for at in 0..value.len() {
                for replacement in [b'0', b'f', b'F', b' '] {
                    let mut changed = value.clone().into_bytes();
                    if changed[at] == replacement {
                        continue;
                    }
                    changed[at] = replacement;
                    let mut headers = headers(&case.headers);
                    headers[index].1 = String::from_utf8(changed).expect("ASCII");
                    refused(check(settings, source, &headers, case.body.as_bytes(), moment(case.now)));
                }
            }
            let mut twice = headers(&case.headers);
            twice.push((name.clone(), value.clone()));
            refused(check(settings, source, &twice, case.body.as_bytes(), moment(case.now)));
        }
    });
}

#[test]
fn only_the_signed_headers_matter() {
    each_accepted(|source, settings, case| {
        for index in 0..case.headers.len() {
            let mut fewer = headers(&case.headers);
            let (name, _) = fewer.remove(index);
            let signed = is_signed(source, settings, case, &name.to_ascii_lowercase());
            let result = check(settings, source, &fewer, case.body.as_bytes(), moment(case.now));
            if signed {
                refused(result);
            } else {
                let key = result.expect("an unsigned header may be left out").key.0;
                assert_eq!(key, case.key, "without `{name}` a repeat must still be one");
            }
        }
    });
}

#[test]
fn another_secret_is_refused() {
    each_accepted(|source, _, case| {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let settings = settings_of(source, &samples::another(secret_of(&vectors, case)), case);
        refused(check(&settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now)));
    });
}

#[test]
fn the_previous_secret_still_verifies_and_is_named() {
    each_accepted(|source, _, case| {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let previous = format!("{}_PREVIOUS", source.secret_setting());
        let more = case.settings.iter().map(|(name, value)| (name.clone(), value.clone()));
        let settings = Settings::read(more.chain([
            (source.secret_setting(), samples::another(secret_of(&vectors, case))),
            (previous.clone(), secret_of(&vectors, case).to_owned()),
        ]));
        let delivery =
            check(&settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now))
                .expect("accepted");
        assert_eq!(delivery.verified_by, previous);
    });
}

#[test]
fn with_all_senders_set_up_exactly_one_is_found() {
    let secrets: Vec<(&Source, String)> = SOURCES
        .iter()
        .map(|source| (*source, Vectors::of(source).expect("the vector file is well-formed").secret))
        .collect();
    each_accepted(|source, _, case| {
        let secrets = secrets.iter().map(|(other, secret)| {
            let own = case.secret.as_ref().filter(|_| *other == source);
            (other.secret_setting(), own.unwrap_or(secret).clone())
        });
        let own = case.settings.iter().map(|(name, value)| (name.clone(), value.clone()));
        let custom = (source.name != "custom").then(|| ("CUSTOM_MAC".to_owned(), "token".to_owned()));
        let settings = Settings::read(secrets.chain(own).chain(custom));
        assert_eq!(settings.problems, []);
        let delivery =
            check(&settings, source, &headers(&case.headers), case.body.as_bytes(), moment(case.now))
                .expect("accepted");
        assert_eq!(delivery.source.name, source.name);
    });
}

#[test]
fn samples_are_new_events_signed_as_their_sender_signs() {
    each_accepted(|source, settings, case| {
        if !case.is_sample() {
            return;
        }
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let secret = &settings.connections[0].secrets[0];
        let sample = samples::request(source, &case.name, "sample-1", NOW, secret, &crate::named(source))
            .expect("there is a sample");
        let headers: Vec<_> = sample
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        let delivery = check(settings, source, &headers, sample.body(), NOW).expect("accepted");
        if vectors.fresh.id.is_some() {
            assert_eq!(delivery.key.0, "sample-1");
        }
        // Where a sender signs neither an id nor a time, the same words are the same bytes.
        let fresh = &vectors.fresh;
        if [&fresh.id, &fresh.time, &fresh.seconds].iter().any(|it| it.is_some()) {
            assert_ne!(delivery.key.0, case.key, "a sample is a new event");
        }
        if case.at.is_some() && (vectors.fresh.time.is_some() || vectors.fresh.seconds.is_some()) {
            assert_eq!(delivery.event().expect("an event").at, Some(NOW));
        }
    });
}

fn refused(result: Result<Delivery, Rejection>) {
    match result {
        Err(Rejection::Signature(_)) => {}
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// An item as a vector file writes it: empty fields left out.
pub(crate) fn fields(item: &Item) -> BTreeMap<String, toml::Value> {
    let image = item.image.as_ref().map(|image| image.url.clone());
    let published_at = item.published_at.map(|at| at.to_string());
    let updated_at = item.updated_at.map(|at| at.to_string());
    let alt = item.image.as_ref().and_then(|image| image.alt.clone());
    let texts = [
        ("id", &item.id),
        ("site", &item.site),
        ("content_type", &item.content_type),
        ("status", &item.status),
        ("subroute", &item.subroute),
        ("url", &item.url),
        ("author", &item.author),
        ("seo_title", &item.seo.title),
        ("image_alt", &alt),
        ("updated_at", &updated_at),
        ("title", &item.title),
        ("slug", &item.slug),
        ("language", &item.language),
        ("language_name", &item.language_name),
        ("market", &item.market),
        ("excerpt", &item.excerpt),
        ("html", &item.html),
        ("markdown", &item.markdown),
        ("plain_text", &item.plain_text),
        ("image", &image),
        ("description", &item.seo.description),
        ("published_at", &published_at),
    ];
    let lists = [
        ("changes", &item.changes),
        ("tags", &item.tags),
        ("categories", &item.categories),
        ("keywords", &item.seo.keywords),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, toml::Value::from(text.clone()?))));
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let lists = lists.map(|(name, list)| (name, toml::Value::from(list.clone())));
    texts.chain(lists).map(|(name, value)| (name.to_owned(), value)).collect()
}
