//! What came of many requests: answers by status, repeats that were known as such, and how long they took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::Answer;

/// The answers so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Answers with a 2xx.
    pub(super) accepted: u32,
    /// Answers that say that the delivery was known.
    pub(super) duplicates: u32,
    /// Why one of those without an answer has none.
    pub(super) unanswered: Option<String>,
    /// From the first request to the last answer.
    pub(super) took: Duration,
    lost: u32,
    statuses: BTreeMap<String, u32>,
    times: Vec<Duration>,
}

impl Tally {
    /// Counts one, and tells of it in a line.
    pub(super) fn add(&mut self, answer: Result<Answer, String>) -> String {
        let answer = match answer {
            Ok(answer) => answer,
            Err(reason) => {
                self.lost = self.lost.saturating_add(1);
                let line = format!("no answer: {reason}\n");
                self.unanswered.get_or_insert(reason);
                return line;
            }
        };
        let count = self.statuses.entry(answer.status.to_string()).or_default();
        *count = count.saturating_add(1);
        let told = serde_json::from_str::<Value>(&answer.text).ok();
        let duplicate = told.is_some_and(|it| it.get("duplicate") == Some(&Value::Bool(true)));
        self.accepted = self.accepted.saturating_add(u32::from(answer.status.is_success()));
        self.duplicates = self.duplicates.saturating_add(u32::from(duplicate));
        self.times.push(answer.took);
        let known = if duplicate { ", a duplicate" } else { "" };
        format!("{} after {} ms{known}\n", answer.status, answer.took.as_millis())
    }

    /// How many were answered.
    pub(super) fn answered(&self) -> usize {
        self.times.len()
    }

    /// The summary.
    pub(super) fn in_words(&self) -> String {
        let mut times = self.times.clone();
        times.sort_unstable();
        let sent = u32::try_from(self.answered()).unwrap_or(u32::MAX).saturating_add(self.lost);
        let a_second = f64::from(sent) / self.took.as_secs_f64().max(0.001);
        let mut told =
            format!("\n{sent} sent in {:.1} s ({a_second:.0} a second)\n", self.took.as_secs_f64());
        told.extend(self.statuses.iter().map(|(status, count)| format!("{status}: {count}\n")));
        if let Some(reason) = &self.unanswered {
            told += &format!("no answer: {}, such as {reason}\n", self.lost);
        }
        told += &format!("known as duplicates: {}\n", self.duplicates);
        let middle = times.get(times.len() / 2);
        if let (Some(fastest), Some(middle), Some(slowest)) = (times.first(), middle, times.last()) {
            let [fastest, middle, slowest] = [fastest, middle, slowest].map(Duration::as_millis);
            told += &format!("fastest {fastest} ms, median {middle} ms, slowest {slowest} ms\n");
        }
        told
    }
}
