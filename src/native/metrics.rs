//! What is counted while the server runs, in the text format of Prometheus.
//!
//! **Invariant:** the labels are names of ours and of the settings, never what strangers send: their number is bounded.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::now;
use crate::contract::Rejection;
use crate::inbox::pages::Queued;
use crate::outbox::{self, Job};

/// All that is counted.
pub(super) struct Metrics {
    registry: Registry,
    deliveries: IntCounterVec,
    rejections: IntCounterVec,
    attempts: IntCounterVec,
    processing: Histogram,
    jobs: IntGaugeVec,
    oldest: Gauge,
}

impl Metrics {
    /// Nothing counted so far.
    ///
    /// # Errors
    /// A name that Prometheus does not allow.
    pub(super) fn new() -> Result<Metrics, String> {
        Metrics::registered().map_err(|error| format!("there are no metrics: {error}"))
    }

    fn registered() -> prometheus::Result<Metrics> {
        let counter =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let processing = HistogramOpts::new(
            "presshook_processing_seconds",
            "Time from a delivery's body to its answer, storing included.",
        );
        let metrics = Metrics {
            registry: Registry::new(),
            deliveries: counter(
                "presshook_deliveries_total",
                "Deliveries that were proven: new ones, repeats and tests.",
                &["source", "outcome"],
            )?,
            rejections: counter("presshook_rejections_total", "Requests that were refused.", &["reason"])?,
            attempts: counter(
                "presshook_attempts_total",
                "Attempts at jobs, by how they ended.",
                &["action", "target", "outcome"],
            )?,
            processing: Histogram::with_opts(
                processing.buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
            )?,
            jobs: IntGaugeVec::new(
                Opts::new("presshook_jobs", "Jobs that wait, are under way, or are dead."),
                &["action", "target", "state"],
            )?,
            oldest: Gauge::new(
                "presshook_oldest_due_seconds",
                "How long the job that has been due the longest has been due.",
            )?,
        };
        let build = GaugeVec::new(Opts::new("presshook_build_info", "The version that runs."), &["version"])?;
        build.with_label_values(&[crate::VERSION]).set(1.0);
        let started = Gauge::new("process_start_time_seconds", "When the server was started, since 1970.")?;
        // Seconds of this century are exact.
        #[allow(clippy::cast_precision_loss)]
        started.set(now().0 as f64 / 1000.0);
        let all: [Box<dyn Collector>; 8] = [
            Box::new(metrics.deliveries.clone()),
            Box::new(metrics.rejections.clone()),
            Box::new(metrics.attempts.clone()),
            Box::new(metrics.processing.clone()),
            Box::new(metrics.jobs.clone()),
            Box::new(metrics.oldest.clone()),
            Box::new(build),
            Box::new(started),
        ];
        for one in all {
            metrics.registry.register(one)?;
        }
        Ok(metrics)
    }

    /// A delivery was proven, and answered after that long.
    pub(super) fn delivered(&self, source: &str, outcome: &str, took: Duration) {
        self.deliveries.with_label_values(&[source, outcome]).inc();
        self.processing.observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub(super) fn rejected(&self, rejection: &Rejection) {
        let reason = match rejection {
            Rejection::NotFound => "not_found",
            Rejection::MethodNotAllowed { .. } => "method",
            Rejection::NotConfigured { .. } => "not_configured",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::Unread => "unread",
            Rejection::TooMany { .. } => "too_many",
            Rejection::Unauthorized | Rejection::WrongToken => "unauthorized",
            Rejection::Foreign => "foreign",
            Rejection::Unavailable { .. } => "unavailable",
            Rejection::Signature(_) => "signature",
            Rejection::Payload(_) => "payload",
        };
        self.rejections.with_label_values(&[reason]).inc();
    }

    /// An attempt at a job has ended.
    pub(super) fn attempted(&self, job: &Job, result: &outbox::Result) {
        let outcome = result.as_ref().map_or_else(outbox::Failure::outcome, |_| "accepted");
        self.attempts.with_label_values(&[job.action.name, job.target.as_str(), outcome]).inc();
    }

    /// All of it as text, with the jobs as they are now.
    pub(super) fn text(&self, queue: &[Queued]) -> String {
        self.jobs.reset();
        for one in queue {
            let labels = [one.action.as_str(), one.target.as_str(), one.state.as_str()];
            self.jobs.with_label_values(&labels).set(one.count);
        }
        let oldest = queue.iter().filter_map(|it| it.due_at).min();
        self.oldest.set(oldest.map_or(0.0, |due| now().since(due).as_secs_f64()));
        // What cannot be written is left out; nothing of ours is of that kind.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
