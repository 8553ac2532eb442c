//! Reads the JSON that senders send, in a third of the time of a reader for all JSON: objects with plain names, lists,
//! texts with any escapes, whole numbers. An article may be a megabyte of which few texts are wanted, so that one with
//! escapes can be left as it is written.
//!
//! **Invariant:** what it reads is what `serde_json` reads. Whatever is unusual, or wrong, is left to that, which also
//! says what is wrong (`tests/it/json.rs` compares the two).

use std::borrow::Cow;

use serde_json_borrow::{ObjectAsVec, Value};

/// How deep objects and lists may lie in each other here; `serde_json` takes more.
const DEEPEST: u32 = 32;

/// What becomes of a text with escapes, once it is known to be a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// It is read.
    Read,
    /// It is left as it is written, with its opening quote, by which it is known: no other borrowed text can have one.
    /// [`read_now`] reads it.
    Left,
}

/// The tree of a text; nothing where it is to be left to `serde_json`.
pub(super) fn read(text: &[u8], escapes: Escapes) -> Option<Value<'_>> {
    let mut reader = Reader { text: simdutf8::basic::from_utf8(text).ok()?, at: 0, escapes };
    let first = reader.next()?;
    let value = reader.value(first, DEEPEST)?;
    reader.next().is_none().then_some(value)
}

/// Reads a text that was left as it is written, where it is one.
pub(super) fn read_now(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => match text.strip_prefix('"') {
            Some(written) => unescaped(written).unwrap_or_default().into(),
            None => text.into(),
        },
        Cow::Owned(text) => text.into(),
    }
}

/// The same for a text that stays where it is.
#[allow(clippy::ptr_arg, reason = "which of both it is tells how it is written")]
pub(super) fn read_there<'t>(text: &'t Cow<'_, str>) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => read_now(Cow::Borrowed(text)),
        Cow::Owned(text) => text.into(),
    }
}

/// What stood between two quotes, without its escapes.
fn unescaped(written: &str) -> Option<String> {
    let mut reader = Reader { text: written, at: 0, escapes: Escapes::Read };
    let mut text = String::with_capacity(written.len());
    loop {
        text.push_str(reader.run()?);
        if reader.byte().is_none() {
            return Some(text);
        }
        text.push(reader.escape()?);
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where the next byte is.
    at: usize,
    escapes: Escapes,
}

impl<'a> Reader<'a> {
    /// The next byte, whatever it is.
    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        self.at = self.at.wrapping_add(1);
        Some(byte)
    }

    /// The next byte that is no white space.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        if byte > b' ' { Some(byte) } else { self.past_spaces(byte) }
    }

    /// The next byte that is no white space, from one on that may be.
    fn past_spaces(&mut self, mut byte: u8) -> Option<u8> {
        const SPACES: [u8; 8] = [b' '; 8];
        loop {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            // Where it is indented, eight at once.
            while self.text.as_bytes().get(self.at..).and_then(<[u8]>::first_chunk) == Some(&SPACES) {
                self.at = self.at.wrapping_add(8);
            }
            byte = self.byte()?;
        }
    }

    /// The value that begins with a byte.
    fn value(&mut self, first: u8, depth: u32) -> Option<Value<'a>> {
        match first {
            b'"' => self.text().map(Value::Str),
            b'{' => self.object(depth.checked_sub(1)?).map(Value::Object),
            b'[' => self.list(depth.checked_sub(1)?).map(Value::Array),
            b't' => self.word("rue", Value::Bool(true)),
            b'f' => self.word("alse", Value::Bool(false)),
            b'n' => self.word("ull", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn object(&mut self, depth: u32) -> Option<ObjectAsVec<'a>> {
        let mut members = ObjectAsVec::default();
        let mut next = self.next()?;
        if next == b'}' {
            return Some(members);
        }
        loop {
            if next != b'"' {
                return None;
            }
            // A tree of borrowed names has no place for one that is written with escapes.
            let Cow::Borrowed(name) = self.text()? else { return None };
            if name.starts_with('"') {
                return None;
            }
            if self.next()? != b':' {
                return None;
            }
            let first = self.next()?;
            let value = self.value(first, depth)?;
            members.insert_unchecked_and_get_mut(name, value);
            match self.next()? {
                b',' => next = self.next()?,
                b'}' => return Some(members),
                _ => return None,
            }
        }
    }

    fn list(&mut self, depth: u32) -> Option<Vec<Value<'a>>> {
        let mut values = Vec::new();
        let mut first = self.next()?;
        if first == b']' {
            return Some(values);
        }
        loop {
            values.push(self.value(first, depth)?);
            match self.next()? {
                b',' => first = self.next()?,
                b']' => return Some(values),
                _ => return None,
            }
        }
    }

    fn word(&mut self, rest: &str, value: Value<'a>) -> Option<Value<'a>> {
        let end = self.at.wrapping_add(rest.len());
        let is_it = self.text.get(self.at..end)? == rest;
        self.at = end;
        is_it.then_some(value)
    }

    /// A whole number whose first byte has been read.
    fn number(&mut self) -> Option<Value<'a>> {
        /// More may not fit.
        const MOST: usize = 18;
        let rest = self.text.get(self.at.wrapping_sub(1)..)?;
        let (sign, digits) = rest.strip_prefix('-').map_or((1, rest), |digits| (-1, digits));
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let digits = digits.get(..length).filter(|_| (1..=MOST).contains(&length))?;
        let follows = rest.as_bytes().get(rest.len().min(length.wrapping_add(usize::from(sign < 0))));
        if matches!(follows, Some(b'.' | b'e' | b'E'))
            || (digits.starts_with('0') && (length > 1 || sign < 0))
        {
            return None;
        }
        let number: i64 = digits.parse().ok()?;
        self.at = self.at.wrapping_add(length.wrapping_sub(usize::from(sign > 0)));
        Some(match u64::try_from(number) {
            Ok(number) if sign > 0 => number.into(),
            _ => number.wrapping_neg().into(),
        })
    }

    /// A text whose opening quote has been read.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let quote = self.at.wrapping_sub(1);
        let plain = self.run()?;
        let mut end = self.byte()?;
        if end == b'"' {
            return Some(Cow::Borrowed(plain));
        }
        while end == b'\\' {
            self.escape()?;
            self.run()?;
            end = self.byte()?;
        }
        let written = self.text.get(quote..self.at.wrapping_sub(1)).filter(|_| end == b'"')?;
        Some(if self.escapes == Escapes::Left { written.into() } else { read_now(written.into()) })
    }

    /// What follows up to a quote, a backslash or a control character.
    fn run(&mut self) -> Option<&'a str> {
        let from = self.at;
        self.at = from.wrapping_add(plain(self.text.as_bytes().get(from..)?));
        self.text.get(from..self.at)
    }

    /// The character that an escape stands for, whose backslash has been read.
    fn escape(&mut self) -> Option<char> {
        Some(match self.byte()? {
            b'n' => '\n',
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let first = self.unit()?;
                if let Some(it) = char::from_u32(first.into()) {
                    return Some(it);
                }
                if (self.byte()?, self.byte()?) != (b'\\', b'u') {
                    return None;
                }
                return char::decode_utf16([first, self.unit()?]).next()?.ok();
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at.wrapping_add(4))?;
        self.at = self.at.wrapping_add(4);
        // The reader of numbers would take a sign too.
        u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
    }
}

/// How many bytes come before a quote, a backslash or a control character. It looks at sixteen at once.
#[cfg(target_feature = "simd128")]
fn plain(bytes: &[u8]) -> usize {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_any_true, v128_or};

    let mut passed = 0_usize;
    let (halves, _) = bytes.as_chunks::<8>();
    let (pairs, _) = halves.as_chunks::<2>();
    for [low, high] in pairs {
        let all = u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        let quotes = v128_or(u8x16_eq(all, u8x16_splat(b'"')), u8x16_eq(all, u8x16_splat(b'\\')));
        let found = v128_or(quotes, u8x16_lt(all, u8x16_splat(b' ')));
        if v128_any_true(found) {
            return passed.wrapping_add(u8x16_bitmask(found).trailing_zeros() as usize);
        }
        passed = passed.wrapping_add(16);
    }
    plain_rest(bytes, passed)
}

/// How many bytes come before a quote, a backslash or a control character. It looks at eight at once.
#[cfg(not(target_feature = "simd128"))]
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The lowest bit that it sets tells truly of a byte that is zero; those above may be borrowed from it.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut passed = 0_usize;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found =
            (control | zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\')))) & HIGH;
        if found != 0 {
            return passed.wrapping_add(found.trailing_zeros() as usize / 8);
        }
        passed = passed.wrapping_add(8);
    }
    plain_rest(bytes, passed)
}

/// How many bytes come before a quote, a backslash or a control character, of which some are known to.
fn plain_rest(bytes: &[u8], passed: usize) -> usize {
    let rest = bytes.get(passed..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    passed.wrapping_add(end.unwrap_or(rest.len()))
}
