//! Which way a language is written. A script in the tag decides; else the language and, for a few, the region, as
//! Unicode's list of likely subtags has it.

/// A direction of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the left.
    LeftToRight,
    /// From the right.
    RightToLeft,
}

impl Direction {
    /// Its name in HTML.
    pub fn name(self) -> &'static str {
        match self {
            Direction::LeftToRight => "ltr",
            Direction::RightToLeft => "rtl",
        }
    }
}

/// Scripts that are written from the right.
const SCRIPTS: &[&str] = &[
    "adlm", "arab", "aran", "armi", "avst", "chrs", "cprt", "elym", "gara", "hatr", "hebr", "hung", "khar",
    "lydi", "mand", "mani", "mend", "merc", "mero", "narb", "nbat", "nkoo", "orkh", "ougr", "palm", "phli",
    "phlp", "phnx", "prti", "rohg", "samr", "sarb", "sogd", "sogo", "syrc", "syre", "syrj", "syrn", "thaa",
    "yezi",
];

/// Languages that are, where nothing else is said.
const LANGUAGES: &[&str] = &[
    "ar", "arb", "arc", "ars", "ary", "arz", "acm", "acq", "acx", "aeb", "afb", "aii", "ajp", "apc", "apd",
    "ayl", "azb", "bal", "bcc", "bgn", "bqi", "ckb", "dv", "fa", "glk", "haz", "he", "iw", "ji", "khw", "ks",
    "lki", "lrc", "luz", "mid", "mzn", "nqo", "pbt", "pes", "phr", "pnb", "prs", "ps", "rhg", "sd", "sdh",
    "shu", "skr", "syr", "tmr", "trw", "ug", "ur", "ydd", "yi", "yih",
];

/// Languages that are in one region only.
const REGIONS: &[(&str, &str)] = &[
    ("az", "ir"),
    ("az", "iq"),
    ("kk", "cn"),
    ("kk", "af"),
    ("kk", "ir"),
    ("ky", "cn"),
    ("pa", "pk"),
    ("tg", "pk"),
    ("uz", "af"),
];

/// Languages of the list above that are not in one region.
const EXCEPTIONS: &[(&str, &str)] = &[("sd", "in")];

/// Which way the language of a BCP 47 tag is written.
pub fn direction(tag: &str) -> Direction {
    let tag = tag.trim().to_ascii_lowercase().replace('_', "-");
    let mut subtags = tag.split('-');
    let base = subtags.next().unwrap_or_default();
    // What follows a single character is an extension's, or private.
    let subtags: Vec<&str> = subtags.take_while(|it| it.len() > 1).collect();
    let script = subtags.iter().find(|it| it.len() == 4 && it.bytes().all(|it| it.is_ascii_alphabetic()));
    let in_region = |list: &[(&str, &str)]| {
        list.iter().any(|(language, region)| *language == base && subtags.contains(region))
    };
    let from_right = match script {
        Some(script) => SCRIPTS.contains(script),
        // An extended language, such as `ar-arz`, follows its base.
        None => (LANGUAGES.contains(&base) && !in_region(EXCEPTIONS)) || in_region(REGIONS),
    };
    if from_right { Direction::RightToLeft } else { Direction::LeftToRight }
}
