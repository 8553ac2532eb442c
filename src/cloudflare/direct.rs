//! What a delivery asks for, done without an inbox: each job is carried out as its dispatcher says, and nothing is
//! remembered.

use std::rc::Rc;

use worker::{Context, Delay};

use super::isolate::Isolate;
use super::outside::{later, now, send};
use crate::event::{Delivery, Timestamp};
use crate::log::{self, Level};
use crate::outbox::{Direct, Input, Job, Output};

/// Does the jobs of a delivery, after the answer and without an inbox: `wait_until` keeps the request alive for it.
pub(super) fn process(isolate: &Rc<Isolate>, delivery: Delivery, jobs: Vec<Job>, ctx: &Context) {
    let complete = {
        let (isolate, count) = (Rc::clone(isolate), jobs.len() as u64);
        move |delivery: &Delivery| {
            let took = || now().since(delivery.received_at);
            isolate.print_with(Level::Info, || log::complete(delivery, count, took()));
        }
    };
    if jobs.is_empty() {
        return complete(&delivery);
    }
    // Each job by itself, so that a slow host holds up no other; the last to end tells so.
    let shared = Rc::new((delivery, complete));
    for job in jobs {
        let (isolate, shared) = (Rc::clone(isolate), Rc::clone(&shared));
        later(ctx, async move {
            run(&isolate, job, shared.0.received_at).await;
            if let Some((delivery, complete)) = Rc::into_inner(shared) {
                complete(&delivery);
            }
        });
    }
}

/// Carries out one job as its dispatcher says.
async fn run(isolate: &Isolate, job: Job, received_at: Timestamp) {
    let mut dispatcher = Direct::new(&isolate.settings, job, received_at);
    let mut input = Input::Wake;
    loop {
        let (output, entry) = dispatcher.next(input, now());
        if let Some(entry) = entry {
            isolate.print(entry);
        }
        input = match output {
            Output::Send { request, timeout } => Input::Response(send(request, timeout).await),
            Output::Sleep { until } => {
                Delay::from(until.since(now())).await;
                Input::Wake
            }
            Output::Stop => return,
        };
    }
}
