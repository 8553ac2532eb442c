//! Whose a request to the URL for all senders is, where several sign in one header.

use presshook::samples::{self, Vectors};
use presshook::settings::Settings;
use presshook::sources::{self, MOST_TRIED, SOURCES, Source};

use crate::{NOW, receive, request};

/// Connections of one sender, as many as are tried of one form.
fn crowd(source: &Source) -> Vec<(String, String)> {
    let setting = source.secret_setting();
    let name = |at: usize| if at == 0 { setting.clone() } else { format!("{setting}__N{at}") };
    (0..MOST_TRIED).map(|at| (name(at), format!("the secret of number {at}"))).collect()
}

fn source(name: &str) -> &'static Source {
    Source::named(name).expect("a sender")
}

/// The settings of a crowd before another sender, with its secret.
fn crowded(crowd_of: &str, other: &str, secret: &str) -> Settings {
    let other = source(other).secret_setting();
    let settings = crowd(source(crowd_of)).into_iter().chain([(other, secret.to_owned())]);
    let settings = Settings::read(settings);
    assert_eq!((settings.problems.as_slice(), settings.connections.len()), (&[][..], MOST_TRIED + 1));
    settings
}

#[test]
fn those_that_sign_in_another_form_take_no_ones_place() {
    let netlify = source("netlify");
    let vectors = Vectors::of(netlify).expect("the vector file is well-formed");
    let settings = crowded("auto-blogger", "netlify", &vectors.secret);
    assert_eq!(sources::untried(&settings.connections).len(), 0);
    let connection = settings.connections.iter().position(|it| it.source.name == "netlify").expect("one");
    assert_eq!(connection, MOST_TRIED, "the others come first");
    let secret = &settings.connections[connection].secrets[0];
    for sample in vectors.samples() {
        let name = &sample.name;
        let sent = samples::request(netlify, name, "sample", NOW, secret, "/webhook").expect("a sample");
        let delivery = receive(&settings, &sent, NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(delivery.source.name, "netlify");
    }
    // What is of no form is told of, and no header of another name makes somebody a candidate.
    for header in ["x-webhook-signature", "x-blogshoot-signature"] {
        let sent = request("POST", "/webhook", &[(header, "sha256=00")], b"{}");
        assert!(receive(&settings, &sent, NOW).is_err());
    }
}

#[test]
fn only_as_many_of_one_form_are_tried_and_the_rest_is_told() {
    let settings = crowded("auto-blogger", "flarebuilder", "the secret of FlareBuilder");
    let untried: Vec<String> = sources::untried(&settings.connections).iter().map(|it| it.label()).collect();
    assert_eq!(untried, ["auto-blogger/n3"], "FlareBuilder comes first, with the same header and form");
    let all = SOURCES.iter().map(|it| (it.secret_setting(), crate::secret_for(it)));
    assert_eq!(sources::untried(&Settings::read(all).connections).len(), 0);
}
