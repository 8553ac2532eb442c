//! What answers where Presshook should: most often a site, a sign-in page, a proxy or Cloudflare itself. What it is, in
//! words, and what to do.

use http::Uri;

use super::super::receiver::Answer;

/// What an answer is that is none of Presshook's, and what to do.
pub(super) fn explain(answer: &Answer, address: &Uri) -> (String, String) {
    let status = answer.status.as_u16();
    let host = address.host().unwrap_or_default().to_ascii_lowercase();
    let say = |what: &str, remedy: &str| (what.to_owned(), remedy.to_owned());
    if answer.status.is_redirection() {
        return redirected(answer, address);
    }
    if answer.header("cf-mitigated") == Some("challenge") {
        return say(
            "Cloudflare asks whether a browser is there, which no sender is",
            "make a WAF rule that skips bot checks for `/api/webhook`, or switch off Bot Fight Mode",
        );
    }
    let text = answer.text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["error code: 1027", "error 1027", "daily request limit"]) {
        return say(
            "the account's free requests of the day are used up, so nothing is received until midnight UTC",
            "Workers Paid has no such limit; senders that send again do so",
        );
    }
    if let 521..=526 | 530 = status {
        return say(
            "Cloudflare answers, but cannot reach what is behind it",
            "see whether your server runs, and whether its certificate fits the mode under SSL/TLS",
        );
    }
    if let 502..=504 = status {
        return say(
            "a proxy answers, but cannot reach what is behind it",
            "see whether `presshook serve` runs, at the port that the proxy's configuration names",
        );
    }
    let signs = ["type=\"password\"", "type=password", "authentication required", "log in", "sign in"];
    if status == 401 || status == 403 || says(&signs) {
        return say(
            "somebody else asks for a sign-in there, which no sender can give",
            "let `/api/webhook` and `/api/health` through without one; Presshook proves who sends by itself",
        );
    }
    if host.ends_with(".workers.dev") && status == 404 {
        return say(
            "there is no such Worker",
            "`npm run deploy` prints the address of yours; see whether it is deployed to that account",
        );
    }
    let is_page =
        answer.header("content-type").is_some_and(|it| it.contains("text/html")) || says(&["<html"]);
    if host.ends_with(".pages.dev") && (is_page || status == 404) {
        return say(
            "the site's files answer, not the Function: it is not there, or Pages fails open because the free requests \
             of the day are used up; webhooks that come now are lost without a trace",
            "deploy the Function again (docs/pages.md); set your site → Settings → Runtime → Fail open / closed → \
             Fail closed",
        );
    }
    if is_page {
        return say(
            "a web page answers, so it is the address of a site, not of Presshook; on Cloudflare Pages it may also be \
             that the Function is not there, or that Pages fails open",
            "give the receiver's own address; at the sender too",
        );
    }
    let what = format!("what answers there ({}) is not Presshook", answer.status);
    (what, "give the receiver's own address, without a path".to_owned())
}

/// Where a redirect leads. Senders do not follow, or follow without what they sent.
fn redirected(answer: &Answer, address: &Uri) -> (String, String) {
    let to = answer.header("location").unwrap_or_default();
    let uri = to.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    if host.ends_with("cloudflareaccess.com") {
        return (
            "Cloudflare Access asks for a sign-in, which no sender can give".to_owned(),
            "add an application for the path `/api/webhook` with a policy of the action Bypass".to_owned(),
        );
    }
    let upgraded = uri.as_ref().and_then(Uri::scheme_str) == Some("https")
        && address.scheme_str() == Some("http")
        && (host.is_empty() || Some(host) == address.host());
    if upgraded {
        return (
            format!(
                "`http://` is redirected to `https://` ({}), and a redirect loses what a sender posts",
                answer.status
            ),
            "enter the address with `https://`, here and at the sender".to_owned(),
        );
    }
    let whither = if to.is_empty() { "nowhere".to_owned() } else { format!("to {to}") };
    (
        format!("it redirects {whither} ({}), and a redirect loses what a sender posts", answer.status),
        "give the address that it leads to, here and at the sender; if that is a sign-in, let `/api/webhook` through"
            .to_owned(),
    )
}
