//! The vector files of actions, ways and forges, each against the `step` of its member, with the cases that each one
//! implies. Ways and forges are asked through the action that has targets built, as they are at work.

mod declared;
mod show;
mod vectors;

use presshook::actions::{Action, Returned, Step};
use presshook::event::Timestamp;
use presshook::outbox::Job;
use presshook::settings::{Member, SETTINGS, Settings, members};

pub(crate) use vectors::answer;
use vectors::{Asks, Case, Texts, Vectors, action_of, read};

/// A host that no setting names.
const ELSEWHERE: &str = "elsewhere.invalid";
/// Shorter texts stand in messages by chance.
const LEAST_SECRET: usize = 6;

/// The one place where the code under test is called.
fn ask(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    (job.action.step)(settings, job, returned, now)
}

/// A case at work: what it is asked with.
struct Played {
    settings: Settings,
    job: Job,
    now: Timestamp,
}

impl Played {
    fn of(case: &Case, action: &'static Action, texts: &Texts) -> Result<Played, String> {
        let settings = read(texts)?;
        Ok(Played { job: case.job(action, &settings), settings, now: case.now() })
    }

    fn ask(&self, returned: &[Returned]) -> Step {
        ask(&self.settings, &self.job, returned, self.now)
    }

    /// Plays a case to its end: each step must be the one that the file has.
    fn check(&self, case: &Case) -> Result<(), String> {
        let mut returned = Vec::new();
        for (index, exchange) in case.exchanges.iter().enumerate() {
            let step = self.ask(&returned);
            differs(
                &format!("exchange {}", index + 1),
                &show::expected(&exchange.asks),
                &show::given(&step, Some(&exchange.asks)),
            )?;
            says_who_asks(&step)?;
            returned.push(exchange.returned()?);
        }
        let step = self.ask(&returned);
        show::ends(&step, &case.ends, self.now).map_err(|(wanted, given)| apart("the end", &wanted, &given))
    }
}

fn says_who_asks(step: &Step) -> Result<(), String> {
    let Step::Send(request) = step else { return Ok(()) };
    let agent = request.headers().get("user-agent").and_then(|it| it.to_str().ok());
    if agent.is_some_and(|it| it.starts_with("presshook/")) {
        return Ok(());
    }
    Err("a request has no `user-agent` that begins with `presshook/`".to_owned())
}

fn differs(place: &str, wanted: &str, given: &str) -> Result<(), String> {
    if wanted == given { Ok(()) } else { Err(apart(place, wanted, given)) }
}

fn apart(place: &str, wanted: &str, given: &str) -> String {
    format!("{place}\n--- the file has\n{wanted}\n--- the step gives\n{given}\n---")
}

/// Calls a test with every case of every member, and tells all that is wrong.
fn each_case(test: impl Fn(&Member, &Case, &Texts) -> Result<(), String>) {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for member in members() {
        let vectors = Vectors::of(&member);
        for case in &vectors.cases {
            cases += 1;
            if let Err(error) = test(&member, case, &vectors.settings_of(case)) {
                wrong.push(format!(
                    "tests/vectors/{}/{}.toml, `{}`: {error}",
                    member.family, member.name, case.name
                ));
            }
        }
    }
    assert!(cases > 0, "the files are read");
    assert!(wrong.is_empty(), "{} of {cases} cases:\n\n{}\n", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn steps_are_those_of_the_vector_files() {
    each_case(|member, case, texts| Played::of(case, action_of(member), texts)?.check(case));
}

#[test]
fn every_member_has_a_case_that_succeeds_and_one_that_fails() {
    for member in members() {
        let cases = Vectors::of(&member).cases;
        let done = cases.iter().filter(|it| matches!(it.ends, vectors::Ends::Done(_))).count();
        assert!(
            done > 0 && done < cases.len(),
            "{}/{}: {done} of {}",
            member.family,
            member.name,
            cases.len()
        );
    }
}

/// Whether a setting can have a suffix: a member's own, or one that the table has with it.
fn takes_suffix(name: &str, member: &Member) -> bool {
    member.fields.iter().any(|it| it.name == name)
        || SETTINGS.iter().any(|it| it.name.strip_suffix("__<NAME>") == Some(name))
}

#[test]
fn a_further_destination_or_target_works_as_the_first() {
    each_case(|member, case, texts| {
        if case.job.target.is_some() {
            return Ok(());
        }
        let suffixed = texts.iter().map(|(name, value)| {
            let name = if takes_suffix(name, member) { format!("{name}__SHOP") } else { name.clone() };
            (name, value.clone())
        });
        let mut case = case.clone();
        case.job.target = Some("shop".to_owned());
        Played::of(&case, action_of(member), &suffixed.collect())?.check(&case)
    });
}

/// Calls a test with each exchange of a case, and what came back before it.
fn each_exchange(
    played: &Played,
    case: &Case,
    mut test: impl FnMut(&vectors::Exchange, &mut Vec<Returned>) -> Result<(), String>,
) -> Result<(), String> {
    for (index, exchange) in case.exchanges.iter().enumerate() {
        let before = case.exchanges.iter().take(index).map(vectors::Exchange::returned);
        let mut returned = before.collect::<Result<Vec<_>, _>>()?;
        if matches!(played.ask(&returned), Step::Send(_)) {
            test(exchange, &mut returned).map_err(|error| format!("exchange {}: {error}", index + 1))?;
        }
    }
    Ok(())
}

#[test]
fn a_host_in_trouble_is_asked_again_and_one_that_moved_is_not() {
    each_case(|member, case, texts| {
        let played = Played::of(case, action_of(member), texts)?;
        each_exchange(&played, case, |exchange, returned| {
            for (status, headers, again, after) in [
                (500, &[][..], true, None),
                (503, &[("retry-after", "7")][..], true, Some(7)),
                (429, &[("retry-after", "7")][..], true, Some(7)),
                (302, &[("location", "https://elsewhere.invalid/")][..], false, None),
            ] {
                returned.push(answer(status, headers, "<html></html>"));
                let step = played.ask(returned);
                let failure = match &step {
                    Step::Fail(failure) => failure,
                    Step::Send(_)
                    | Step::Keep(_)
                    | Step::Mail(_)
                    | Step::Run(_)
                    | Step::Write(_)
                    | Step::Done(_) => {
                        if exchange.may_fail {
                            returned.pop();
                            continue;
                        }
                        let given = show::given(&step, None);
                        return Err(format!("an answer of {status} is no failure, but\n{given}"));
                    }
                };
                let found = (failure.is_temporary(), show::retry_after(failure));
                if found != (again, after) {
                    return Err(format!(
                        "after {status} with {headers:?}: tried again and after {found:?}, not {:?}: {failure}",
                        (again, after)
                    ));
                }
                returned.pop();
            }
            Ok(())
        })
    });
}

/// The values of a case's settings that must not be told, by their settings' names.
fn secrets(member: &Member, texts: &Texts) -> Vec<(String, String)> {
    let all = members().collect::<Vec<_>>();
    let of = |name: &str| {
        let field = all.iter().flat_map(|it| it.fields).find(|it| it.name == name);
        // A deploy hook's URL is one too.
        field.map_or(name.contains("DEPLOY_HOOK"), |it| it.is_secret)
    };
    let found = texts.iter().filter(|(name, value)| {
        let name = name.split("__").next().unwrap_or_default();
        of(name) && value.len() >= LEAST_SECRET && !member.fields.iter().any(|it| it.default == *value)
    });
    found.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[test]
fn secrets_are_told_nowhere() {
    each_case(|member, case, texts| {
        let played = Played::of(case, action_of(member), texts)?;
        let secrets = secrets(member, texts);
        let tells = |what: &str, text: &str| match secrets
            .iter()
            .find(|(_, value)| text.contains(value.as_str()))
        {
            Some((name, _)) => Err(format!(
                "{what} tells the value of `{name}` (where that is none to be kept, declare the field as `shown`)"
            )),
            None => Ok(()),
        };
        tells("the settings' `Debug`", &format!("{:?}", played.settings))?;
        tells("the job's `Debug`", &format!("{:?}", played.job))?;
        let fails = |returned: &[Returned]| match played.ask(returned) {
            Step::Fail(failure) => {
                tells("a failure", &failure.to_string())?;
                tells("a failure's `Debug`", &format!("{failure:?}"))
            }
            Step::Done(done) => tells("what is heard", &format!("{done:?}")),
            Step::Send(_) | Step::Keep(_) | Step::Mail(_) | Step::Run(_) | Step::Write(_) => Ok(()),
        };
        each_exchange(&played, case, |_, returned| {
            for status in [302, 400, 401, 403, 404, 409, 410, 422, 429, 500] {
                returned.push(answer(status, &[], r#"{"message":"it says why","errors":[]}"#));
                fails(returned)?;
                returned.pop();
            }
            Ok(())
        })?;
        let all: Vec<Returned> =
            case.exchanges.iter().map(vectors::Exchange::returned).collect::<Result<_, _>>()?;
        fails(&all)
    });
}

#[test]
fn nothing_is_sent_to_where_a_payload_says() {
    each_case(|member, case, texts| {
        let hostile = case.with_texts(|text| {
            let mut parts = text.split("://");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |whole, part| {
                let end = part.find(['/', '"', '?', '#', '\\', ' ', ')', '<']).unwrap_or(part.len());
                format!("{whole}://{ELSEWHERE}{}", &part[end..])
            })
        });
        let played = Played::of(&hostile, action_of(member), texts)?;
        let mut returned = Vec::new();
        for exchange in &case.exchanges {
            match played.ask(&returned) {
                Step::Send(request) if request.uri().host() == Some(ELSEWHERE) => {
                    return Err(format!("a request goes to {}", request.uri()));
                }
                Step::Send(request) => {
                    let Asks::Request(form) = &exchange.asks else { return Ok(()) };
                    let wanted = form.url.parse::<http::Uri>().map_err(|error| error.to_string())?;
                    differs(
                        "its host",
                        wanted.host().unwrap_or_default(),
                        request.uri().host().unwrap_or_default(),
                    )?;
                }
                Step::Keep(_) | Step::Mail(_) | Step::Run(_) | Step::Write(_) => {}
                // What is left of the payload is not enough.
                Step::Done(_) | Step::Fail(_) => return Ok(()),
            }
            returned.push(exchange.returned()?);
        }
        Ok(())
    });
}
