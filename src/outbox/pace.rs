//! When a target may be called: the window of its events, and what holds it back: the least gap between two calls,
//! a `Retry-After`, a build known to run, and the month's budget. The destinations of other actions are paced alike, but
//! have neither builds nor a budget.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::rows::{self, JobRow};
use super::schedule::month;
use crate::actions::{Action, Gathers};
use crate::event::Timestamp;
use crate::settings::{Budget, Pace, Settings, Target};
use crate::store::{Row, Statement, Unreadable};

/// What is paced by itself: a target that is built, or a destination of another action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane<'a> {
    /// None where this version has no such action.
    action: Option<&'static Action>,
    name: &'a str,
    target: &'a str,
}

impl<'a> Lane<'a> {
    /// The lane of a job.
    pub(crate) fn of(job: &'a JobRow) -> Lane<'a> {
        Lane { action: Action::named(&job.action), name: &job.action, target: &job.target }
    }

    /// The target that is built, if one is.
    pub(super) fn built(self) -> Option<&'a str> {
        self.action.filter(|it| it.builds()).map(|_| self.target)
    }

    /// Under which name its state is kept. No name of a target has a `/`.
    fn key(self) -> Cow<'a, str> {
        self.built().map_or_else(|| format!("{}/{}", self.name, self.target).into(), Cow::Borrowed)
    }
}

/// When the events of a window are to be carried: quiet for long enough, but never later than the longest wait.
pub(crate) fn window(pace: &Pace, first_at: Timestamp, last_at: Timestamp) -> Timestamp {
    last_at.plus(pace.settle).min(first_at.plus(pace.max_wait))
}

/// What is known of a lane; builds and schedules only of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetState {
    /// When the last call was made that its host accepted.
    pub(crate) deployed_at: Option<Timestamp>,
    /// Until when its host asked to be left alone.
    pub(crate) not_before: Option<Timestamp>,
    /// Until when a build is believed to run.
    pub(crate) building_until: Option<Timestamp>,
    /// The schedule that `scheduled_at` comes from.
    pub(crate) schedule: Option<String>,
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What has been spent of a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spent {
    /// The month that it is of.
    pub(crate) period_start: Timestamp,
    pub(crate) calls: u32,
    pub(crate) last_call_at: Option<Timestamp>,
    /// The month for which it was told that nothing is left.
    pub(crate) told_at: Option<Timestamp>,
}

/// How a budget stands, as its owner is told.
#[derive(Debug, Serialize)]
pub(crate) struct Account<'s> {
    pub(crate) name: &'s str,
    pub(crate) limit: u32,
    pub(crate) used: u32,
    reserve: u32,
    resets_at: String,
}

/// What holds a call back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Gap,
    RetryAfter,
    Build,
    /// Half of the budget is spent, and the rest is spread over the month.
    Paced,
    /// Nothing is left until the budget begins anew.
    Spent,
}

impl Hold {
    /// In an owner's words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Hold::Gap => {
                "the last one was less than its least gap ago (`DEPLOY_MIN_GAP_SECONDS` for deploys)"
            }
            Hold::RetryAfter => "the host asked to be left alone until then",
            Hold::Build => "a build is running",
            Hold::Paced => {
                "half of `DEPLOY_BUDGET_PER_MONTH` is spent, and the rest is spread over the month"
            }
            Hold::Spent => "`DEPLOY_BUDGET_PER_MONTH` is spent; it begins anew then",
        }
    }
}

/// What is known of every target and budget, to be asked and changed within one transaction.
#[derive(Debug)]
pub(crate) struct Known<'s> {
    settings: &'s Settings,
    targets: Vec<(String, TargetState)>,
    budgets: Vec<(String, Spent)>,
}

impl<'s> Known<'s> {
    /// From the rows of [`rows::targets`] and [`rows::budgets`].
    pub(crate) fn read(
        settings: &'s Settings,
        targets: &[Row],
        budgets: &[Row],
    ) -> Result<Known<'s>, Unreadable> {
        Ok(Known {
            settings,
            targets: targets.iter().map(rows::read_target).collect::<Result<_, _>>()?,
            budgets: budgets.iter().map(rows::read_spent).collect::<Result<_, _>>()?,
        })
    }

    /// The settings of a target; none if it is set up no more.
    pub(crate) fn target(&self, name: &str) -> Option<&'s Target> {
        self.settings.target(name)
    }

    pub(super) fn state(&self, target: &str) -> TargetState {
        self.targets
            .iter()
            .find(|(name, _)| name == target)
            .map(|(_, state)| state.clone())
            .unwrap_or_default()
    }

    /// What has been spent of a budget in the month that this moment is in.
    fn spent(&self, budget: &Budget, now: Timestamp) -> Spent {
        let (period_start, _) = month(budget.reset_day, now);
        let known = self.budgets.iter().find(|(name, _)| *name == budget.name).map(|(_, spent)| *spent);
        match known {
            Some(spent) if spent.period_start == period_start => spent,
            // Only where the owner has moved the day: some of these calls are of this month, and all may be.
            Some(spent) if spent.last_call_at.is_some_and(|at| at >= period_start) => {
                Spent { period_start, ..spent }
            }
            known => Spent {
                period_start,
                calls: 0,
                last_call_at: known.and_then(|it| it.last_call_at),
                told_at: known.and_then(|it| it.told_at),
            },
        }
    }

    /// How each budget stands.
    pub(crate) fn accounts(&self, now: Timestamp) -> Vec<Account<'s>> {
        let account = |budget: &'s Budget| Account {
            name: &budget.name,
            limit: budget.per_month,
            used: self.spent(budget, now).calls,
            reserve: reserve(budget),
            resets_at: month(budget.reset_day, now).1.to_string(),
        };
        self.settings.budgets.iter().map(account).collect()
    }

    /// How the events of a lane are gathered; nothing where they are not.
    pub(super) fn window_of(&self, lane: Lane<'_>) -> Option<Pace> {
        match lane.action?.gathers {
            Gathers::Each => None,
            Gathers::Together(pace) => Some(pace),
            Gathers::Build => self.target(lane.target).map(|it| it.pace),
        }
    }

    /// Notes that it is told that a lane's budget is spent, unless it has been told for this month.
    pub(super) fn tell_spent(&mut self, lane: Lane<'_>, now: Timestamp) -> Option<Statement> {
        let budget = self.budget_of(lane.built()?)?;
        let spent = self.spent(budget, now);
        let told_at = Some(spent.period_start);
        (spent.told_at != told_at).then(|| self.set_spent(&budget.name, Spent { told_at, ..spent }))
    }

    /// Charges a call that is about to be made to its target's budget, if it has one. The budget's name.
    pub(super) fn charge(&mut self, lane: Lane<'_>, now: Timestamp) -> Option<(String, Statement)> {
        let budget = self.budget_of(lane.built()?)?;
        let spent = self.spent(budget, now);
        let spent = Spent { calls: spent.calls.saturating_add(1), last_call_at: Some(now), ..spent };
        Some((budget.name.clone(), self.set_spent(&budget.name, spent)))
    }

    /// Gives back to a budget what a call was charged that has clearly been refused.
    pub(super) fn refund(&mut self, budget: &str, called_at: Timestamp, now: Timestamp) -> Option<Statement> {
        let budget = self.settings.budgets.iter().find(|it| it.name == budget)?;
        let spent = self.spent(budget, now);
        // A call of last month is not given back to this one.
        (called_at >= spent.period_start).then(|| {
            let spent = Spent { calls: spent.calls.saturating_sub(1), ..spent };
            self.set_spent(&budget.name, spent)
        })
    }

    /// Notes that the call of a lane that was made then has been accepted; nothing where no state is kept of it.
    pub(super) fn accepted(&mut self, lane: Lane<'_>, called_at: Timestamp) -> Option<Statement> {
        lane.action.filter(|it| it.gathers != Gathers::Each)?;
        let state = TargetState { deployed_at: Some(called_at), ..self.state(&lane.key()) };
        Some(self.set_state(&lane.key(), state))
    }

    /// Forgets the schedules of targets that are set up no more.
    pub(super) fn unschedule(&mut self) -> Vec<Statement> {
        let is_set_up = |name: &str| self.settings.target(name).is_some();
        let stale = |(name, state): &&(String, TargetState)| state.schedule.is_some() && !is_set_up(name);
        let stale: Vec<(String, TargetState)> = self.targets.iter().filter(stale).cloned().collect();
        let without = |state| TargetState { schedule: None, scheduled_at: None, ..state };
        stale.into_iter().map(|(name, state)| self.set_state(&name, without(state))).collect()
    }

    /// Notes until when a lane must be left alone.
    pub(super) fn hold_until(&mut self, lane: Lane<'_>, until: Timestamp) -> Statement {
        let state = TargetState { not_before: Some(until), ..self.state(&lane.key()) };
        self.set_state(&lane.key(), state)
    }

    /// Notes until when a build is believed to run, if one does.
    pub(crate) fn builds(&mut self, target: &str, until: Option<Timestamp>) -> Statement {
        let state = TargetState { building_until: until, ..self.state(target) };
        self.set_state(target, state)
    }

    pub(super) fn set_state(&mut self, target: &str, state: TargetState) -> Statement {
        let statement = rows::write_target(target, &state);
        self.targets.retain(|(name, _)| name != target);
        self.targets.push((target.to_owned(), state));
        statement
    }

    fn set_spent(&mut self, budget: &str, spent: Spent) -> Statement {
        let statement = rows::write_spent(budget, &spent);
        self.budgets.retain(|(name, _)| name != budget);
        self.budgets.push((budget.to_owned(), spent));
        statement
    }

    fn budget_of(&self, target: &str) -> Option<&'s Budget> {
        self.settings.budget(self.target(target)?)
    }
}

/// The moment before which a job's lane must be left alone, and why; nothing if it may be called at any time.
///
/// What the owner asks for by hand is held back only by what the host asked for, and by a budget that is spent whole.
pub(crate) fn earliest(known: &Known<'_>, job: &JobRow, now: Timestamp) -> Option<(Timestamp, Hold)> {
    let (lane, urgent) = (Lane::of(job), job.urgent);
    let state = known.state(&lane.key());
    let mut holds = vec![(state.not_before, Hold::RetryAfter)];
    if !urgent {
        let gap = known.window_of(lane).and_then(|it| Some(state.deployed_at?.plus(it.min_gap)));
        holds.extend([(gap, Hold::Gap), (state.building_until, Hold::Build)]);
    }
    if let Some(budget) = lane.built().and_then(|target| known.budget_of(target)) {
        holds.push(budgeted(budget, &known.spent(budget, now), urgent, now));
    }
    let holds = holds.into_iter().filter_map(|(at, hold)| Some((at?, hold)));
    holds.max_by_key(|(at, _)| *at).filter(|(at, _)| *at > now)
}

/// What a budget allows: from half of it on, the rest is spread over what is left of the month, but for a reserve.
fn budgeted(budget: &Budget, spent: &Spent, urgent: bool, now: Timestamp) -> (Option<Timestamp>, Hold) {
    let (_, end) = month(budget.reset_day, now);
    let left = budget.per_month.saturating_sub(spent.calls);
    let usable = left.saturating_sub(if urgent { 0 } else { reserve(budget) });
    if usable == 0 {
        return (Some(end), Hold::Spent);
    }
    if urgent || spent.calls.saturating_mul(2) < budget.per_month {
        return (None, Hold::Paced);
    }
    let gap = end.since(now).checked_div(usable).unwrap_or(Duration::ZERO);
    (spent.last_call_at.map(|at| at.plus(gap)), Hold::Paced)
}

/// What only the owner's own hand spends: a twentieth, but at least one, and never all of it.
fn reserve(budget: &Budget) -> u32 {
    (budget.per_month / 20).max(1).min(budget.per_month.saturating_sub(1))
}
