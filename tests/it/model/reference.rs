//! The plain reference: what the design says, in a few lists and loops. It is told what an edge did, and objects
//! where the design would not have it. It shares no code with what it checks.

use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds since 1970.
pub(crate) type Time = i64;

const SECOND: Time = 1000;
/// How long a call may take, and how much later it is given up for lost.
const LOST: Time = 25 * SECOND;
const PAUSES: [Time; 8] = [2, 10, 30, 120, 600, 3600, 4 * 3600, 12 * 3600];

/// The settings, as plain numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    pub(crate) targets: BTreeMap<&'static str, Pace>,
    /// Calls a month, by the budget's name.
    pub(crate) budgets: BTreeMap<&'static str, usize>,
    pub(crate) reset_day: u8,
}

#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) settle: Time,
    pub(crate) max_wait: Time,
    pub(crate) gap: Time,
    pub(crate) budget: Option<&'static str>,
    pub(crate) schedule: Option<Cron>,
}

/// At a minute of each so many hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cron {
    pub(crate) minute: i64,
    pub(crate) hours: i64,
    pub(crate) always: bool,
}

impl Cron {
    fn next(self, after: Time) -> Time {
        let every = self.hours * 3600 * SECOND;
        let mut at = after / every * every + self.minute * 60 * SECOND;
        if at <= after {
            at += every;
        }
        at
    }
}

#[derive(Debug, Default)]
pub(crate) struct Reference {
    pub(crate) settings: Plain,
    pub(crate) targets: BTreeMap<&'static str, Target>,
    pub(crate) deliveries: Vec<Delivery>,
    /// By item and target: the delivery, and when.
    pub(crate) plans: BTreeMap<(String, &'static str), (i64, Time)>,
    versions: BTreeMap<String, i64>,
    /// Calls that count, and when a budget was last called upon.
    spent: Vec<(&'static str, Time)>,
    last_spent: BTreeMap<&'static str, Time>,
    done: BTreeSet<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) at: Time,
    /// The targets that must be called for it.
    pub(crate) targets: Vec<&'static str>,
    deploys: bool,
    pub(crate) deleted: bool,
    /// Whether a repeat of it is one.
    pub(crate) repeats: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Target {
    /// What is to be carried next.
    pub(crate) window: Option<Window>,
    /// What is under way.
    pub(crate) call: Option<Call>,
    pub(crate) dead: Vec<BTreeSet<i64>>,
    deployed_at: Option<Time>,
    not_before: Option<Time>,
    schedule: Option<(Cron, Time)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    carries: BTreeSet<i64>,
    first: Option<Time>,
    /// Not earlier than the one, nor later than the other, if nothing holds it back.
    wanted: (Time, Time),
    urgent: bool,
    tries: usize,
}

#[derive(Debug)]
pub(crate) struct Call {
    job: i64,
    at: Time,
    window: Window,
    charged: Option<&'static str>,
}

/// What comes in.
pub(crate) struct News<'a> {
    pub(crate) key: &'a str,
    pub(crate) deploys: bool,
    pub(crate) is_test: bool,
    pub(crate) goes: bool,
    pub(crate) item: Option<(String, i64, Option<Time>)>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Accepted,
    /// Clearly not done; whether it is worth another try.
    Refused {
        again: bool,
    },
    /// Perhaps done.
    Failed,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum When {
    Settled,
    Soon,
    Now,
}

type Check = Result<(), String>;

fn check(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(why()) }
}

impl Reference {
    /// A delivery came; whether it must be a repeat.
    pub(crate) fn accepted(&mut self, now: Time, news: &News<'_>, id: i64, duplicate: bool) -> Check {
        let known = self.deliveries.iter().find(|it| it.repeats && it.key == news.key).cloned();
        check(known.is_some() == duplicate, || format!("{} is a repeat: {duplicate}", news.key))?;
        if let Some(known) = known {
            check(known.id == id, || format!("a repeat of {} is {id}", known.id))?;
            self.revive(now, When::Settled, |carries| carries.contains(&id));
            return Ok(());
        }
        check(self.deliveries.iter().all(|it| it.id < id), || format!("{id} comes again"))?;
        let targets: Vec<&str> = self.settings.targets.keys().copied().filter(|_| news.deploys).collect();
        self.deliveries.push(Delivery {
            id,
            key: news.key.to_owned(),
            at: now,
            targets: targets.clone(),
            deploys: news.deploys,
            deleted: false,
            repeats: !news.is_test,
        });
        for target in &targets {
            self.join(now, target, Some(id), When::Settled);
        }
        let Some((item, version, public)) = news.item.clone().filter(|_| !news.is_test) else {
            return Ok(());
        };
        let known = self.versions.entry(item.clone()).or_insert(version);
        if version < *known {
            return Ok(());
        }
        *known = version;
        if news.goes || public.is_some_and(|at| at <= now) {
            self.plans.retain(|(planned, _), _| *planned != item);
        } else if let Some(at) = public {
            self.plans.extend(targets.into_iter().map(|target| ((item.clone(), target), (id, at))));
        }
        Ok(())
    }

    /// The owner has a delivery done again.
    pub(crate) fn redelivered(&mut self, now: Time, id: i64) {
        let revived = self.revive(now, When::Soon, |carries| carries.contains(&id));
        if self.deliveries.iter().any(|it| it.id == id && it.deploys) {
            let targets: Vec<&str> = self.settings.targets.keys().copied().collect();
            for target in targets.into_iter().filter(|it| !revived.contains(it)) {
                self.join(now, target, Some(id), When::Soon);
            }
        }
    }

    /// Revives what is dead and chosen; the targets of it.
    pub(crate) fn revive(
        &mut self,
        now: Time,
        when: When,
        chosen: impl Fn(&BTreeSet<i64>) -> bool,
    ) -> Vec<&'static str> {
        let mut revived = Vec::new();
        for (name, target) in &mut self.targets {
            let (back, dead) = target.dead.drain(..).partition(|carries| chosen(carries));
            target.dead = dead;
            let back: Vec<BTreeSet<i64>> = back;
            revived.extend(back.into_iter().map(|carries| (*name, carries)));
        }
        for (name, carries) in &revived {
            self.join(now, name, None, when);
            self.target(name).window.iter_mut().for_each(|it| it.carries.extend(carries));
        }
        revived.into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn join(&mut self, now: Time, target: &'static str, delivery: Option<i64>, when: When) {
        let pace = self.settings.targets.get(target).cloned();
        let window = self.target(target).window.get_or_insert_default();
        window.carries.extend(delivery);
        window.tries = 0;
        window.urgent |= when == When::Now;
        let first = *window.first.get_or_insert(now);
        let at = match pace {
            Some(pace) if when == When::Settled && !window.urgent => {
                (now + pace.settle).min(first + pace.max_wait)
            }
            _ => now,
        };
        window.wanted = (at, at);
    }

    /// The edge looks for what is due: what was lost first, then what was planned, then schedules.
    pub(crate) fn looked(&mut self, now: Time) {
        let lost = |target: &&mut Target| target.call.as_ref().is_some_and(|call| now >= call.at + LOST);
        let mut any = false;
        for target in self.targets.values_mut().filter(lost) {
            any = true;
            target.failed(now, true);
        }
        if any {
            return;
        }
        let due: Vec<_> =
            self.plans.iter().filter(|(_, (_, at))| *at <= now).map(|it| it.0.clone()).collect();
        for plan in &due {
            let Some((id, _)) = self.plans.remove(plan) else { continue };
            let there = self.deliveries.iter().any(|it| it.id == id && !it.deleted);
            self.join(now, plan.1, Some(id).filter(|_| there), When::Soon);
        }
        if due.is_empty() {
            self.scheduled(now);
        }
    }

    fn scheduled(&mut self, now: Time) {
        let names: Vec<&str> = self.targets.keys().chain(self.settings.targets.keys()).copied().collect();
        for name in BTreeSet::from_iter(names) {
            let cron = self.settings.targets.get(name).and_then(|pace| pace.schedule);
            let target = self.target(name);
            let known = target.schedule;
            if known.map(|it| it.0) != cron {
                target.schedule = cron.map(|cron| (cron, cron.next(now)));
            } else if let Some((cron, at)) = known
                && at <= now
            {
                target.schedule = Some((cron, cron.next(now)));
                let (waits, dead) = (target.window.is_some(), !target.dead.is_empty());
                for carries in std::mem::take(&mut target.dead) {
                    self.join(now, name, None, When::Soon);
                    self.target(name).window.iter_mut().for_each(|it| it.carries.extend(&carries));
                }
                if waits || (!dead && cron.always) {
                    self.join(now, name, None, When::Soon);
                }
            }
        }
    }

    /// The edge was handed an attempt: whether it may be made, and carries what it must.
    pub(crate) fn claimed(
        &mut self,
        now: Time,
        name: &'static str,
        job: i64,
        ids: &[String],
        count: u64,
    ) -> Check {
        check(!self.done.contains(&job), || format!("{job} was done"))?;
        let at = self.earliest(name, now, now);
        check(at.is_some_and(|at| at <= now), || format!("{name} is called at {now}, but may be at {at:?}"))?;
        let charged = self.settings.targets.get(name).and_then(|pace| pace.budget);
        let target = self.target(name);
        check(target.call.is_none(), || format!("{name} is called twice at once"))?;
        let Some(window) = target.window.take() else { return Err(format!("{name} is called for nothing")) };
        let carries = window.carries.clone();
        target.call = Some(Call { job, at: now, window, charged });
        if let Some(budget) = charged {
            self.spent.push((budget, now));
            self.last_spent.insert(budget, now);
            let (begins, _) = month(self.settings.reset_day, now);
            let spent = self.spent.iter().filter(|(name, at)| *name == budget && *at >= begins).count();
            let most = self.settings.budgets[budget];
            check(spent <= most, || format!("{spent} calls of {budget}, which allows {most}"))?;
        }
        let keys = self.deliveries.iter().rev().filter(|it| carries.contains(&it.id) && !it.deleted);
        let keys: Vec<&String> = keys.map(|it| &it.key).collect();
        check(ids.iter().eq(keys.iter().copied()), || format!("{name} carries {ids:?}, not {keys:?}"))?;
        check(count == carries.len() as u64, || format!("{name} carries {count}, not {carries:?}"))
    }

    /// The edge noted an end; `known` says whether the store still waited for it.
    pub(crate) fn recorded(
        &mut self,
        now: Time,
        name: &'static str,
        (job, called_at): (i64, Time),
        (end, wait): (End, Option<Time>),
        known: bool,
    ) -> Check {
        let target = self.targets.entry(name).or_default();
        let call = target.call.as_ref().filter(|call| call.job == job && call.at == called_at);
        check(call.is_some() == known, || format!("an end of {job} was waited for: {known}"))?;
        let Some(call) = call else { return Ok(()) };
        if let (End::Refused { .. }, Some(budget)) = (end, call.charged) {
            let at = self.spent.iter().position(|it| *it == (budget, called_at)).ok_or("it was charged")?;
            self.spent.remove(at);
        }
        if end == End::Accepted {
            target.deployed_at = Some(called_at);
            target.dead.clear();
            target.call = None;
            self.done.insert(job);
            return Ok(());
        }
        if let Some(wait) = wait {
            target.not_before = Some(now + wait.min(12 * 3600 * SECOND));
        }
        target.failed(now, end != End::Refused { again: false });
        Ok(())
    }

    /// When a target's next call may be made, and must be if the edge is awake; what a budget allows is spread over
    /// what is left of the month since `spread_from`.
    fn earliest(&self, name: &str, now: Time, spread_from: Time) -> Option<Time> {
        let target = self.targets.get(name)?;
        let window = target.window.as_ref()?;
        let mut at = window.wanted.0.max(target.not_before.unwrap_or(0));
        let Some(pace) = self.settings.targets.get(name) else { return Some(at) };
        if !window.urgent {
            at = at.max(target.deployed_at.map_or(0, |it| it + pace.gap));
        }
        let Some(budget) = pace.budget else { return Some(at) };
        let most = self.settings.budgets[budget];
        let (begins, ends) = month(self.settings.reset_day, now);
        let spent = self.spent.iter().filter(|(name, at)| *name == budget && *at >= begins).count();
        let reserve = if window.urgent || most == 1 { 0 } else { (most / 20).max(1) };
        if spent + reserve >= most {
            return Some(at.max(ends));
        }
        if !window.urgent && spent * 2 >= most {
            let left = i64::try_from(most - spent - reserve).expect("a small number");
            let last = self.last_spent.get(budget).copied().unwrap_or(0);
            at = at.max(last + (ends - spread_from.max(last)) / left);
        }
        Some(at)
    }

    /// The edge sleeps until then: whether that is early enough for everything.
    pub(crate) fn sleeps(&self, now: Time, until: Option<Time>) -> Check {
        let plans = self.plans.iter().map(|((item, _), (_, at))| (format!("the plan for {item}"), *at));
        let mut wanted: Vec<(String, Time)> = plans.collect();
        for (name, target) in &self.targets {
            let call = target.call.as_ref().map(|call| (format!("the lost call of {name}"), call.at + LOST));
            let schedule = target.schedule.map(|(_, at)| (format!("the schedule of {name}"), at));
            let slack = target.window.as_ref().map_or(0, |window| window.wanted.1 - window.wanted.0);
            let window = self.earliest(name, now, 0).filter(|_| target.call.is_none());
            let window = window.map(|at| (format!("the window of {name}"), at + slack));
            wanted.extend([call, schedule, window].into_iter().flatten());
        }
        for (what, at) in wanted {
            let late = until.is_none_or(|until| until > at.max(now));
            check(!late, || format!("at {now} {what} waits for {at}, but the edge sleeps until {until:?}"))?;
        }
        Ok(())
    }

    /// Whether everything is done.
    pub(crate) fn rests(&self) -> bool {
        self.plans.is_empty() && self.targets.values().all(|it| it.window.is_none() && it.call.is_none())
    }

    fn target(&mut self, name: &'static str) -> &mut Target {
        self.targets.entry(name).or_default()
    }
}

impl Target {
    /// The call under way has failed. What came meanwhile is carried with what it carried.
    fn failed(&mut self, now: Time, again: bool) {
        let Some(Call { mut window, .. }) = self.call.take() else { return };
        window.tries += 1;
        let pause = PAUSES.get(window.tries - 1).copied().map(|seconds| seconds * SECOND);
        match (again, self.window.take(), pause) {
            (true, Some(next), _) => {
                let urgent = next.urgent || window.urgent;
                let carries = next.carries.union(&window.carries).copied().collect();
                self.window = Some(Window { carries, urgent, ..next });
            }
            (true, None, Some(pause)) => {
                // A fifth is for chance.
                window.wanted = (now + pause * 9 / 10, now + pause * 11 / 10);
                self.window = Some(Window { first: None, ..window });
            }
            (_, next, _) => {
                self.window = next;
                self.dead.push(window.carries);
            }
        }
    }
}

/// When the month of a budget that a time is in begins and ends: found by walking day by day.
fn month(reset_day: u8, now: Time) -> (Time, Time) {
    const DAY: Time = 24 * 3600 * SECOND;
    let begins = |day: Time| {
        let date = time::OffsetDateTime::from_unix_timestamp(day / SECOND).expect("a date");
        date.day() == reset_day
    };
    let today = now / DAY * DAY;
    let back = (0..).map(|days| today - days * DAY).find(|day| begins(*day)).expect("each month has the day");
    let ahead =
        (1..).map(|days| today + days * DAY).find(|day| begins(*day)).expect("each month has the day");
    (back, ahead)
}
