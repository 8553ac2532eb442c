//! The documents: that each sender and host has its page, that what they quote is what the program says, and that every
//! link and setting that they name is there. Lists of code and files are compared in `tidy`, tests in `claims`.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use presshook::contract::{self, Rejection};
use presshook::log::Code;
use presshook::payload::ParseError;
use presshook::samples::Vectors;
use presshook::settings::{SERVER_SETTINGS, SETTINGS, asked, members};
use presshook::signature::SignatureError;
use presshook::sources::{SOURCES, Source};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every Markdown file of the project, by its path from the project's directory, with its text.
fn documents() -> BTreeMap<PathBuf, String> {
    let made = ["node_modules", "target", "build", "dist", "pages", "corpus"];
    let mut found = BTreeMap::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).expect("readable") {
            let entry = entry.expect("readable");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = directory.join(&name);
            if entry.path().is_dir() {
                let is_source = !name.starts_with('.') && !made.contains(&name.as_str());
                directories.extend(is_source.then_some(path));
            } else if name.ends_with(".md") {
                found.insert(path, fs::read_to_string(entry.path()).expect("a text"));
            }
        }
    }
    assert!(found.len() > 60, "the documents are found");
    found
}

/// A text without its blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The pieces of a text that stand in backticks.
fn spans(text: &str) -> Vec<String> {
    let lines = prose(text);
    let in_line =
        |line: &str| -> Vec<String> { line.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    lines.lines().flat_map(in_line).collect()
}

/// A text as it reads: without emphasis and the width of its columns.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("| _", "| ").replace("_ |", " |")
}

fn headings(text: &str) -> Vec<String> {
    let lines = prose(text);
    let headings = lines.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim().to_owned()).collect()
}

/// The anchors of a document, as the sites that show Markdown make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let anchor = |heading: String| {
        let kept = heading.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let times = seen.entry(slug.clone()).or_default();
        *times += 1;
        if *times == 1 { slug } else { format!("{slug}-{}", *times - 1) }
    };
    headings(text).into_iter().map(anchor).collect()
}

/// Where the links of a document lead.
fn links(text: &str) -> Vec<String> {
    let without_code: Vec<String> =
        prose(text).lines().map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("code")).collect();
    let text = without_code.join("\n");
    let targets = text.match_indices("](").map(|(at, found)| &text[at + found.len()..]);
    targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned())).collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(normal.pop(), "{} leaves the project", path.display()),
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => normal.push(part),
        }
    }
    normal
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let documents = documents();
    let mut wrong = Vec::new();
    let mut followed = 0;
    for (file, text) in &documents {
        for link in links(text).into_iter().filter(|it| !it.contains("://") && !it.starts_with("mailto:")) {
            followed += 1;
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let directory = file.parent().unwrap_or(Path::new(""));
            let path = if target.is_empty() { file.clone() } else { normal(&directory.join(target)) };
            let is_there = root().join(&path).exists();
            let has_anchor =
                anchor.is_empty() || documents.get(&path).is_some_and(|it| anchors(it).contains(anchor));
            if !is_there || !has_anchor {
                wrong.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "no such file or heading:\n{}", wrong.join("\n"));
    assert!(followed > 300, "the links are found");
}

/// The pages of a family, without its index, by their name.
fn pages(directory: &str) -> BTreeMap<String, String> {
    let of = |(path, text): (PathBuf, String)| {
        let name = path.strip_prefix(directory).ok()?.to_str()?.strip_suffix(".md")?.to_owned();
        (name != "README" && !name.contains('/')).then_some((name, text))
    };
    documents().into_iter().filter_map(of).collect()
}

/// The settings of a sender's secrets: `GHOST_WEBHOOK_SECRET`.
fn secret(source: &Source) -> String {
    source.secret_setting()
}

#[test]
fn each_sender_has_a_page_with_its_setting_its_path_and_its_documentation() {
    let pages = pages("docs/senders");
    let names: BTreeSet<&str> = SOURCES.iter().map(|source| source.name).collect();
    assert_eq!(pages.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    let index = read("docs/senders/README.md");
    let readme = read("README.md");
    for source in SOURCES {
        let (name, page) = (source.name, &pages[source.name]);
        let must_have = [
            format!("# {}\n", source.title),
            format!("`https://YOUR-ADDRESS/api/webhook/{name}`"),
            format!("`{}`", secret(source)),
            format!("<{}>", source.docs),
        ];
        for text in must_have {
            assert!(page.contains(&text), "docs/senders/{name}.md does not say {text}");
        }
        assert!(page.lines().count() <= 75, "docs/senders/{name}.md is longer than a screen or so");
        assert!(index.contains(&format!("]({name}.md)")), "docs/senders/README.md does not lead to {name}");
        assert!(index.contains(&format!("`{}`", secret(source))), "docs/senders/README.md: {name}");
        assert!(readme.contains(&format!("](docs/senders/{name}.md)")), "README.md does not lead to {name}");
    }
}

#[test]
fn the_pages_of_a_family_have_the_same_headings() {
    let families = [
        (
            "docs/senders",
            vec![
                "What you need",
                "Set it up",
                "Which events",
                "If a delivery fails",
                "Good to know",
                "Try it",
                "What goes wrong",
            ],
        ),
        (
            "docs/hosts",
            vec![
                "Make the hook",
                "Set it",
                "Limits, and the budget to set",
                "Bursts",
                "Follow the build",
                "Traps",
            ],
        ),
    ];
    for (directory, wanted) in families {
        let index = read(&format!("{directory}/README.md"));
        for (name, page) in pages(directory) {
            assert_eq!(headings(&page)[1..], wanted, "{directory}/{name}.md");
            assert!(
                index.contains(&format!("]({name}.md)")),
                "{directory}/README.md does not lead to {name}"
            );
        }
    }
}

#[test]
fn each_host_that_can_be_asked_has_a_page_with_what_is_to_be_set_for_that() {
    let hosts: Vec<_> = members().filter(|it| it.family == "hosts").collect();
    assert!(!hosts.is_empty(), "the list is read");
    for host in hosts {
        let page = read(&format!("docs/hosts/{}.md", host.name));
        for field in host.fields {
            assert!(
                page.contains(&format!("`{}`", field.name)),
                "docs/hosts/{}.md: {}",
                host.name,
                field.name
            );
        }
    }
}

#[test]
fn what_a_page_sends_to_try_it_is_there_and_does_what_it_says() {
    let mut tried = 0;
    for (name, page) in pages("docs/senders") {
        let source = Source::named(&name).expect("a sender");
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        for line in page.lines().filter_map(|line| line.strip_prefix("presshook send ")) {
            let (rest, promise) = line.split_once("    # ").expect("it says what it does");
            let rest = rest.strip_prefix(&format!("{name} ")).expect("its own samples");
            let (event, _) = rest.split_once(" --url ").expect("where to");
            let case = vectors.accepted.iter().find(|case| case.name == event.trim_matches('"'));
            let case = case.unwrap_or_else(|| panic!("{name} has no sample called {event}"));
            let builds = ["published", "updated", "unpublished", "deleted"].contains(&case.kind.as_str());
            assert_eq!(builds, promise.starts_with("builds, "), "{name}: {event} is {}", case.kind);
            tried += 1;
        }
    }
    assert!(tried > SOURCES.len(), "each page has at least one");
}

/// Everything that is the name of a setting, without suffixes.
fn settings() -> BTreeSet<String> {
    let tables = SETTINGS.iter().chain(SERVER_SETTINGS).map(|it| it.name.to_owned());
    let fields = members().chain(asked()).flat_map(|it| it.fields).map(|it| it.name.to_owned());
    let senders = SOURCES.iter().flat_map(|source| {
        let own = source.settings.iter().map(|it| (*it).to_owned());
        let previous = format!("{}_PREVIOUS", secret(source));
        own.chain([secret(source), previous, source.tolerance_setting()])
    });
    let without_suffix = |name: String| name.split("__").next().unwrap_or_default().to_owned();
    tables.chain(fields).chain(senders).map(without_suffix).collect()
}

/// Names in capitals that are no settings: of other programs and of tests, of what is bound to a Worker, and of a sender.
const OTHERS: &[&str] = &["ALLOWED_HOST_LIST", "RATE_LIMIT", "FUZZ_SECONDS", "AUTO_BLOGGER"];

#[test]
fn every_setting_that_a_document_names_exists() {
    let settings = settings();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    let mut unknown = Vec::new();
    let mut named = 0;
    for (file, text) in documents().iter().filter(|(file, _)| !file.starts_with("CHANGELOG.md")) {
        for span in spans(text) {
            let name = span.split(['=', ' ']).next().unwrap_or_default();
            let base = name.split("__").next().unwrap_or_default();
            let in_capitals =
                name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_');
            // What has no underscore may be anything: `POST`, `ID`.
            if !in_capitals || !base.contains('_') || base.starts_with("PRESSHOOK_") {
                continue;
            }
            named += 1;
            let part = base.trim_end_matches(|it: char| it.is_ascii_digit()).trim_end_matches('_');
            let known = [base, part].iter().any(|it| settings.contains(*it) || OTHERS.contains(it));
            if !known && !codes.contains(name) {
                unknown.push(format!("{}: `{name}`", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "no such setting and no word of the log:\n{}", unknown.join("\n"));
    assert!(named > 500, "the settings are found");
}

const TROUBLESHOOTING: &str = "docs/troubleshooting.md";

#[test]
fn every_word_of_the_log_is_explained() {
    let (text, code) = (read(TROUBLESHOOTING), read("src/log.rs"));
    let words = code.lines().filter(|line| line.trim_start().starts_with("Code::") && line.contains("=> \""));
    assert_eq!(words.count(), Code::ALL.len(), "`Code::ALL` has every word");
    for code in Code::ALL {
        assert!(text.contains(&format!("| `{}`", code.word())), "{TROUBLESHOOTING} lacks {}", code.word());
    }
}

/// A number that no message has of itself; what stands for it in the document is `…`.
const NUMBER: u64 = 707;

/// One of each reason for which a signature is refused, with `…` for what differs.
fn refused_signatures() -> Vec<SignatureError> {
    use SignatureError as It;
    let any = || "…".to_owned();
    let number = usize::try_from(NUMBER).expect("small");
    let all = vec![
        It::Missing { header: any() },
        It::Repeated { header: any() },
        It::UnexpectedPrefix { header: any(), found: any() },
        It::MissingPrefix { header: any(), expected: any() },
        It::WrongLength { header: any(), found: number, expected: number },
        It::NotHexadecimal { header: any() },
        It::NotBase64 { header: any() },
        It::WrongToken { place: any() },
        It::TooOld { seconds: NUMBER },
        It::Future { seconds: NUMBER },
        It::BadTime,
        It::Unfitting,
        It::Mismatch { setting: any() },
        It::InvisibleCharacter { setting: any(), extra: "…" },
        It::NoneFits { connections: any() },
    ];
    for one in &all {
        // A reason that is new does not compile here, so that it is added above.
        match one {
            It::Missing { .. }
            | It::Repeated { .. }
            | It::UnexpectedPrefix { .. }
            | It::MissingPrefix { .. } => {}
            It::WrongLength { .. }
            | It::NotHexadecimal { .. }
            | It::NotBase64 { .. }
            | It::WrongToken { .. } => {}
            It::TooOld { .. } | It::Future { .. } | It::BadTime | It::Unfitting => {}
            It::Mismatch { .. } | It::InvisibleCharacter { .. } | It::NoneFits { .. } => {}
        }
    }
    all
}

/// One of each rejection, with `…` for what differs.
fn rejections() -> Vec<Rejection> {
    use Rejection as It;
    let any = || "…".to_owned();
    let mut all = vec![
        It::NotFound,
        It::MethodNotAllowed { allow: "…" },
        It::NotConfigured { remedy: any() },
        It::TooLarge { limit: usize::try_from(NUMBER).expect("small") },
        It::Unread,
        It::TooMany { reason: any() },
        It::Unauthorized,
        It::WrongToken,
        It::Foreign,
        It::Unavailable { reason: any() },
        It::Payload(ParseError::NotJson { reason: any() }),
        It::Payload(ParseError::NotAnObject),
        It::Payload(ParseError::Missing { field: "…" }),
    ];
    all.extend(refused_signatures().into_iter().map(It::Signature));
    for one in &all {
        // As above.
        match one {
            It::NotFound | It::MethodNotAllowed { .. } | It::NotConfigured { .. } | It::TooLarge { .. } => {}
            It::Unread | It::TooMany { .. } | It::Unauthorized | It::WrongToken | It::Foreign => {}
            It::Unavailable { .. } | It::Signature(_) => {}
            It::Payload(
                ParseError::NotJson { .. } | ParseError::NotAnObject | ParseError::Missing { .. },
            ) => {}
        }
    }
    all
}

#[test]
fn every_refusal_is_explained_in_the_words_of_the_log() {
    let text = plain(&read(TROUBLESHOOTING));
    for rejection in rejections() {
        let reason = plain(&rejection.to_string().replace(&NUMBER.to_string(), "…"));
        let answer = contract::rejected(&rejection);
        let told = answer.body.split('"').nth(3).expect("an error in words");
        let row = format!("| {} `{told}` | {reason} |", answer.status.as_u16());
        assert!(text.contains(&row), "{TROUBLESHOOTING} has no row\n{row}");
    }
}

#[test]
fn what_holds_a_deploy_back_is_explained() {
    let (text, code) = (plain(&read(TROUBLESHOOTING)), read("src/outbox/pace.rs"));
    let body =
        code.split("fn reason(self)").nth(1).and_then(|it| it.split("\n    }\n").next()).expect("a function");
    let reasons: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
    assert!(reasons.len() > 3, "they are found: {reasons:?}");
    for reason in reasons {
        assert!(
            text.contains(&format!("| {} |", plain(reason))),
            "{TROUBLESHOOTING} has no row for\n{reason}"
        );
    }
}

#[test]
fn the_index_leads_to_every_document() {
    let index: BTreeSet<String> = links(&read("docs/README.md")).into_iter().collect();
    let is_there = |name: &str| index.iter().any(|it| it.split('#').next() == Some(name));
    for name in pages("docs").keys() {
        // What only maintainers need stands where they look.
        assert!(
            is_there(&format!("{name}.md")) || name == "release",
            "docs/README.md does not lead to {name}.md"
        );
    }
    assert!(is_there("senders/README.md") && is_there("hosts/README.md"));
}
