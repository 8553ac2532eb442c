//! Who a client is, by peer and headers, and how often it may fail: cases as data, and the limit against a plain model.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use presshook::native::clients::{Client, Failures, Proxies};
use proptest::collection::vec;
use proptest::prelude::*;

const REAL: &str = "x-real-ip";
const FORWARDED: &str = "x-forwarded-for";
const PEER: &str = "127.0.0.1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no address"))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("the test's header is well-formed");
        (HeaderName::from_static(name), value)
    };
    pairs.iter().map(pair).collect()
}

/// Whether a request is from these addresses: the one for the log, and the other that is counted.
#[track_caller]
fn check(trusted: &str, peer: &str, pairs: &[(&'static str, &str)], expected: &[&str]) {
    let proxies = Proxies::read(trusted).expect(trusted);
    let client = proxies.address(ip(peer), &headers(pairs));
    let found: Vec<IpAddr> = [client.address].into_iter().chain(client.other).collect();
    let expected: Vec<IpAddr> = expected.iter().map(|it| ip(it)).collect();
    assert_eq!(found, expected, "{trusted}, {peer}, {pairs:?}");
}

#[test]
fn headers_of_who_is_not_trusted_say_nothing() {
    let claims = [(REAL, "203.0.113.5"), (FORWARDED, "203.0.113.6")];
    for (trusted, peer) in [
        ("loopback", "198.51.100.1"),
        ("loopback", "2001:db8::1"),
        ("10.0.0.0/8", "127.0.0.1"),
        ("10.0.0.1", "10.0.0.2"),
        ("2001:db8::/64", "2001:db8:0:1::1"),
    ] {
        check(trusted, peer, &claims, &[peer]);
    }
}

#[test]
fn trusted_are_the_addresses_the_ranges_and_this_machine() {
    let claim = [(REAL, "203.0.113.5")];
    for (trusted, peer) in [
        ("loopback", "127.0.0.1"),
        ("loopback", "127.8.9.10"),
        ("loopback", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1,loopback", "127.0.0.1"),
        (" 192.0.2.7 , 10.0.0.0/8 ", "10.255.0.1"),
        ("10.1.2.3/8", "10.255.0.1"),
        ("0.0.0.0/0", "198.51.100.1"),
        ("2001:db8::/32", "2001:db8:ffff::1"),
    ] {
        check(trusted, peer, &claim, &["203.0.113.5"]);
    }
    assert_eq!(Proxies::default(), Proxies::read("loopback").expect("the default"));
}

#[test]
fn a_setting_that_names_no_address_is_refused_with_its_place_and_what_would_be_right() {
    for (text, place) in [
        ("", 1),
        (" ", 1),
        ("localhost", 1),
        ("10.0.0.1,", 2),
        ("10.0.0.1 10.0.0.2", 1),
        ("loopback, 10.0.0.0/33", 2),
        ("10.0.0.0/8, 2001:db8::/129", 2),
        ("10.0.0", 1),
        ("10.0.0.1:80", 1),
        ("Loopback", 1),
    ] {
        let error = Proxies::read(text).expect_err(text).to_string();
        let expected = format!(
            "`TRUSTED_PROXIES` cannot be used: it must be addresses and ranges separated by commas, such as `10.0.0.1, \
             192.168.0.0/16`, or `loopback` for this machine; entry {place} is neither"
        );
        assert_eq!(error, expected, "`{text}`");
    }
}

#[test]
fn one_header_names_the_client() {
    for (header, expected) in [
        ((REAL, "203.0.113.5"), "203.0.113.5"),
        ((REAL, " 203.0.113.5 "), "203.0.113.5"),
        ((REAL, "2001:db8::5"), "2001:db8::5"),
        ((FORWARDED, "203.0.113.6"), "203.0.113.6"),
        ((FORWARDED, "2001:DB8::6"), "2001:db8::6"),
        // As some proxies write it.
        ((FORWARDED, "203.0.113.6:4711"), "203.0.113.6"),
        ((FORWARDED, "[2001:db8::6]:4711"), "2001:db8::6"),
        ((FORWARDED, "[2001:db8::6]"), "2001:db8::6"),
        // What the client sent is on the left.
        ((FORWARDED, "198.51.100.9, 203.0.113.6"), "203.0.113.6"),
        ((FORWARDED, "not an address, 203.0.113.6"), "203.0.113.6"),
        ((FORWARDED, "198.51.100.9, 203.0.113.6, 10.0.0.1"), "203.0.113.6"),
        ((FORWARDED, "198.51.100.9,203.0.113.6,127.0.0.1,10.2.3.4"), "203.0.113.6"),
        // A client that is on the way itself.
        ((FORWARDED, "10.0.0.7, 10.0.0.1"), "10.0.0.7"),
        ((REAL, "10.0.0.7"), "10.0.0.7"),
    ] {
        check("loopback, 10.0.0.0/8", PEER, &[header], &[expected]);
    }
}

#[test]
fn malformed_headers_are_as_if_they_were_missing() {
    for text in ["", " ", ",", "unknown", "203.0.113", "203.0.113.6 203.0.113.7", "fe80::1%eth0", "\u{e9}"] {
        check("loopback", PEER, &[(FORWARDED, text)], &[PEER]);
        check("loopback", PEER, &[(REAL, text)], &[PEER]);
        check("loopback", PEER, &[(REAL, text), (FORWARDED, "203.0.113.6")], &["203.0.113.6"]);
        check("loopback", PEER, &[(REAL, "203.0.113.5"), (FORWARDED, text)], &["203.0.113.5"]);
    }
    check("loopback", PEER, &[(FORWARDED, "203.0.113.6, unknown")], &[PEER]);
    check("loopback", PEER, &[(FORWARDED, "203.0.113.6, unknown, 127.0.0.1")], &[PEER]);
    check("loopback", PEER, &[(REAL, "203.0.113.5, 203.0.113.6")], &[PEER]);
}

#[test]
fn several_lines_of_a_header_are_one_list() {
    let lines = [(FORWARDED, "198.51.100.9, 198.51.100.10"), (FORWARDED, "203.0.113.6, 127.0.0.1")];
    check("loopback", PEER, &lines, &["203.0.113.6"]);
    let lines = [(FORWARDED, "203.0.113.6"), (FORWARDED, "127.0.0.1")];
    check("loopback", PEER, &lines, &["203.0.113.6"]);
    // Which of two is real cannot be known.
    check("loopback", PEER, &[(REAL, "203.0.113.5"), (REAL, "203.0.113.6")], &[PEER]);
}

#[test]
fn where_the_headers_differ_both_addresses_are_counted() {
    let (real, forwarded) = ((REAL, "203.0.113.5"), (FORWARDED, "198.51.100.9, 203.0.113.6"));
    check("loopback", PEER, &[real, forwarded], &["203.0.113.5", "203.0.113.6"]);
    check("loopback", PEER, &[real, (FORWARDED, "203.0.113.5")], &["203.0.113.5"]);
    check("loopback", PEER, &[real, (FORWARDED, "::ffff:203.0.113.5")], &["203.0.113.5"]);
    // Also where one is trusted: behind a container's network every client can have such an address.
    check("loopback", PEER, &[real, (FORWARDED, "127.0.0.1")], &["203.0.113.5", "127.0.0.1"]);
    check("loopback", PEER, &[(REAL, "127.0.0.1"), forwarded], &["127.0.0.1", "203.0.113.6"]);
}

#[test]
fn ipv4_within_ipv6_is_ipv4() {
    check("loopback", "::ffff:127.0.0.1", &[(REAL, "::ffff:203.0.113.5")], &["203.0.113.5"]);
    check("loopback", "::ffff:198.51.100.1", &[(REAL, "203.0.113.5")], &["198.51.100.1"]);
    for trusted in ["::ffff:10.0.0.0/104", "::ffff:10.0.0.1"] {
        check(trusted, "10.0.0.1", &[(REAL, "203.0.113.5")], &["203.0.113.5"]);
        check(trusted, "10.0.0.1", &[(FORWARDED, "203.0.113.6, ::ffff:10.0.0.1")], &["203.0.113.6"]);
    }
}

fn client(address: impl Into<IpAddr>) -> Client {
    Client { address: address.into(), other: None }
}

#[allow(clippy::disallowed_methods, reason = "a test must begin somewhere")]
fn start() -> Instant {
    Instant::now()
}

/// How many failures in a row are within the limit, up to a thousand.
fn allowed(failures: &mut Failures, client: &Client, now: Instant) -> usize {
    (0..1000).take_while(|_| !failures.failed(client, now)).count()
}

#[test]
fn the_hundred_and_first_failure_within_a_minute_is_beyond_the_limit() {
    let start = start();
    let mut failures = Failures::new(start);
    let address = client(Ipv4Addr::new(203, 0, 113, 5));
    let at = |milliseconds: u64| start + Duration::from_millis(milliseconds);
    assert_eq!(allowed(&mut failures, &address, at(0)), 100);
    assert!(failures.failed(&address, at(59_999)));
    assert_eq!(allowed(&mut failures, &client(Ipv4Addr::new(203, 0, 113, 6)), at(59_999)), 100);
    assert_eq!(allowed(&mut failures, &address, at(60_000)), 100, "what was beyond the limit does not count");
    // They age one by one.
    for index in 0..100 {
        assert!(!failures.failed(&address, at(200_000 + 300 * index)), "{index}");
    }
    assert!(failures.failed(&address, at(259_999)));
    assert_eq!(allowed(&mut failures, &address, at(260_000)), 1);
    assert_eq!(allowed(&mut failures, &address, at(261_500)), 5);
    // Nor do they come back when the milliseconds come round.
    let mut now = at(400_000);
    for round in 0..3 {
        assert_eq!(allowed(&mut failures, &address, now), 100, "round {round}");
        now += Duration::from_millis(1 << 32);
    }
}

#[test]
fn who_has_two_addresses_is_limited_by_either_and_counted_in_both() {
    let (one, two, three) = (ip("203.0.113.5"), ip("203.0.113.6"), ip("203.0.113.7"));
    let now = start();
    let both = Client { address: one, other: Some(two) };
    let mut failures = Failures::new(now);
    assert_eq!(allowed(&mut failures, &client(one), now), 100);
    assert!((0..60).all(|_| failures.failed(&both, now)));
    assert_eq!(allowed(&mut failures, &client(two), now), 40);
    assert!(failures.failed(&Client { address: three, other: Some(one) }, now));
    assert_eq!(allowed(&mut failures, &client(three), now), 99);
    // One address in both headers, or one network, is one failure.
    let mut failures = Failures::new(now);
    let both = Client { address: ip("2001:db8::1"), other: Some(ip("2001:db8::2")) };
    assert_eq!(allowed(&mut failures, &both, now), 100);
}

#[test]
fn a_network_of_ipv6_counts_as_one() {
    let now = start();
    let mut failures = Failures::new(now);
    let mut any =
        (0_u128..).map(|index| client(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + (index << 32))));
    assert!(any.by_ref().take(100).all(|it| !failures.failed(&it, now)));
    assert!(any.by_ref().take(100).all(|it| failures.failed(&it, now)));
    assert!(!failures.failed(&client(ip("2001:db8:0:1::")), now), "the next network");
}

#[test]
fn an_attack_from_a_million_addresses_takes_bounded_memory_and_does_not_hide_who_goes_on() {
    let start = start();
    let mut failures = Failures::new(start);
    let steady = client(ip("203.0.113.5"));
    let mut beyond = 0;
    for index in 0..1_000_000_u32 {
        let now = start + Duration::from_micros(40 * u64::from(index));
        assert!(!failures.failed(&client(Ipv4Addr::from_bits(index)), now), "{index}");
        if index % 4_000 == 0 {
            beyond += u32::from(failures.failed(&steady, now));
        }
        assert!(failures.networks() <= Failures::MOST_NETWORKS);
    }
    assert_eq!(beyond, 150, "of 250 within 40 seconds");
    assert!(failures.networks() > Failures::MOST_NETWORKS / 2);
    failures.failed(&steady, start + Duration::from_secs(200));
    assert_eq!(failures.networks(), 1, "after a quiet time nothing of it is kept");
}

/// The same, from all failures that ever were.
#[derive(Default)]
struct Model(BTreeMap<IpAddr, Vec<Duration>>);

impl Model {
    fn failed(&mut self, client: &Client, now: Duration) -> bool {
        let mut networks: Vec<IpAddr> = [client.address].into_iter().chain(client.other).collect();
        networks.dedup();
        let mut count = |network: &IpAddr| {
            let times = self.0.entry(*network).or_default();
            let within = times.iter().filter(|time| now - **time < Duration::from_secs(60)).count();
            if within < Failures::A_MINUTE {
                times.push(now);
            }
            within >= Failures::A_MINUTE
        };
        networks.iter_mut().map(|it| count(it)).fold(false, |either, it| either | it)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_limit_is_that_of_the_plain_model(
        steps in vec((0_u8..4, 0_u8..4, 1_usize..70, prop_oneof![0_u64..40_000, Just(60_000), Just(4_294_967_296)]), 1..60),
    ) {
        let start = start();
        let (mut failures, mut model) = (Failures::new(start), Model::default());
        let mut now = Duration::ZERO;
        for (one, other, count, wait) in steps {
            now += Duration::from_millis(wait);
            let address = |last| IpAddr::from(Ipv4Addr::new(203, 0, 113, last));
            let client = Client { address: address(one), other: (one > 0).then(|| address(other)) };
            for _ in 0..count {
                prop_assert_eq!(failures.failed(&client, start + now), model.failed(&client, now));
            }
        }
    }

    #[test]
    fn no_header_names_a_client_that_no_trusted_proxy_vouches_for(
        sent in vec("[0-9a-f:., ]{0,24}", 0..4),
        real in "[0-9a-f:., ]{0,16}",
    ) {
        // A proxy that appends what it saw, and sets the other header, as most do it: nothing that was sent counts.
        let seen = ip("203.0.113.5");
        let mut headers = HeaderMap::new();
        for line in sent.iter().map(String::as_str).chain(["203.0.113.5"]) {
            headers.append(FORWARDED, HeaderValue::from_str(line)?);
        }
        let expected = Client { address: seen, other: None };
        prop_assert_eq!(Proxies::default().address(ip(PEER), &headers), expected);
        // One that leaves the other header as it was sent: what it saw is counted all the same.
        headers.insert(REAL, HeaderValue::from_str(&real)?);
        let client = Proxies::default().address(ip(PEER), &headers);
        prop_assert!(client.address == seen || client.other == Some(seen));
        let direct = Proxies::default().address(seen, &headers);
        prop_assert_eq!(direct, expected);
    }
}
