//! Random schedules: what befalls an inbox, as a list of acts made from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use presshook::event::Kind;

use super::reference::{Cron, Pace, Plain, Time};
use crate::edge::{Answer, Does};

pub(crate) const TARGETS: [&str; 3] = ["default", "docs", "shop"];

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Time goes on.
    Wait(Time),
    /// Time goes on until the edge has something to do, and it does it.
    Wake,
    /// The edge stops, and is away for so long.
    Down(Time),
    /// The edge stops after so many steps.
    StopIn(u32),
    /// Something happened to an item of a version, which becomes public so much later.
    News(Kind, Option<(u8, i64, Option<Time>)>),
    /// The sender, or its owner, sends an earlier delivery again.
    Again(usize),
    Redeliver(usize),
    Delete(usize),
    ReviveAll,
    Deploy(&'static str),
    /// A host answers its next calls so.
    Host(&'static str, Vec<Answer>),
    /// The owner changes the settings, for which the edge starts anew.
    Settings(Plain),
}

/// Numbers that look random and depend on nothing but the seed (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// What an edge draws for a pause.
    pub(crate) fn jitter(&mut self) -> u32 {
        self.below(200) as u32
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    fn time(&mut self) -> Time {
        let most = self.of(&[400, 3_000, 20_000, 20_000, 150_000, 900_000, 9_000_000, 60_000_000]);
        self.below(most) as Time
    }

    fn answers(&mut self) -> Vec<Answer> {
        use Does::{Closes, Hangs, Later, Refuses, Says, Status};
        const EXISTS: Does = Says(r#"{"result":{"build_uuid":"b","already_exists":true}}"#);
        let count = self.of(&[1, 1, 2, 3, 12]);
        let does = self.of(&[
            vec![Status(500), Status(503), Status(408), Closes],
            vec![Later(429, "30"), Later(503, "90000"), Status(429), Status(200)],
            vec![Hangs, Closes, Refuses, Status(200)],
            vec![Status(404), Status(403), Status(301), Status(200)],
            vec![EXISTS, Status(202), Status(200)],
        ]);
        let answer = |random: &mut Random| Answer {
            does: random.of(&does),
            took: Duration::from_millis(random.of(&[50, 50, 900, 12_000, 26_000])),
            late: Duration::from_millis(random.of(&[0, 0, 0, 0, 0, 0, 30_000])),
        };
        (0..count).map(|_| answer(self)).collect()
    }

    pub(crate) fn settings(&mut self, reset_day: u8) -> Plain {
        let mut budgets = BTreeMap::new();
        for name in ["default", "pages"] {
            if self.one_in(2) {
                budgets.insert(name, self.of(&[1, 2, 3, 5, 9, 25, 40]));
            }
        }
        let mut targets = BTreeMap::new();
        for name in TARGETS {
            if self.one_in(if name == "default" { 20 } else { 2 }) {
                continue;
            }
            let settle = self.of(&[0, 0, 1_000, 10_000, 10_000, 60_000]);
            let cron =
                Cron { minute: self.of(&[0, 7]), hours: self.of(&[6, 12, 24]), always: self.one_in(2) };
            let shared = ["pages", "default"].into_iter().find(|it| budgets.contains_key(it));
            targets.insert(
                name,
                Pace {
                    settle,
                    max_wait: settle * self.of(&[1, 2, 12]),
                    gap: self.of(&[0, 0, 5_000, 60_000, 60_000, 3_600_000]),
                    // `default` can be of a group, too; what names none has the one without a name.
                    budget: shared
                        .filter(|_| self.one_in(2))
                        .or(budgets.get_key_value("default").map(|it| *it.0)),
                    schedule: Some(cron).filter(|_| self.one_in(5)),
                },
            );
        }
        Plain { targets, budgets, reset_day }
    }

    /// A whole schedule: the settings it begins with, and what happens then.
    pub(crate) fn schedule(&mut self) -> (Plain, Vec<Act>) {
        let reset_day = self.of(&[1, 1, 15, 28]);
        let settings = self.settings(reset_day);
        let acts = (0..self.of(&[6, 12, 20, 30])).map(|_| self.act(reset_day)).collect();
        (settings, acts)
    }

    fn act(&mut self, reset_day: u8) -> Act {
        match self.below(40) {
            0..=8 => Act::Wait(self.time()),
            9..=14 => Act::Wake,
            15 => Act::Down(self.time()),
            16..=18 => Act::StopIn(self.below(6) as u32),
            19..=27 => Act::News(self.kind(), self.item()),
            28..=29 => Act::Again(self.next() as usize),
            30 => Act::Redeliver(self.next() as usize),
            31 => Act::of_one_in(self, 3, |random| Act::Delete(random.next() as usize)),
            32 => Act::ReviveAll,
            33..=34 => Act::Deploy(self.of(&TARGETS)),
            35..=38 => Act::Host(self.of(&TARGETS), self.answers()),
            _ => Act::of_one_in(self, 2, |random| Act::Settings(random.settings(reset_day))),
        }
    }

    fn kind(&mut self) -> Kind {
        use Kind::{Created, Deleted, Published, Test, Unpublished, Updated};
        self.of(&[Published, Published, Updated, Updated, Unpublished, Deleted, Created, Test])
    }

    fn item(&mut self) -> Option<(u8, i64, Option<Time>)> {
        let public = self.one_in(3).then(|| self.time() - 30_000);
        (!self.one_in(4)).then(|| (self.below(3) as u8, self.below(4) as i64, public))
    }
}

impl Act {
    fn of_one_in(random: &mut Random, chances: u64, act: impl Fn(&mut Random) -> Act) -> Act {
        if random.one_in(chances) { act(random) } else { Act::Wake }
    }
}

impl Plain {
    /// As an owner would set them.
    pub(crate) fn texts(&self) -> Vec<(String, String)> {
        let mut texts = vec![("RETENTION_DAYS".to_owned(), "3650".to_owned())];
        for (budget, calls) in &self.budgets {
            texts.push((format!("DEPLOY_BUDGET_PER_MONTH{}", suffix(budget)), calls.to_string()));
        }
        texts.push(("DEPLOY_BUDGET_RESET_DAY".to_owned(), self.reset_day.to_string()));
        for (name, pace) in &self.targets {
            let mut set = |setting: &str, value: String| {
                texts.push((format!("{setting}__{}", name.to_uppercase()), value));
            };
            set("DEPLOY_SETTLE_SECONDS", (pace.settle / 1000).to_string());
            set("DEPLOY_MAX_WAIT_SECONDS", (pace.max_wait / 1000).to_string());
            set("DEPLOY_MIN_GAP_SECONDS", (pace.gap / 1000).to_string());
            if let Some(budget) = pace.budget {
                set("DEPLOY_BUDGET_GROUP", budget.to_owned());
            }
            if let Some(Cron { minute, hours, always }) = pace.schedule {
                set(
                    "DEPLOY_SCHEDULE",
                    format!("{minute} */{hours} * * *{}", if always { " always" } else { "" }),
                );
            }
            texts.push((format!("DEPLOY_HOOK_URL{}", suffix(name)), format!("https://{name}.example.com/")));
        }
        texts
    }
}

fn suffix(name: &str) -> String {
    if name == "default" { String::new() } else { format!("__{}", name.to_uppercase()) }
}
