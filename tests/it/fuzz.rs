//! A property fuzz of `receive` with all senders set up: requests that senders sent, changed in ways that know
//! their structure, and signed anew in half of the cases, so that what is behind the signature is reached too.
//!
//! It is guided by what `receive` does: an input that is answered as none was before is kept and changed further.
//! Inputs to begin with are the accepted vectors and the files in `tests/fuzz/corpus`. One that fails is written
//! there, so that every run after that tries it again.
//!
//! `FUZZ_SECONDS` says how long it looks (`npm test`: a minute), else a few thousand inputs are tried, the same
//! ones each time; `FUZZ_SEED` repeats a run; `FUZZ_KEEP=1` writes the small inputs that did something new.
#![allow(clippy::disallowed_methods, reason = "a fuzz runs for a time, and keeps files")]
#![allow(clippy::print_stdout, reason = "it tells how far it came")]

mod input;
mod mutate;
mod profile;
mod targets;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use presshook::contract::{self, Rejection};
use presshook::event::{Delivery, Timestamp};
use presshook::log;
use presshook::receive::{Received, receive};
use presshook::signature::Mac;
use presshook::sources::{Connection, Source};

use input::{Input, Ledger};
use mutate::{Random, Words};
use profile::Profile;

/// Inputs tried where no time is given.
const FEW: u64 = 4_000;

#[test]
fn no_changed_request_panics_or_is_accepted_unsigned_or_shows_a_secret() {
    let profiles = profile::all();
    let mut ledger = Ledger::default();
    let mut pool: Vec<Input> = profiles.iter().flat_map(|it| it.seeds(&mut ledger)).collect();
    let words = Words::of(&pool);
    let mut seen = HashSet::new();
    let files = kept(&mut ledger);
    for (file, input) in &files {
        seen.insert(
            run(&profiles, &ledger, input).unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display())),
        );
    }
    pool.extend(files.into_iter().map(|(_, input)| input));
    for input in &pool {
        seen.insert(
            run(&profiles, &ledger, input)
                .unwrap_or_else(|wrong| panic!("a seed: {wrong}\n{}", input.text(&ledger))),
        );
    }
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let limit = number("FUZZ_SECONDS").map(Duration::from_secs);
    let clock =
        || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| u64::from(now.subsec_nanos()) | 1);
    let seed = number("FUZZ_SEED").unwrap_or_else(|| if limit.is_some() { clock() } else { 1 });
    let mut random = Random(seed);
    let start = Instant::now();
    let (mut tried, mut accepted, mut told) = (0_u64, 0_u64, Duration::ZERO);
    let seeds = pool.len();
    while limit.map_or(tried < FEW, |limit| start.elapsed() < limit) {
        let mut input = pool[random.below(pool.len())].clone();
        mutate::change(&mut input, &pool, &words, &mut random);
        if random.one_in(2) {
            profiles[input.profile].sign(&mut input, &mut random, &mut ledger);
        }
        let behaviour = run(&profiles, &ledger, &input).unwrap_or_else(|wrong| {
            let file = keep("failed", &input, &ledger);
            panic!("{wrong}\nFUZZ_SEED={seed}, kept as {}:\n{}", file.display(), input.text(&ledger))
        });
        tried += 1;
        accepted += u64::from(behaviour.accepted);
        if seen.insert(behaviour) {
            if env::var("FUZZ_KEEP").is_ok() && input.body.len() < 500 {
                keep("new", &input, &ledger);
            }
            pool.push(input);
        }
        if start.elapsed() >= told + Duration::from_secs(10) {
            told = start.elapsed();
            tell(&told, tried, accepted, seeds, pool.len());
        }
    }
    if limit.is_some() {
        tell(&start.elapsed(), tried, accepted, seeds, pool.len());
        println!("fuzz: nothing found in {tried} inputs (FUZZ_SEED={seed})");
    }
    assert!(
        accepted > tried / 20,
        "only {accepted} of {tried} inputs were accepted: parsers are not reached"
    );
}

fn tell(elapsed: &Duration, tried: u64, accepted: u64, seeds: usize, pool: usize) {
    let rate = tried * 1000 / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let seconds = elapsed.as_secs();
    println!(
        "fuzz: {seconds} s, {tried} inputs, {rate} a second, {accepted} accepted, {} kept of {seeds} seeds",
        pool - seeds
    );
}

/// What `receive` did with an input, as far as it tells two inputs apart.
#[derive(PartialEq, Eq, Hash)]
struct Behaviour {
    accepted: bool,
    about: u64,
}

/// Tries an input; what is wrong, if anything is.
fn run(profiles: &[Profile], ledger: &Ledger, input: &Input) -> Result<Behaviour, String> {
    let profile = &profiles[input.profile];
    match catch_unwind(AssertUnwindSafe(|| tried(profile, ledger, input))) {
        Ok(result) => result,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("a panic: {}", text.unwrap_or("without words")))
        }
    }
}

fn tried(profile: &Profile, ledger: &Ledger, input: &Input) -> Result<Behaviour, String> {
    let mut about = DefaultHasher::new();
    let Some(request) = input.request() else { return Ok(Behaviour { accepted: false, about: 0 }) };
    let settings = &profile.settings;
    let now = Timestamp(input.now);
    let result = receive(settings, &request, now);
    let head = request.clone().into_parts().0;
    let opened = contract::open(settings, &head, now);
    let endpoint = opened.as_ref().ok().and_then(|opening| match opening {
        contract::Opening::Read { endpoint } => Some(*endpoint),
        contract::Opening::Answer(_)
        | contract::Opening::Command(_)
        | contract::Opening::Enter
        | contract::Opening::Health { .. }
        | contract::Opening::Status { .. } => None,
    });
    let mut lines: Vec<String> =
        endpoint.iter().map(|it| log::received(settings, it, &head).to_line()).collect();
    let (answer, accepted) = match &result {
        Ok(Received::Delivery(delivery)) => {
            proven(profile, ledger, input, delivery)?;
            lines.push(log::verified(delivery).to_line());
            lines.push(log::complete(delivery, 1, Duration::ZERO).to_line());
            delivery.source.name.hash(&mut about);
            for event in delivery.events.iter().take(3) {
                event.kind.hash(&mut about);
                event.at.is_some().hash(&mut about);
                let item = event.item.as_ref().map(crate::vectors::fields);
                item.map(|fields| fields.into_keys().collect::<Vec<_>>()).hash(&mut about);
            }
            (contract::accepted(delivery, false, Duration::ZERO), true)
        }
        Ok(Received::Greeting(greeting)) => {
            greeting.before_secret.hash(&mut about);
            (contract::greeted(), false)
        }
        Err(rejection) => {
            lines.push(log::rejected(endpoint.as_ref(), rejection).to_line());
            let reason = rejection.to_string();
            reason.chars().filter(|it| !it.is_ascii_digit()).take(60).collect::<String>().hash(&mut about);
            (contract::rejected(rejection), false)
        }
    };
    answer.status.as_u16().hash(&mut about);
    if serde_json::from_str::<serde_json::Value>(&answer.body).is_err() {
        return Err(format!("the answer is not JSON: {}", answer.body));
    }
    lines.push(answer.body);
    shows_no_secret(profile, input, &lines)?;
    if let (Ok(Received::Delivery(delivery)), None) = (&result, endpoint.and_then(|it| it.source)) {
        agrees(profile, input, delivery)?;
    }
    Ok(Behaviour { accepted, about: about.finish() })
}

/// **Invariant:** what is accepted was signed, for this body and by this sender, or holds its token.
fn proven(profile: &Profile, ledger: &Ledger, input: &Input, delivery: &Delivery) -> Result<(), String> {
    let label = delivery
        .connection
        .as_ref()
        .map_or(delivery.source.name.to_owned(), |name| format!("{}/{name}", delivery.source.name));
    if delivery.key.0.is_empty() || delivery.events.is_empty() {
        return Err(format!("{label}: a delivery without a key or an event"));
    }
    let signed = ledger.times(&label, &input.body);
    if let Some(off) = signed.map(|at| input.now.abs_diff(at)).min() {
        return match profile.tolerance(&label) {
            // Some write whole seconds.
            Some(tolerance) if off >= tolerance + 1000 => {
                Err(format!("{label}: accepted though it is {off} ms off"))
            }
            _ => Ok(()),
        };
    }
    let token = profile.tokens(&label).any(|token| input.holds(&token));
    if token { Ok(()) } else { Err(format!("{label}: accepted though it never signed this")) }
}

/// **Invariant:** no secret is logged or answered.
fn shows_no_secret(profile: &Profile, input: &Input, lines: &[String]) -> Result<(), String> {
    for secret in profile.secrets() {
        if let Some(line) = lines.iter().find(|line| line.contains(secret.as_str()))
            && !input.tells(secret)
        {
            return Err(format!("a secret is shown: {line}"));
        }
    }
    Ok(())
}

/// **Invariant:** a sender found on the nameless URL is found on its own, with the same key.
fn agrees(profile: &Profile, input: &Input, delivery: &Delivery) -> Result<(), String> {
    let signs_path = |source: &Source| source.schemes.iter().any(|it| it.content.contains("path}"));
    if signs_path(delivery.source) {
        return Ok(());
    }
    let path = delivery
        .connection
        .as_ref()
        .map_or(crate::named(delivery.source), |name| format!("{}/{name}", crate::named(delivery.source)));
    let query = input.path.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
    let named = Input { path: format!("{path}{query}"), ..input.clone() };
    let request = named.request().ok_or("its own URL is no URL")?;
    match receive(&profile.settings, &request, Timestamp(input.now)) {
        Ok(Received::Delivery(other)) if other.key == delivery.key => Ok(()),
        Ok(_) => Err("another delivery on its own URL".to_owned()),
        Err(Rejection::Signature(error)) => Err(format!("refused on its own URL: {error}")),
        Err(error) => Err(format!("refused on its own URL: {error}")),
    }
}

/// The label of a connection whose proof covers the body.
fn signs(connection: &Connection) -> bool {
    let schemes = connection.source.schemes;
    schemes.is_empty() || schemes.iter().any(|it| !matches!(it.mac, Mac::Token | Mac::Basic))
}

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

/// The inputs that were kept, in the order of their names.
fn kept(ledger: &mut Ledger) -> Vec<(PathBuf, Input)> {
    let entries = fs::read_dir(corpus()).expect("there is a corpus");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort_unstable();
    files.retain(|file| file.extension().is_some_and(|it| it == "http"));
    let mut read = |file: PathBuf| {
        let input = Input::read(&fs::read(&file).expect("readable"), ledger);
        let input = input.unwrap_or_else(|| panic!("{} is not an input", file.display()));
        (file, input)
    };
    files.into_iter().map(&mut read).collect()
}

fn keep(why: &str, input: &Input, ledger: &Ledger) -> PathBuf {
    let bytes = input.write(ledger);
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let file = corpus().join(format!("{why}-{:016x}.http", hash.finish()));
    fs::write(&file, bytes).expect("the corpus can be written");
    file
}
