//! Names that are safe as part of a path, on every file system and in every site generator. A name that is safe as it
//! stands is kept; any other is made safe, and a hash of it keeps it apart from all others.
//!
//! **Invariant:** two different names give two different results, also where a file system does not tell capitals from
//! small letters, or forms of Unicode from each other. A name that ends like one with a hash gets a hash itself.

use super::unicode::{folded, is_letter, nfkc, nfkd};
use crate::event::sha256;

/// The longest slug in a path, in bytes. Together with an id and a locale it fits a file's name, which has 255.
pub const MOST_SLUG: usize = 160;
/// The longest id in a path, in bytes.
pub const MOST_ID: usize = 48;
/// Hexadecimal digits of the hash.
const HASH: usize = 12;
/// What stands before the hash.
const BEFORE_HASH: &str = "--";

/// A name as part of a path; nothing if nothing of it can stand in one.
pub fn safe(name: &str, most: usize) -> Option<String> {
    let plain = plain(name);
    if plain.is_empty() {
        return None;
    }
    let fits = plain == name && plain.len() <= most && !is_reserved(&plain) && !is_marked(&plain);
    Some(if fits { plain } else { marked(&plain, name, most) })
}

/// A name made of a title.
pub fn made_of(title: &str, most: usize) -> Option<String> {
    safe(&plain(title), most)
}

/// A name with a hash of something that tells it from others.
pub(super) fn marked(plain: &str, what: &str, most: usize) -> String {
    let hash = sha256([what.as_bytes()]);
    let hash = hash.get(..HASH).unwrap_or(&hash);
    let room = most.saturating_sub(HASH).saturating_sub(BEFORE_HASH.len());
    let cut = plain.get(..plain.floor_char_boundary(room)).unwrap_or_default();
    // A device's name is one whatever follows a dot.
    let cut = if is_reserved(cut) { cut.replace('.', "-") } else { cut.to_owned() };
    format!("{}{BEFORE_HASH}{hash}", cut.trim_end_matches(['-', '.', '_']))
}

/// A name in small letters, in one form of Unicode, with dashes for what must not stand in a path.
///
/// No dot or underscore begins it: such files are hidden, or special to site generators.
fn plain(name: &str) -> String {
    let folded: Vec<char> = folded(name).chars().collect();
    let mut plain = String::new();
    for (at, character) in folded.iter().enumerate() {
        let neighbor = |at: Option<usize>| at.and_then(|at| folded.get(at)).is_some_and(|it| is_letter(*it));
        let inner = || neighbor(at.checked_sub(1)) && neighbor(at.checked_add(1));
        match character {
            '-' | '_' => plain.push(*character),
            '.' if inner() => plain.push('.'),
            it if stands(*it) => plain.push(*it),
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    plain.trim_start_matches(['-', '_', '.']).trim_end_matches(['-', '.']).to_owned()
}

/// Whether a character may stand in a name. Letters and pictures of all the world may; what is invisible, or is made
/// into punctuation by some, may not.
fn stands(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    let punctuation = |it: char| it.is_ascii() && !it.is_ascii_alphanumeric();
    !(character.is_control()
        || character.is_whitespace()
        || is_invisible(character)
        || nfkd(character).chars().any(punctuation))
}

/// Characters without a picture of their own: joiners, marks of direction, selectors, private and unassigned ones.
fn is_invisible(character: char) -> bool {
    const RANGES: &[(u32, u32)] = &[
        (0x00ad, 0x00ad),
        (0x034f, 0x034f),
        (0x061c, 0x061c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xe000, 0xf8ff),
        (0xfdd0, 0xfdef),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xffff),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0x10_ffff),
    ];
    let code = u32::from(character);
    code & 0xfffe == 0xfffe || RANGES.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

/// Names that are devices on Windows, whatever follows a dot; and `index`, which is the directory itself to site
/// generators.
pub(super) fn is_reserved(name: &str) -> bool {
    let stem = nfkc(name.split('.').next().unwrap_or_default()).to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().filter_map(|it| stem.strip_prefix(it));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin" | "conout" | "clock" | "index")
        || numbered.into_iter().any(|rest| rest.len() == 1 && rest.bytes().all(|it| it.is_ascii_digit()))
}

/// Whether a name ends as one with a hash does.
fn is_marked(name: &str) -> bool {
    let end = name.len().checked_sub(HASH.saturating_add(BEFORE_HASH.len())).and_then(|at| name.get(at..));
    let hash = end.and_then(|it| it.strip_prefix(BEFORE_HASH));
    hash.is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
}
