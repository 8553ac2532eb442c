//! What is counted of the requests to webhooks: the inbox is told from time to time of those that it does not store, and
//! Workers Analytics Engine, where it is bound, of each.
//!
//! **Invariant:** no answer waits for any of it, or fails by it.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::{Context, Delay, wasm_bindgen};

use super::isolate::Isolate;
use super::outside::{ask, later, now};
use crate::contract::{Endpoint, Rejection};
use crate::event::{Delivery, Timestamp};
use crate::inbox::counts::Count;
use crate::inbox::message;
use crate::settings::Mode;

#[wasm_bindgen(module = "/src/cloudflare/entry.js")]
extern "C" {
    /// Writes a data point, if it can.
    fn point(dataset: &JsValue, source: &str, outcome: &str, kind: &str, milliseconds: f64, bytes: f64);
}

/// A request that came.
pub(super) struct Arrival {
    /// When it had come whole.
    pub(super) at: Timestamp,
    /// Bytes of its body.
    pub(super) bytes: usize,
}

impl Arrival {
    /// It was refused.
    pub(super) fn refused(
        &self,
        isolate: &Rc<Isolate>,
        endpoint: &Endpoint<'_>,
        rejection: &Rejection,
        ctx: &Context,
    ) {
        self.point(isolate, endpoint.source.map_or("", |it| it.name), rejection.name(), "");
        count(isolate, Count::refused(endpoint, rejection), ctx);
    }

    /// It was accepted.
    pub(super) fn accepted(
        &self,
        isolate: &Rc<Isolate>,
        delivery: &Delivery,
        duplicate: bool,
        ctx: &Context,
    ) {
        let outcome = match (duplicate, delivery.is_test()) {
            (true, _) => Count::DUPLICATE,
            (false, true) => Count::TEST,
            (false, false) => "accepted",
        };
        let kind = delivery.event().map_or("", |it| it.kind.name());
        self.point(isolate, delivery.source.name, outcome, kind);
        if duplicate {
            count(isolate, Count::unstored(delivery, outcome), ctx);
        }
    }

    fn point(&self, isolate: &Isolate, source: &str, outcome: &str, kind: &str) {
        let Some(dataset) = &isolate.analytics else { return };
        // Far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let (milliseconds, bytes) = (now().since(self.at).as_millis() as f64, self.bytes as f64);
        point(dataset, source, outcome, kind, milliseconds, bytes);
    }
}

fn count(isolate: &Rc<Isolate>, count: Count, ctx: &Context) {
    if isolate.settings.mode == Mode::Direct || isolate.inbox.is_none() {
        return;
    }
    let Some(at) = isolate.counts.borrow_mut().add(count, now()) else { return };
    let isolate = Rc::clone(isolate);
    later(ctx, async move {
        let wait = at.since(now());
        if wait > Duration::ZERO {
            Delay::from(wait).await;
        }
        pass_on(&isolate).await;
    });
}

/// Tells the inbox what is held.
async fn pass_on(isolate: &Isolate) {
    let counts = isolate.counts.borrow_mut().take(now());
    let Some(inbox) = isolate.inbox.as_ref().filter(|_| !counts.is_empty()) else { return };
    let text = Count::to_text(&counts);
    let told = ask(inbox, "POST", message::COUNTED, Some(text.as_bytes()), Duration::from_secs(15)).await;
    // An inbox of another version never takes them.
    if !told.is_ok_and(|(status, _)| matches!(status, StatusCode::OK | StatusCode::NOT_FOUND)) {
        isolate.counts.borrow_mut().give_back(counts);
    }
}
