//! The forms that Unicode has for one text (UAX 15). A Worker has their tables in its runtime; in the module they would
//! be a tenth of it.

/// Composed, as names are kept.
pub(super) fn nfc(text: &str) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    return unicode_normalization::UnicodeNormalization::nfc(text).collect();
    #[cfg(target_arch = "wasm32")]
    normalize(text, "NFC")
}

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

#[cfg(target_arch = "wasm32")]
fn normalize(text: &str, form: &str) -> String {
    worker::js_sys::JsString::from(text).normalize(form).into()
}
