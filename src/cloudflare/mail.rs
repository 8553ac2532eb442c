//! What the binding that sends mail says, in an owner's words:
//! <https://developers.cloudflare.com/email-service/api/send-emails/workers-api/>.

use http::StatusCode;

use crate::outbox::Failure;

/// The most characters of what the runtime says.
const MOST_SAID: usize = 200;

/// What came of a mail: nothing, or a code, a line break and a reason.
pub(super) fn sent(wrong: Option<String>) -> Result<(), Failure> {
    let Some(wrong) = wrong else { return Ok(()) };
    let (code, said) = wrong.split_once('\n').unwrap_or(("", &wrong));
    let (words, again) = match code {
        NOT_BOUND => {
            let reason = "no mail can be sent: bind `EMAIL` with a `[[send_email]]` in wrangler.toml, then deploy again";
            return Err(Failure::Unable { reason: reason.to_owned(), again: false });
        }
        "E_SENDER_NOT_VERIFIED" | "E_SENDER_DOMAIN_NOT_AVAILABLE" => (
            "Cloudflare does not send from that domain: set `EMAIL_FROM` to an address of a domain that is set up for \
              mail in your account",
            false,
        ),
        "E_RECIPIENT_NOT_ALLOWED" => (
            "Cloudflare does not send to that address: verify each address of `EMAIL_TO` under Email Routing, \
             Destination addresses",
            false,
        ),
        "E_RECIPIENT_SUPPRESSED" => {
            ("an address in `EMAIL_TO` has refused mail before: take it out, or off Cloudflare's list", false)
        }
        "E_RATE_LIMIT_EXCEEDED" | "E_DAILY_LIMIT_EXCEEDED" => ("too many mails were sent", true),
        "E_DELIVERY_FAILED" | "E_INTERNAL_SERVER_ERROR" => ("the mail could not be delivered just now", true),
        // Whoever has no code is the runtime, or the older Email Routing.
        "" => (
            "the mail could not be sent; each address of `EMAIL_TO` must be verified under Email Routing, and \
                `EMAIL_FROM` be of a domain that has it",
            true,
        ),
        _ => ("Cloudflare does not take the mail", false),
    };
    let said: String =
        said.chars().map(|it| if it.is_control() { ' ' } else { it }).take(MOST_SAID).collect();
    let reason = format!("{words} (it said {said})");
    // There is no status; what may be tried again is a server's trouble.
    let status = if again { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
    Err(Failure::Said { reason, status, retry_after: None, again })
}

/// The code that `worker.js` has for it.
const NOT_BOUND: &str = "NOT_BOUND";
