//! What is known of a build, from news that come late, twice, in any order, contradict each other or never come.

use presshook::builds::{Build, Report, Said, State};
use presshook::event::Timestamp;

use crate::coalescing::at;

fn report(said: Said, seconds: i64) -> Report {
    Report::new(said, at(seconds))
}

fn of(reference: &str, said: Said, seconds: i64) -> Report {
    Report { reference: Some(reference.to_owned()), ..report(said, seconds) }
}

fn build() -> Build {
    Build { first_at: Some(at(0)), ..Build::new(1, "default", at(10)) }
}

/// What a build whose name is known is after these news.
fn after(reports: &[Report]) -> Build {
    let mut build = Build { reference: Some("b1".to_owned()), ..build() };
    reports.iter().for_each(|it| {
        build.learn(it);
    });
    build
}

#[test]
fn the_usual_course() {
    let mut build = build();
    assert!(build.learn(&of("b1", Said::Queued, 11)));
    assert_eq!((build.state, build.reference.as_deref()), (State::Requested, Some("b1")));
    assert!(build.learn(&of("b1", Said::Building, 12)));
    assert_eq!((build.state, build.building_at), (State::Building, Some(at(12))));
    assert!(build.learn(&of("b1", Said::Built, 60)));
    // Its host is done; that it can be seen is yet to be said.
    assert_eq!((build.state, build.built_at, build.took()), (State::Building, Some(at(60)), None));
    assert!(build.learn(&report(Said::Live, 65)));
    assert_eq!((build.state, build.took()), (State::Live, Some(65_000)));
}

#[test]
fn what_is_said_twice_changes_nothing() {
    for said in Said::ALL {
        let mut build = build();
        build.learn(&of("b1", said, 20));
        let once = build.clone();
        assert!(!build.learn(&of("b1", said, 20)), "{said:?}");
        assert_eq!(build, once, "{said:?}");
    }
}

#[test]
fn late_news_do_not_set_it_back() {
    let late = after(&[of("b1", Said::Built, 60), of("b1", Said::Building, 12), of("b1", Said::Queued, 11)]);
    assert_eq!((late.state, late.built_at), (State::Building, Some(at(60))));
    for said in Said::ALL {
        let live = after(&[of("b1", Said::Live, 60), of("b1", said, 70)]);
        assert_eq!((live.state, live.ended_at), (State::Live, Some(at(60))), "{said:?}");
    }
}

#[test]
fn of_news_that_contradict_each_other_the_later_holds() {
    let built_then_failed = after(&[of("b1", Said::Built, 60), of("b1", Said::Failed, 61)]);
    assert_eq!(built_then_failed.state, State::Failed);
    // An old word that came late.
    let failed_before = after(&[of("b1", Said::Built, 60), of("b1", Said::Failed, 59)]);
    assert_eq!((failed_before.state, failed_before.reason), (State::Building, None));
}

#[test]
fn what_was_given_up_may_turn_out_to_have_worked_and_by_nothing_else() {
    for end in [Said::Failed, Said::Canceled, Said::Lost] {
        for said in Said::ALL {
            let known = after(&[of("b1", end, 60), of("b1", said, 90)]);
            let is_good = matches!(said, Said::Built | Said::Live);
            assert_eq!(known.state == State::Live, is_good, "{end:?} {said:?}");
            assert!(known.state.is_end());
        }
        // News of another build do not.
        let other = after(&[of("b1", end, 60), of("b2", Said::Live, 90)]);
        assert_ne!(other.state, State::Live, "{end:?}");
    }
}

#[test]
fn that_its_host_is_done_is_no_news_of_what_was_looked_for_since() {
    let lost = [of("b1", Said::Built, 60), report(Said::Lost, 360)];
    let again = after(&[&lost[..], &[of("b1", Said::Built, 400)]].concat());
    assert_eq!((again.state, again.ended_at), (State::Unknown, Some(at(360))));
    let seen = after(&[&lost[..], &[of("b1", Said::Live, 400)]].concat());
    assert_eq!(seen.state, State::Live);
}

#[test]
fn a_build_that_somebody_else_asked_for_is_not_taken_for_it() {
    let began = |said, seconds: i64, began: i64| Report { began: Some(at(began)), ..of("b0", said, seconds) };
    // It began before the call, whenever it ends.
    assert!(!build().may_be(&began(Said::Building, 12, 3)));
    assert!(!build().may_be(&began(Said::Built, 40, 3)));
    assert!(build().may_be(&began(Said::Built, 40, 11)));
    // Clocks differ a little.
    assert!(build().may_be(&began(Said::Built, 40, 6)));
    // When it began is not told: only what has just begun can be it.
    assert!(build().may_be(&of("b0", Said::Building, 12)));
    assert!(!build().may_be(&of("b0", Said::Built, 40)));
    assert!(!build().may_be(&of("b0", Said::Building, 9)));
    let known = after(&[of("b1", Said::Building, 12)]);
    assert!(!known.may_be(&of("b2", Said::Building, 13)));
}

/// All that can be said, some of it by others, in any order.
#[test]
fn whatever_comes_in_whatever_order_only_a_good_word_makes_it_live() {
    let mut number = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(number >> 33).expect("a small number") % below
    };
    for _ in 0..20_000 {
        let mut build = build();
        let (mut good, mut ended): (bool, Option<Timestamp>) = (false, None);
        for _ in 0..random(8) {
            let said = Said::ALL[random(Said::ALL.len())];
            let seconds = 10 + i64::try_from(random(100)).expect("small");
            let news = match random(3) {
                0 => report(said, seconds),
                1 => of("b1", said, seconds),
                _ => of("b2", said, seconds),
            };
            let before = build.clone();
            let may_be = build.may_be(&news);
            let changed = build.learn(&news);
            assert_eq!(changed, build != before);
            assert!(may_be || !changed);
            good |= may_be && matches!(said, Said::Built | Said::Live);
            assert!(good || build.state != State::Live);
            assert!(before.state != State::Live || build == before);
            assert_eq!(build.state.is_end(), build.ended_at.is_some());
            assert!(ended.is_none() || build.state.is_end(), "what has ended does not run again");
            ended = build.ended_at;
        }
    }
}
