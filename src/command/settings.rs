//! `presshook settings`: every setting, with its default and what it is for: those of the tables, and those that
//! actions, ways to ask for a build, and repositories declare themselves. `docs/settings.md` is made of it.

use clap::Args;
use presshook::settings::{Field, Member, Need, SERVER_SETTINGS, SETTINGS, Setting, asked, members};
use serde::Serialize;

use super::{Done, put, say};

const EXAMPLES: &str = "\
Examples:

  presshook settings                  all of them
  presshook settings deploy           those with `deploy` in their name, or in the name of what they are for
  presshook settings --json           for programs";

/// Lists the settings: what each is called, what holds without it, and what it is for
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Settings {
    /// Part of a setting's name, or of the name of what it is for
    name: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Prints Markdown, as it stands in docs/settings.md
    #[arg(long, hide = true, conflicts_with = "json")]
    markdown: bool,
}

/// Settings that belong together.
#[derive(Serialize)]
struct Group {
    /// Nothing for what concerns all.
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    name: &'static str,
    help: &'static str,
    settings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    default: &'static str,
    help: &'static str,
    /// How it is needed, for what declares it.
    #[serde(skip_serializing_if = "Option::is_none")]
    need: Option<&'static str>,
    /// What holds where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    or: Option<&'static str>,
}

impl Settings {
    pub(super) fn run(&self) -> Done {
        let wanted = self.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let has =
            |name: &str| name.to_ascii_lowercase().replace('_', "-").contains(&wanted.replace('_', "-"));
        let mut groups = groups();
        for group in &mut groups {
            let all = group.family.is_some() && has(group.name);
            group.settings.retain(|it| all || has(it.name));
        }
        groups.retain(|it| !it.settings.is_empty());
        if groups.is_empty() {
            return Err(format!(
                "no setting has `{wanted}` in its name; `presshook settings` lists them all"
            ));
        }
        if self.json {
            put(&format!("{}\n", serde_json::to_string_pretty(&groups).map_err(|error| error.to_string())?));
        } else if self.markdown {
            put(&markdown(&groups));
        } else {
            say(&groups.iter().map(text).collect::<Vec<_>>().join("\n"));
        }
        Ok(true)
    }
}

fn groups() -> Vec<Group> {
    let table = |name, help, settings: &'static [Setting]| {
        let row =
            |it: &Setting| Row { name: it.name, default: it.default, help: it.help, need: None, or: None };
        Group { family: None, name, help, settings: settings.iter().map(row).collect() }
    };
    let mut groups = vec![
        table("General", "Senders, deploys and the inbox.", SETTINGS),
        table("On a server", "What only `presshook serve` knows.", SERVER_SETTINGS),
    ];
    groups.extend(members().chain(asked()).filter(|it| !it.fields.is_empty()).map(of));
    groups
}

fn of(member: Member) -> Group {
    let row = |field: &'static Field| {
        let need = match field.need {
            Need::Makes => Some("makes"),
            Need::Must => Some("must"),
            Need::May => None,
        };
        Row { name: field.name, default: field.default, help: field.help, need, or: field.or }
    };
    let settings = member.fields.iter().map(row).collect();
    Group { family: Some(member.family), name: member.name, help: member.help, settings }
}

fn text(group: &Group) -> String {
    let rows = group.settings.iter().map(|it| {
        let default = if it.default.is_empty() { String::new() } else { format!("={}", it.default) };
        let need = match it.need {
            Some("makes") => "  (setting it turns this on)",
            Some(_) => "  (needed)",
            None => "",
        };
        format!("  {}{default}{need}\n      {}\n", it.name, it.help)
    });
    format!("{}: {}\n\n{}", group.name, group.help, rows.collect::<String>())
}

/// What stands on top of the page.
const TOP: &str = "\
# Settings

<!-- Made by `npm run docs` of what the code declares. -->

Secrets, tokens and the URLs of hooks are set as secrets; the others may stand in `[vars]` of `wrangler.toml`, in the environment of a server, or in the file that `--env-file` names.
`presshook settings` prints the same.

What stands below the general settings belongs to one action, one way to ask for a build, one site that has repositories, or one host that is asked what becomes of a build.
The setting marked _turns it on_ is what makes it work; those that are _needed_ must then be set too.
With a suffix, as in `NAME__SHOP`, a setting is that of a further destination or target, `shop`; what is needed or may be set holds for all of them where it has no suffix.
";

fn markdown(groups: &[Group]) -> String {
    let mut page = TOP.to_owned();
    let mut family = None;
    for group in groups {
        let title = match group.family {
            Some("actions") => "Actions",
            Some("ways") => "Ways to ask for a build",
            Some("hosts") => "Hosts that are asked what becomes of a build",
            Some("sources") => "Senders that are asked for texts",
            Some(_) => "Repositories",
            None => group.name,
        };
        if group.family.is_none() || group.family != family {
            page.push_str(&format!("\n## {title}\n"));
        }
        family = group.family;
        if group.family.is_some() {
            page.push_str(&format!("\n### `{}`\n", group.name));
        }
        page.push_str(&format!("\n{}\n\n", group.help));
        let needs = group.family.is_some();
        page.push_str(if needs {
            "| name | default | | what it is for |\n| --- | --- | --- | --- |\n"
        } else {
            "| name | default | what it is for |\n| --- | --- | --- |\n"
        });
        for row in &group.settings {
            let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
            let need = match row.need {
                Some("makes") => "turns it on |",
                Some(_) => "needed |",
                None if needs => "|",
                None => "",
            };
            page.push_str(&format!("| `{}` | {default} | {need} {} |\n", row.name, row.help));
        }
    }
    page
}
