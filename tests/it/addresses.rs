//! Whatever a sender calls its items, only pages of the owner's site are told of, as a browser reads their addresses.

use presshook::actions::{Action, Step};
use presshook::event::{Key, Timestamp};
use presshook::outbox::{Carried, Job, Told};
use presshook::settings::DEFAULT;
use proptest::prelude::*;
use reqwest::Url;
use serde_json::{Value, json};

use crate::{NOW, settings};

/// What addresses are attacked with, and what they are made of.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "https:",
            "http:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            "%",
            "%2e",
            "%2f",
            "%5c",
            "%00",
            "..",
            ".",
            "evil.example",
            "www.example.com",
            "www.example.com:443",
            "[::1]",
            "javascript:",
            "\t",
            "\n",
            " ",
            "&",
            "a",
            "%e4%bd%a0",
            "ü",
            "。",
            "／",
            "\u{202e}",
            "xn--",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(part, 0..7).prop_map(|parts| parts.concat())
}

/// The addresses that an action tells of for an item.
fn told(action: &str, further: &[(&str, &str)], site: &str, item: &Value) -> Vec<String> {
    let settings = settings(&[further, &[("SITE_URL", site)]].concat());
    assert_eq!(settings.problems, []);
    let events = json!([{ "kind": "updated", "name": "x", "item": item }]).to_string();
    let told =
        Told { connection: "custom".to_owned(), event_id: "1".to_owned(), events, received_at: Timestamp(0) };
    let action = Action::named(action).expect("it is in the list");
    let job = Job {
        action,
        target: DEFAULT.to_owned(),
        source: "custom".to_owned(),
        event_id: Key("1".to_owned()),
        carried: Some(Carried { deliveries: vec![told], ..Carried::default() }),
    };
    let Step::Send(request) = (action.step)(&settings, &job, &[], NOW) else { return Vec::new() };
    let body: Value = serde_json::from_slice(request.body()).expect("JSON");
    let list = body.get("urlList").or(body.get("files")).and_then(Value::as_array).expect("a list");
    list.iter().map(|it| it.as_str().expect("a text").to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_address_leads_away_from_the_site(
        [url, slug, subroute, language] in [hostile(), hostile(), hostile(), hostile()],
        path in prop::sample::select(vec!["/{subroute}/{slug}/", "/{locale}/{slug}", "/a/{slug}.html", "/{slug}"]),
        site in prop::sample::select(vec!["https://www.example.com", "https://www.example.com/part/of/it/"]),
    ) {
        let item = json!({ "url": url, "slug": slug, "subroute": subroute, "language": language });
        let key = [("INDEXNOW_KEY", "a-key-of-ours"), ("SITE_PATH", path)];
        let zone = [
            ("CLOUDFLARE_ZONE_ID", "023e105f4ecef8ad9ca31a8372d0c353"),
            ("CLOUDFLARE_PURGE_TOKEN", "a-token-of-ours-for-it"),
            ("SITE_PATH", path),
        ];
        for address in [told("indexnow", &key, site, &item), told("purge", &zone, site, &item)].concat() {
            prop_assert!(address.is_ascii(), "{address}");
            let read = Url::parse(&address).expect("an address");
            prop_assert_eq!(read.host_str(), Some("www.example.com"), "{}", address);
            prop_assert_eq!((read.scheme(), read.port()), ("https", None), "{}", &address);
            prop_assert!(read.username().is_empty() && read.password().is_none(), "{address}");
            // As a browser reads it, without steps upward.
            let base = site.trim_end_matches('/');
            prop_assert!(read.as_str() == base || read.as_str().starts_with(&format!("{base}/"))
                || read.as_str().starts_with(&format!("{base}?")), "{address} is not below {site}");
        }
    }
}
