//! The forms that Unicode has for one text (UAX 15), its small letters, and what of it are letters at all. A Worker has
//! their tables in its runtime; in the module they would be a tenth of it.

#[cfg(target_arch = "wasm32")]
use worker::js_sys::{JsString, RegExp};

/// Composed, with what only looks different made the same.
pub(super) fn nfkc(text: &str) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return unicode_normalization::UnicodeNormalization::nfkc(text).collect();
    #[cfg(target_arch = "wasm32")]
    normalize(text, "NFKC")
}

/// A character taken apart, with what only looks different made the same.
pub(super) fn nfkd(character: char) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return unicode_normalization::UnicodeNormalization::nfkd(std::iter::once(character)).collect();
    #[cfg(target_arch = "wasm32")]
    normalize(character.encode_utf8(&mut [0; 4]), "NFKD")
}

/// In small letters.
pub(crate) fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    #[cfg(not(target_arch = "wasm32"))]
    return text.to_lowercase();
    #[cfg(target_arch = "wasm32")]
    JsString::from(text).to_lower_case().into()
}

/// The letters and digits of a text, without all else.
pub(crate) fn letters(text: &str) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return text.chars().filter(|it| it.is_alphanumeric()).collect();
    #[cfg(target_arch = "wasm32")]
    JsString::from(text).replace_by_pattern(&RegExp::new(r"[^\p{Alphabetic}\p{N}]+", "gu"), "").into()
}

/// Whether a character is a letter or a digit.
pub(super) fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    !letters(character.encode_utf8(&mut [0; 4])).is_empty()
}

/// Composed, in small letters. By way of capitals, because some file systems take `ß` for `ss`.
pub(super) fn folded(text: &str) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    {
        let composed =
            |text: &str| unicode_normalization::UnicodeNormalization::nfc(text).collect::<String>();
        composed(&composed(text).to_uppercase().to_lowercase())
    }
    #[cfg(target_arch = "wasm32")]
    JsString::from(text).normalize("NFC").to_upper_case().to_lower_case().normalize("NFC").into()
}

#[cfg(target_arch = "wasm32")]
fn normalize(text: &str, form: &str) -> String {
    JsString::from(text).normalize(form).into()
}
