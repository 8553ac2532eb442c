//! What can be wrong with settings, in words for their owner.

use std::borrow::Cow;

/// What is wrong with a setting, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is there, but empty.
    #[error("`{setting}` is empty: {remedy}")]
    Empty {
        /// The setting.
        setting: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// Its text begins or ends with white space.
    #[error("`{setting}` begins or ends with white space or a line break: set it again without")]
    WhiteSpace {
        /// The setting.
        setting: String,
    },
    /// Its text cannot be used.
    #[error("`{setting}` cannot be used: it must be {expected}")]
    Malformed {
        /// The setting.
        setting: String,
        /// What would be right.
        expected: Cow<'static, str>,
    },
    /// Two settings for one thing differ.
    #[error("`{setting}` and `{other}` hold different values: keep one of them and remove the other")]
    Conflict {
        /// One setting.
        setting: String,
        /// The other.
        other: String,
    },
    /// Two connections could not be told apart.
    #[error("`{setting}` holds the same secret as `{other}`: give each connection a secret of its own")]
    SharedSecret {
        /// The setting that was disabled for it.
        setting: String,
        /// The one that goes on.
        other: String,
    },
    /// A previous secret without a current one.
    #[error("`{setting}` is set, but `{current}` is not: set the current secret there")]
    PreviousAlone {
        /// The setting.
        setting: String,
        /// The one that is missing.
        current: String,
    },
    /// Two settings that exclude each other.
    #[error(
        "`{setting}` and `{other}` are both set: keep one of them, or give one a suffix, as in `{other}__NAME`"
    )]
    Both {
        /// One setting.
        setting: String,
        /// The other.
        other: String,
    },
    /// What another setting needs.
    #[error("`{setting}` is not set, but `{beside}` needs it")]
    Missing {
        /// The setting that is missing.
        setting: String,
        /// The one that needs it.
        beside: &'static str,
    },
    /// Articles are to be written whose texts are not sent.
    #[error(
        "{sender} does not send the texts of its articles, which the target `{target}` is to have: {remedy} `{setting}`"
    )]
    NoTexts {
        /// The sender.
        sender: &'static str,
        /// The target that takes articles.
        target: String,
        /// What to do with the setting.
        remedy: &'static str,
        /// The setting that is missing, or is not to be there.
        setting: String,
    },
    /// A setting that is there twice.
    #[error("`{setting}` is also set by `{other}`: keep one of them")]
    Twice {
        /// The setting.
        setting: String,
        /// The other.
        other: String,
    },
    /// A part of a setting is missing.
    #[error("`{setting}` is not set, but `{after}` is: number the parts from 1, without a gap")]
    Gap {
        /// The part that is missing.
        setting: String,
        /// One that is there.
        after: String,
    },
    /// A rule cannot be used.
    #[error("`{setting}`: rule {rule}, `{field}`: {what}")]
    Rule {
        /// The setting, or the part of it, that the rule begins in.
        setting: String,
        /// The rule's number from 1, and its name.
        rule: String,
        /// The field.
        field: String,
        /// What is wrong with it, and what would be right.
        what: String,
    },
    /// There is neither an inbox nor the choice to do without.
    #[error(
        "`INBOX` is not bound: deploy with the `[[durable_objects.bindings]]` of wrangler.toml, or set `INBOX` to \
         `none` to do without memory of repeats"
    )]
    NoInbox,
    /// There is nothing that sends mail.
    #[error(
        "`{setting}` is set, but nothing sends mail: on a server set `SMTP_URL` to your mail server's, on Cloudflare bind \
         `EMAIL` with a `[[send_email]]` in wrangler.toml; or remove the setting"
    )]
    NoMail {
        /// The setting that asks for it.
        setting: String,
    },
    /// A choice was made whose setting is missing.
    #[error("`{setting}` is not set, but `{chosen_by}` asks for it: set it to the deploy hook's URL")]
    NotSet {
        /// The setting that is missing.
        setting: String,
        /// The setting or default that asks for it.
        chosen_by: &'static str,
    },
}

impl SettingsError {
    /// The name of the setting that is wrong.
    pub fn setting(&self) -> &str {
        match self {
            SettingsError::Empty { setting, .. }
            | SettingsError::WhiteSpace { setting }
            | SettingsError::Malformed { setting, .. }
            | SettingsError::Conflict { setting, .. }
            | SettingsError::SharedSecret { setting, .. }
            | SettingsError::PreviousAlone { setting, .. }
            | SettingsError::Both { setting, .. }
            | SettingsError::Missing { setting, .. }
            | SettingsError::NoTexts { setting, .. }
            | SettingsError::NoMail { setting }
            | SettingsError::Twice { setting, .. }
            | SettingsError::Gap { setting, .. }
            | SettingsError::Rule { setting, .. }
            | SettingsError::NotSet { setting, .. } => setting,
            SettingsError::NoInbox => "INBOX",
        }
    }
}
