//! Which hosts may be asked for a picture whose URL a sender gave.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Whether a URL may be asked, or why not; and whether its owner allowed it by name, wherever that leads.
pub(super) fn check(uri: &Uri, allowed: &[String]) -> Result<bool, String> {
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("its URL is not one of the web".to_owned());
    }
    let authority = uri.authority().map_or("", |it| it.as_str());
    if allowed.iter().any(|it| it.eq_ignore_ascii_case(authority)) {
        return Ok(true);
    }
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    if authority.contains('@') || !is_public(&host) {
        return Err("its host is not one of the public web; `IMAGES_HOSTS` can allow it".to_owned());
    }
    Ok(false)
}

/// Whether a host is one that anybody may ask. Where a name leads is known only to whoever calls it.
fn is_public(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return address.parse().is_ok_and(|it: Ipv6Addr| is_public_address(it.into()));
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty()
        || !host.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_'))
    {
        return false;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // An address may be written in many ways; only one of them is taken.
    if last.bytes().all(|it| it.is_ascii_digit()) || last.starts_with("0x") {
        return host.parse().is_ok_and(|it: Ipv4Addr| is_public_address(it.into()));
    }
    const PRIVATE: [&str; 8] = ["localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa"];
    host.contains('.') && !PRIVATE.contains(&last)
}

/// Whether an address is one of the public Internet.
pub(crate) fn is_public_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            let special = matches!(
                (first, second, third),
                (0 | 10 | 127 | 224..=255, _, _)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 168, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (198, 18 | 19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            );
            !special
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // What is assigned to hosts, without what stands for other addresses, and without examples.
            (0x2000..=0x3fff).contains(&first)
                && first != 0x2002
                && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        }
    }
}
