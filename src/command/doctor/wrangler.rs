//! `wrangler.toml`, as far as it says what a receiver on Cloudflare will have: variables and bindings.

use std::fs;
use std::path::Path;

use presshook::settings::{Bindings, unfolded};
use toml::Table;

use super::finding::{Area, Finding, Level};
use super::is_secret;

/// What the file says.
pub(super) struct Wrangler {
    table: Table,
    file: String,
}

impl Wrangler {
    pub(super) fn read(file: &Path) -> Result<Wrangler, String> {
        let name = file.display().to_string();
        if file.extension().is_some_and(|it| it != "toml") {
            return Err(format!("--wrangler {name}: only the form of wrangler.toml is read"));
        }
        let text = fs::read_to_string(file).map_err(|error| format!("--wrangler {name}: {error}"))?;
        // The error would show the line, which may hold a secret.
        let table = text.parse::<Table>().map_err(|error| {
            let before = text.get(..error.span().map_or(0, |it| it.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            format!("--wrangler {name}: line {line} is no TOML: {}", error.message())
        })?;
        Ok(Wrangler { table, file: name })
    }

    /// The settings under `[vars]`.
    pub(super) fn vars(&self) -> Vec<(String, String)> {
        let vars = self.table.get("vars").and_then(toml::Value::as_table);
        // What is no text is JSON there, as the Worker gets it.
        let text = |value: &toml::Value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => serde_json::to_string(value).unwrap_or_default(),
        };
        vars.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// What is bound.
    pub(super) fn bindings(&self) -> Bindings {
        Bindings {
            inbox: self.inbox().is_some(),
            rate_limit: self.has("ratelimits", "name", "RATE_LIMIT"),
            archive: self.has("r2_buckets", "binding", "ARCHIVE"),
            mail: self.has("send_email", "name", "EMAIL"),
        }
    }

    /// Whether it is a Pages site's.
    pub(super) fn is_pages(&self) -> bool {
        self.table.contains_key("pages_build_output_dir")
    }

    /// What is wrong with it beside the settings in it.
    pub(super) fn check(&self) -> Vec<Finding> {
        let finding =
            |level, code, what: &str| Finding::new(Area::Settings, level, code, what).at(self.file.clone());
        let mut findings = Vec::new();
        let secret = |name: &str| is_secret(name) && !name.starts_with("SETTINGS");
        for (name, _) in unfolded(self.vars()).iter().filter(|(name, _)| secret(name)) {
            let remedy = format!("delete the line, and set it with `npx wrangler secret put {name}`");
            let what =
                format!("`{name}` stands under [vars], where everybody reads it who sees the repository");
            findings.push(finding(Level::Error, "secret-in-vars", &what).remedy(remedy));
        }
        let direct = self.vars().iter().any(|(name, value)| name == "INBOX" && value == "none");
        if direct && self.inbox().is_some() {
            findings.push(
                finding(Level::Error, "inbox-twice", "`INBOX` is bound and also stands under [vars]")
                    .remedy("keep the binding, or the variable if you want to do without an inbox"),
            );
        }
        if let Some(inbox) = self.inbox().filter(|_| !direct) {
            let elsewhere = inbox.get("script_name").is_some();
            let class = inbox.get("class_name").and_then(toml::Value::as_str).unwrap_or_default();
            if !elsewhere && !self.makes(class) {
                findings.push(
                    finding(Level::Error, "inbox-migration", "the inbox is bound, but nothing makes it")
                        .remedy(format!("add `[[migrations]]` with `new_sqlite_classes = [\"{class}\"]`, as in Presshook's own wrangler.toml")),
                );
            }
            if !elsewhere && !self.wakes() {
                findings.push(
                    finding(
                        Level::Warning,
                        "no-cron",
                        "nothing wakes the inbox, should Cloudflare ever drop its alarm",
                    )
                    .remedy("add `[triggers]` with `crons = [\"*/5 * * * *\"]`"),
                );
            }
        }
        if !self.bindings().rate_limit && !self.is_pages() {
            findings.push(
                finding(Level::Warning, "no-rate-limit", "nothing limits webhooks with wrong signatures")
                    .remedy("add the `[[ratelimits]]` of Presshook's own wrangler.toml"),
            );
        }
        findings
    }

    fn inbox(&self) -> Option<&Table> {
        let bindings = self.table.get("durable_objects")?.get("bindings")?.as_array()?;
        let tables = bindings.iter().filter_map(toml::Value::as_table);
        tables.into_iter().find(|it| it.get("name").and_then(toml::Value::as_str) == Some("INBOX"))
    }

    fn makes(&self, class: &str) -> bool {
        let migrations = self.table.get("migrations").and_then(toml::Value::as_array);
        let made = migrations.into_iter().flatten().filter_map(|it| it.get("new_sqlite_classes")?.as_array());
        made.flatten().any(|it| it.as_str() == Some(class))
    }

    fn wakes(&self) -> bool {
        let crons = self.table.get("triggers").and_then(|it| it.get("crons")?.as_array());
        crons.is_some_and(|it| !it.is_empty())
    }

    fn has(&self, list: &str, key: &str, name: &str) -> bool {
        let list = self.table.get(list).and_then(toml::Value::as_array);
        list.into_iter().flatten().any(|it| it.get(key).and_then(toml::Value::as_str) == Some(name))
    }
}
