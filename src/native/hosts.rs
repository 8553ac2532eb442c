//! Calling the hosts of sites.
//!
//! **Invariant:** the URL of a call is a secret, so it is in no message; redirects are not followed, for the call would
//! lead where its owner did not send it.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::actions::{ANSWER_HEADERS, MostRead, Untrusted};
use crate::articles::is_public_address;
use crate::outbox::Failure;
use crate::{Request, Response};

/// What calls hosts. Made at the first call, beside the requests: it reads the certificates that the system trusts.
#[derive(Debug, Default)]
pub struct Hosts {
    anywhere: OnceCell<Result<Client, String>>,
    /// For what a sender wrote.
    public: OnceCell<Result<Client, String>>,
}

impl Hosts {
    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// [`Failure::Timeout`] or [`Failure::Network`].
    pub async fn send(&self, request: Request, within: Duration) -> Result<Response, Failure> {
        let public = request.extensions().get::<Untrusted>().is_some();
        let made = async || {
            let made = spawn_blocking(move || client(public)).await;
            made.unwrap_or_else(|error| Err(error.to_string()))
        };
        let clients = if public { &self.public } else { &self.anywhere };
        let client = clients.get_or_init(made).await.as_ref();
        let client = client.map_err(|reason| Failure::Network { reason: reason.clone() })?;
        let most = MostRead::of(&request).unwrap_or(MostRead::USUAL);
        let (head, body) = request.into_parts();
        let call = client.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
        match tokio::time::timeout(within, answer(call, most)).await {
            Ok(answered) => answered.map_err(|error| Failure::Network { reason: reason(error) }),
            Err(_) => Err(Failure::Timeout(within)),
        }
    }
}

fn client(public: bool) -> Result<Client, String> {
    let built = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(1);
    let built = if public { built.dns_resolver(Public).no_proxy() } else { built };
    built.build().map_err(|error| format!("no client for HTTPS: {}", reason(error)))
}

/// Knows of the addresses of a name those that are public: whoever owns a name can have it lead anywhere.
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|it| is_public_address(it.ip())).collect();
            if public.is_empty() {
                return Err("its name leads to no public address; `IMAGES_HOSTS` can allow it".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

async fn answer(call: reqwest::RequestBuilder, most: MostRead) -> Result<Response, reqwest::Error> {
    let mut answer = call.send().await?;
    let mut body = BytesMut::new();
    while body.len() < most.0
        && let Some(piece) = answer.chunk().await?
    {
        body.extend_from_slice(&piece);
    }
    body.truncate(most.0);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    let given = answer.headers_mut();
    for name in ANSWER_HEADERS {
        if let Some(value) = given.remove(*name) {
            response.headers_mut().insert(*name, value);
        }
    }
    Ok(response)
}

/// What went wrong, in the words of whatever is nearest to the cause, without the URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
