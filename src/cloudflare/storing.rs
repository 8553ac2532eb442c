//! What waits for the inbox: a delivery is answered once it is stored.

use std::cell::RefCell;
use std::rc::Rc;

use http::StatusCode;
use worker::Context;
use worker::js_sys::Math;
use worker::wasm_bindgen::JsValue;

use super::counted::Arrival;
use super::direct::process;
use super::isolate::Isolate;
use super::outside::now;
use super::{answered, refuse, target, wake_later};
use crate::contract::{self, Rejection};
use crate::event::Delivery;
use crate::inbox::message::Receipt;
use crate::routes;

/// A delivery that the inbox was asked to store.
pub(super) struct Storing {
    pub(super) isolate: Rc<Isolate>,
    pub(super) arrival: Arrival,
    /// The head of its request, as the module was given it.
    pub(super) head: String,
    pub(super) delivery: Delivery,
}

thread_local! {
    /// What waits for the inbox, by number, and the last number. The first is any: so what a module that broke was asked
    /// is not taken for something that the next one was.
    static STORING: RefCell<(f64, Vec<(f64, Storing)>)> = RefCell::new(((Math::random() * 1e15).floor(), Vec::new()));
}

impl Storing {
    /// Has it wait; by which number.
    pub(super) fn wait(self) -> f64 {
        STORING.with_borrow_mut(|(last, waiting)| {
            *last += 1.0;
            waiting.push((*last, self));
            *last
        })
    }

    /// The one that waits by that number.
    #[allow(clippy::float_cmp, reason = "it comes back as it was")]
    pub(super) fn of(number: f64) -> Option<Storing> {
        STORING.with_borrow_mut(|(_, waiting)| {
            let at = waiting.iter().position(|(known, _)| *known == number)?;
            Some(waiting.swap_remove(at).1)
        })
    }

    /// The answer, given what the inbox said, or why it said nothing.
    pub(super) fn done(self, said: Result<(StatusCode, String), String>, ctx: &Context) -> JsValue {
        let Storing { isolate, arrival, head, delivery } = self;
        let receipt = said.and_then(|(status, text)| match status {
            StatusCode::OK => Receipt::read(&text).ok_or(text),
            StatusCode::NOT_FOUND => {
                Err("it is of another version: deploy this Worker and the inbox's".to_owned())
            }
            _ => Err(format!("{status}: {text}")),
        });
        match receipt {
            Ok(receipt) => {
                let took = now().since(delivery.received_at);
                let answer = contract::accepted(&delivery, receipt.duplicate, took);
                arrival.accepted(&isolate, &delivery, receipt.duplicate, ctx);
                wake_later(&isolate, receipt.wake_at, ctx);
                answered(answer)
            }
            Err(reason) => {
                let unavailable = Rejection::Unavailable { reason };
                let answer = refuse(&isolate, target(&head).path(), &unavailable, &arrival, ctx);
                if !delivery.source.repeats() {
                    // Nobody will send it again: once, without memory, is better than never.
                    let jobs = routes::jobs(&isolate.settings, &delivery);
                    process(&isolate, delivery, jobs, ctx);
                }
                answered(answer)
            }
        }
    }
}
