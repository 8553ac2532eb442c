//! Signing as a sender does, with the same [`Proof`] that checks: for samples and tests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderName;

use super::content::Part;
use super::key::{Key, jws};
use super::place::Where;
use super::proof::Proof;
use super::scheme::Encoding;
use crate::Request;
use crate::event::Timestamp;
use crate::sorted::sorted;

impl Proof {
    /// The headers of a request with this body, as the sender would sign it; none where the secret only verifies.
    pub(super) fn sign(
        &self,
        request: &mut Request,
        id: &str,
        now: Timestamp,
    ) -> Option<Vec<(HeaderName, String)>> {
        let place = self.headers().next()?.clone();
        let mut headers = Vec::new();
        if self.content.iter().any(|part| matches!(part, Part::Id | Part::Listed(_))) && !self.ids.is_empty()
        {
            headers.push((self.ids.first()?.clone(), id.to_owned()));
        }
        let mut others = Vec::new();
        if let Some(time) = &self.time {
            let text = time.text(now);
            match time.places.first() {
                Some(Where::Header(name)) => headers.push((name.clone(), text)),
                Some(Where::Item(name)) => others.push(format!("{name}{}{text}", self.key_separator)),
                Some(Where::Body(_) | Where::Query(_)) | None => {}
            }
        }
        for part in &self.content {
            if let Part::Item(name, _) = part {
                others.push(format!("{name}{}master", self.key_separator));
            }
            if let Part::Listed(name) = part {
                let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                names.push(name.as_str());
                headers.push((name.clone(), sorted(names).join(",")));
            }
        }
        for (name, value) in &headers {
            request.headers_mut().insert(name.clone(), value.parse().ok()?);
        }
        let others = others.join(&self.item_separator);
        let signature = match &self.key {
            Key::Token(token) => String::from_utf8(token.clone()).ok()?,
            Key::Public(_) => return None,
            Key::Jws(mac) => jws(mac, request.body()),
            Key::Sha1(_) | Key::Sha256(_) | Key::Sha512(_) => {
                let mac = self.key.mac(&self.content(request, &others).ok()?.0)?;
                match self.encoding {
                    Encoding::Hex => hex::encode(mac),
                    Encoding::Base64 => STANDARD.encode(mac),
                    Encoding::Base64Url => URL_SAFE_NO_PAD.encode(mac),
                }
            }
        };
        let mut value = format!("{}{signature}", self.prefix);
        if !others.is_empty() {
            value = format!("{value}{}{others}", self.item_separator);
        }
        headers.push((place, value));
        Some(headers)
    }
}
