//! Keeps each delivery in a bucket of S3, or of anything that speaks as S3 does: the same file that a directory gets.
//! Only a server does; on Cloudflare a bucket is bound.

use std::time::Duration;

use http::Method;
use http::header::CONTENT_TYPE;
use rusty_s3::actions::PutObject;
use rusty_s3::{Bucket, Credentials, S3Action as _, UrlStyle};

use super::archive::{ARCHIVE, gone, object};
use crate::actions::{Action, Done, Returned, Step, request};
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Settings, Values, url};
use crate::{Request, Response};

const BUCKET: &str = "ARCHIVE_S3_BUCKET";
const ENDPOINT: &str = "ARCHIVE_S3_ENDPOINT";
const REGION: &str = "ARCHIVE_S3_REGION";
const KEY: &str = "ARCHIVE_S3_ACCESS_KEY_ID";
const SECRET: &str = "ARCHIVE_S3_SECRET_ACCESS_KEY";

/// How long a signature holds.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// Deliveries, kept in a bucket.
pub(crate) static ARCHIVE_S3: Action = Action {
    name: "archive-s3",
    help: "Keeps each delivery as it came in a bucket of S3, R2, MinIO or another that speaks as S3 does.",
    fields: &[
        Field::new(BUCKET, Need::Makes, bucket, "The bucket in which deliveries are kept.").shown(),
        Field::new(
            ENDPOINT,
            Need::Must,
            url,
            "Where the bucket's server is, without the bucket: `https://s3.eu-west-1.amazonaws.com`.",
        )
        .shown(),
        Field::with_default(REGION, Need::May, "us-east-1", region, "The bucket's region; `auto` for R2."),
        Field::new(KEY, Need::Must, key, "The id of an access key that may write into the bucket.").shown(),
        Field::new(SECRET, Need::Must, key, "The secret of that key."),
    ],
    step,
    ..ARCHIVE
};

fn bucket(text: &str) -> Option<&'static str> {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'.');
    let fine = (3..=63).contains(&text.len()) && text.bytes().all(allowed);
    (!fine).then_some("the name of a bucket: 3 to 63 small letters, digits, dashes and dots")
}

fn region(text: &str) -> Option<&'static str> {
    let fine = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    (!fine).then_some("a region such as `eu-west-1`, or `auto`")
}

fn key(text: &str) -> Option<&'static str> {
    (!text.bytes().all(|it| it.is_ascii_graphic()))
        .then_some("an access key as it was shown when it was made")
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let Some(values) = settings.destination(job.action.name, &job.target) else {
        return Step::Fail(Failure::NotSet);
    };
    let Some(object) = object(job) else { return Step::Fail(gone()) };
    let put = || -> Option<Request> {
        let headers = [(CONTENT_TYPE, object.content_type.as_str())];
        request(Method::PUT, &signed(values, &object.name, now)?, &headers, object.bytes.into()).ok()
    };
    let Some(request) = put() else { return Step::Fail(Failure::NotSet) };
    let next = returned.is_empty().then_some(request);
    Step::in_turn(next, returned, &|response| judge(response, now))
}

/// Where an object is put, signed.
fn signed(values: &Values, name: &str, now: Timestamp) -> Option<String> {
    let own = |setting| values.get(setting).map(str::to_owned);
    let endpoint = values.get(ENDPOINT)?.parse().ok()?;
    let bucket = Bucket::new(endpoint, UrlStyle::Path, own(BUCKET)?, own(REGION)?).ok()?;
    let credentials = Credentials::new(own(KEY)?, own(SECRET)?);
    let now = jiff::Timestamp::from_millisecond(now.0).ok()?;
    let put = PutObject::new(&bucket, Some(&credentials), name);
    Some(put.sign_with_time(SIGNED_FOR, &now).into())
}

/// What the bucket's server answers.
fn judge(response: &Response, now: Timestamp) -> Result<Done, Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(Done::of(response));
    }
    let code = code(response.body());
    let remedy = match (code, status.as_u16()) {
        ("NoSuchBucket", _) | ("", 404) => {
            "there is no such bucket: make it, or set `ARCHIVE_S3_BUCKET` and `ARCHIVE_S3_ENDPOINT` to one that there is"
        }
        ("InvalidAccessKeyId", _) => {
            "the key is not known there: set `ARCHIVE_S3_ACCESS_KEY_ID` to one that is"
        }
        ("SignatureDoesNotMatch", _) => {
            "the key's secret is another one: set `ARCHIVE_S3_SECRET_ACCESS_KEY` again"
        }
        ("RequestTimeTooSkewed" | "AccessDenied" | "ExpiredRequest", 400 | 403) => {
            "the key may not write into this bucket (`s3:PutObject`), or this machine's clock is wrong"
        }
        ("AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError", _) => {
            "the region is another one: set `ARCHIVE_S3_REGION` to the bucket's"
        }
        (_, 301 | 307 | 308) => {
            "the bucket is elsewhere: set `ARCHIVE_S3_ENDPOINT` and `ARCHIVE_S3_REGION` to those of its region"
        }
        (_, 401 | 403) => "the key is not accepted: check `ARCHIVE_S3_ACCESS_KEY_ID` and its secret",
        (_, 507) => "the disk there is full",
        _ => "it was not kept",
    };
    let code = if code.is_empty() { String::new() } else { format!(", {code}") };
    Err(Failure::said(response, now, format!("the bucket's server answered {status}{code}: {remedy}")))
}

/// The code in an answer of S3's, which is XML; empty where there is none.
fn code(body: &[u8]) -> &str {
    let text = str::from_utf8(body).unwrap_or_default();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|it| it.0);
    let plain = |it: &&str| it.len() <= 60 && it.bytes().all(|it| it.is_ascii_alphanumeric());
    code.filter(plain).unwrap_or_default()
}
