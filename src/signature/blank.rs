//! Taking a secret out of a body before that is kept. Whether the body may hold it is known by the scheme.

use std::ops::Range;

use memchr::memchr;

use crate::json::push_text;
use crate::payload::json;

/// What stands in its place.
const BLANK: &[u8] = b"(secret)";

/// A body without a text, where it holds it; `is_proof` says whether the text is what proves the body.
pub(super) fn blank(body: &[u8], text: &str, is_proof: bool) -> Option<Vec<u8>> {
    let mut escaped = String::with_capacity(text.len().saturating_add(2));
    push_text(&mut escaped, text);
    // The text itself may begin or end with a quote.
    let escaped =
        escaped.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or_default().as_bytes();
    let blanked = without(body, places(body, escaped));
    if !is_proof {
        return blanked;
    }
    // It may stand there again, spelled in another way.
    let rest = blanked.as_deref().unwrap_or(body);
    without(rest, spelled(rest, text)).or(blanked)
}

/// A body without what stands at these places; nothing where there are none.
fn without(body: &[u8], found: Vec<Range<usize>>) -> Option<Vec<u8>> {
    if found.is_empty() {
        return None;
    }
    let mut blanked = Vec::with_capacity(body.len());
    let mut from = 0;
    for range in found {
        blanked.extend_from_slice(body.get(from..range.start).unwrap_or_default());
        blanked.extend_from_slice(BLANK);
        from = range.end;
    }
    blanked.extend_from_slice(body.get(from..).unwrap_or_default());
    Some(blanked)
}

/// Where a body has these bytes. No search is needed that is fast for any bytes: nobody who does not know a secret can
/// write much that begins like it. The first of them may belong to an escape, as the letter of `\n` or the last digit of
/// `\u00ea`: then all of that is found, which would be no JSON without its end.
fn places(body: &[u8], sought: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(first) = sought.first() else { return found };
    let mut at = 0_usize;
    while let Some(further) = body.get(at..).and_then(|rest| memchr(*first, rest)) {
        let begins = at.saturating_add(further);
        let ends = begins.saturating_add(sought.len());
        let is_it = body.get(begins..ends) == Some(sought);
        if is_it {
            let escape = escape_before(body.get(..begins).unwrap_or_default());
            found.push(begins.saturating_sub(escape)..ends);
        }
        at = if is_it { ends } else { begins.saturating_add(1) };
    }
    found
}

/// How many bytes at the end of these begin an escape of JSON that goes on behind them.
fn escape_before(bytes: &[u8]) -> usize {
    /// What `\u00e` lacks is one digit.
    const MOST: usize = 5;
    let Some(back) = bytes.iter().rev().take(MOST).position(|it| *it == b'\\') else { return 0 };
    let backslashes = bytes.iter().rev().skip(back).take_while(|it| **it == b'\\').count();
    let goes_on = back == 0 || bytes.iter().rev().nth(back.saturating_sub(1)) == Some(&b'u');
    if backslashes % 2 == 1 && goes_on { back.saturating_add(1) } else { 0 }
}

/// Where a body has a text as a JSON string of its own, with other escapes than ours: `\/` for a slash, say.
fn spelled(body: &[u8], text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begins) = body.get(at..).and_then(|rest| memchr(b'"', rest)) {
        let begins = at.saturating_add(begins).saturating_add(1);
        let mut ends = begins;
        while let Some(byte) = body.get(ends).filter(|byte| **byte != b'"') {
            ends = ends.saturating_add(if *byte == b'\\' { 2 } else { 1 });
        }
        let literal = body.get(begins.saturating_sub(1)..=ends);
        // An escape is at most six times as long as what it stands for.
        let literal = literal.filter(|it| it.len() <= text.len().saturating_mul(6).saturating_add(2));
        if literal.is_some_and(|it| json(it).is_ok_and(|own| own.as_str() == Some(text))) {
            found.push(begins..ends);
        }
        at = ends.saturating_add(1);
    }
    found
}
