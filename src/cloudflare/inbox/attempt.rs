//! An attempt that has been claimed: what it carries is gathered, its action's steps are carried out, and what came of
//! it is recorded.

use std::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Array, Uint8Array};
use worker::wasm_bindgen::JsValue;

use super::{Inbox, jitter};
use crate::actions::{Mail, MayFail, Returned, Step};
use crate::articles::{self, Gathered, Gatherer, Next, Told};
use crate::cloudflare::mail;
use crate::cloudflare::outside::{keep, now, send};
use crate::outbox::{self, Claimed, Failure, Job};
use crate::store;

impl Inbox {
    /// Makes one attempt that has been claimed, and records it.
    pub(super) async fn fly(&self, claimed: Claimed) {
        let settings = &self.isolate.settings;
        let carried = self.commit(outbox::carried(claimed.carrier, claimed.job.action.reads));
        let (carried, unread) = carried.map_or_else(|it| (None, Some(it)), |it| (Some(it), None));
        let mut claimed = Claimed { job: Job { carried, ..claimed.job.clone() }, ..claimed };
        let gathered = match unread {
            // Whoever is told nothing has nothing to do, and would be done.
            Some(error) => Err(error.into()),
            None => self.gather(&claimed).await,
        };
        let result = match gathered {
            Ok(gathered) => {
                let told = gathered.map(|it| it.give(&mut claimed.job)).unwrap_or_default();
                told.into_iter().for_each(|entry| self.isolate.print(entry));
                self.attempt(&claimed).await
            }
            Err(failure) => Err(failure),
        };
        match self.commit(outbox::record(settings, &claimed, &result, now(), jitter())) {
            Ok(entries) => entries.into_iter().for_each(|entry| self.isolate.print(entry)),
            // The claim runs out, and the call is made again.
            Err(error) => drop(self.failed("record", &error)),
        }
    }

    /// Makes files of the articles that a job carries, where its target takes them.
    async fn gather(&self, claimed: &Claimed) -> Result<Option<Gathered>, Failure> {
        let settings = &self.isolate.settings;
        if !articles::are_wanted(settings, claimed) {
            return Ok(None);
        }
        let mut gatherer = Gatherer::new(settings, claimed);
        let mut told = Told::Nothing;
        loop {
            told = match gatherer.next(told, now())? {
                Next::Read(reads) => Told::Rows(self.commit(store::read(reads))?),
                Next::Send(request, within) => Told::Answer(send(request, within).await),
                Next::Over(gathered) => return Ok(Some(gathered)),
            };
        }
    }

    async fn attempt(&self, claimed: &Claimed) -> outbox::Result {
        let settings = &self.isolate.settings;
        let mut returned = Vec::new();
        loop {
            match (claimed.job.action.step)(settings, &claimed.job, &returned, now()) {
                Step::Send(request) => {
                    let (within, may_fail) = MayFail::within(&request, claimed.left(now()));
                    returned.push(match send(request, within).await {
                        Ok(response) => Returned::Response(response),
                        Err(failure) if may_fail => Returned::Unanswered(failure),
                        Err(failure) => return Err(failure),
                    });
                }
                Step::Keep(object) => {
                    let within = claimed.left(now());
                    keep(self.isolate.archive.as_ref(), &object, within).await?;
                    returned.push(Returned::Carried);
                }
                Step::Mail(mail) => {
                    self.mail(&mail, claimed.left(now())).await?;
                    returned.push(Returned::Carried);
                }
                Step::Done(done) => return Ok(done),
                Step::Fail(failure) => return Err(failure),
            }
        }
    }

    /// Sends a mail through the binding.
    async fn mail(&self, mail: &Mail, within: Duration) -> Result<(), Failure> {
        let to: Array = mail.to.iter().map(|it| JsValue::from(it.as_str())).collect();
        let sent = self.object.mail(&mail.from, to, Uint8Array::from(mail.message.as_slice()));
        match select(JsFuture::from(sent), std::pin::pin!(Delay::from(within))).await {
            Either::Left((answer, _)) => mail::sent(answer.ok().and_then(|it| it.as_string())),
            Either::Right(_) => Err(Failure::Timeout(within)),
        }
    }
}
