//! Builds from the call to their end, with stand-ins for the hosts' APIs that answer as their descriptions say, and as
//! hosts do: late, not at all, with trouble, and with other builds among their own. Time is the test's.

use bytes::Bytes;
use presshook::actions::{Done, Returned, Step};
use presshook::outbox::{self, Failure};
use presshook::store::Statement;
use presshook::{Request, Response};

use crate::coalescing::at;
use crate::lanes::{Lanes, NO_GAP, SLACK, accepted, signals};

/// A host, as far as its answers differ from those of the others.
struct Stand {
    settings: &'static [(&'static str, &'static str)],
    /// What it calls its builds.
    ids: [&'static str; 3],
    /// Whether the answer to a deploy call names the build.
    names: bool,
    /// A build in its form: what it is called, when it was made, where it is, and whether it is of the public site.
    tells: fn(&Build, Stage) -> String,
    /// One build, and a list of them.
    forms: [fn(&str) -> String; 2],
    /// The method by which one is canceled.
    cancels: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Queued,
    Runs,
    Done,
    Failed,
    Canceled,
}

/// A build at a host; times in seconds.
#[derive(Clone, Debug)]
struct Build {
    id: String,
    made: i64,
    begins: i64,
    ends: i64,
    how: Stage,
    is_public: bool,
}

impl Build {
    fn new(id: &str, made: i64, how: Stage) -> Build {
        Build { id: id.to_owned(), made, begins: made + 5, ends: made + 60, how, is_public: true }
    }

    fn stage(&self, now: i64) -> Stage {
        match now {
            now if now < self.begins => Stage::Queued,
            now if now < self.ends => Stage::Runs,
            _ => self.how,
        }
    }
}

const TOKEN: &str = "a-token-of-thirty-characters-aa";
const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";

static HOSTS: &[Stand] = &[
    Stand {
        settings: &[
            ("DEPLOY_HOOK_URL", "https://api.netlify.com/build_hooks/5c23354f"),
            ("NETLIFY_BUILDS_TOKEN", TOKEN),
            ("NETLIFY_SITE_ID", "my-site"),
        ],
        ids: ["697dba01", "697dba02", "697dba03"],
        names: false,
        tells: |build, stage| {
            let (state, more) = match stage {
                Stage::Queued => ("enqueued", ""),
                Stage::Runs => ("building", ""),
                Stage::Done => ("ready", r#","published_at":"2026-01-31T09:00:00Z""#),
                Stage::Failed => ("error", r#","error_message":"it says why""#),
                Stage::Canceled => ("error", r#","skipped":true,"error_message":"Skipped""#),
            };
            let context = if build.is_public { "production" } else { "deploy-preview" };
            let (id, made) = (&build.id, at(build.made));
            format!(r#"{{"id":"{id}","state":"{state}","context":"{context}","created_at":"{made}"{more}}}"#)
        },
        forms: [str::to_owned, |list| format!("[{list}]")],
        cancels: "POST",
    },
    Stand {
        settings: &[
            ("DEPLOY_HOOK_URL", "https://api.vercel.com/v1/integrations/deploy/prj_a/hook1"),
            ("VERCEL_BUILDS_TOKEN", TOKEN),
        ],
        ids: ["dpl_1", "dpl_2", "dpl_3"],
        names: false,
        tells: |build, stage| {
            let (state, more) = match stage {
                Stage::Queued => ("QUEUED", ""),
                Stage::Runs => ("BUILDING", ""),
                Stage::Done => ("READY", r#","readySubstate":"PROMOTED""#),
                Stage::Failed => ("ERROR", r#","errorMessage":"it says why""#),
                Stage::Canceled => ("CANCELED", ""),
            };
            let target =
                if build.is_public { r#""production","meta":{"deployHookId":"hook1"}"# } else { "null" };
            let (id, made) = (&build.id, at(build.made).0);
            format!(
                r#"{{"uid":"{id}","id":"{id}","readyState":"{state}","createdAt":{made},"target":{target}{more}}}"#
            )
        },
        forms: [str::to_owned, |list| format!(r#"{{"deployments":[{list}]}}"#)],
        cancels: "PATCH",
    },
    Stand {
        settings: &[
            ("DEPLOY_HOOK_URL", "https://api.cloudflare.com/client/v4/pages/webhooks/deploy_hooks/7047f388"),
            ("CLOUDFLARE_PAGES_TOKEN", TOKEN),
            ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT),
            ("CLOUDFLARE_PAGES_PROJECT", "my-site"),
        ],
        ids: [
            "f64788e9-fccd-4d4a-a28a-cb84f88f6e01",
            "f64788e9-fccd-4d4a-a28a-cb84f88f6e02",
            "f64788e9-fccd-4d4a-a28a-cb84f88f6e03",
        ],
        names: false,
        tells: |build, stage| {
            let (stage, status) = match stage {
                Stage::Queued => ("queued", "active"),
                Stage::Runs => ("build", "active"),
                Stage::Done => ("deploy", "success"),
                Stage::Failed => ("build", "failure"),
                Stage::Canceled => ("build", "canceled"),
            };
            let environment = if build.is_public { "production" } else { "preview" };
            let (id, made) = (&build.id, at(build.made));
            format!(
                r#"{{"id":"{id}","environment":"{environment}","created_on":"{made}","is_skipped":false,
                "deployment_trigger":{{"type":"deploy_hook"}},"latest_stage":{{"name":"{stage}","status":"{status}"}}}}"#
            )
        },
        forms: [
            |one| format!(r#"{{"success":true,"result":{one}}}"#),
            |list| format!(r#"{{"success":true,"result":[{list}]}}"#),
        ],
        cancels: "DELETE",
    },
    Stand {
        settings: &[
            ("DEPLOY_HOOK_URL", "https://api.cloudflare.com/client/v4/workers/builds/deploy_hooks/7047f388"),
            ("CLOUDFLARE_BUILDS_TOKEN", TOKEN),
            ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT),
        ],
        ids: [
            "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab201",
            "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab202",
            "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab203",
        ],
        names: true,
        tells: |build, stage| {
            let (status, outcome) = match stage {
                Stage::Queued => ("queued", "null"),
                Stage::Runs => ("running", "null"),
                Stage::Done => ("stopped", r#""success""#),
                Stage::Failed => ("stopped", r#""fail""#),
                Stage::Canceled => ("stopped", r#""cancelled""#),
            };
            let (id, made) = (&build.id, at(build.made));
            format!(
                r#"{{"build_uuid":"{id}","status":"{status}","build_outcome":{outcome},"created_on":"{made}"}}"#
            )
        },
        forms: [|one| format!(r#"{{"success":true,"result":{one}}}"#), |_| unreachable!("it has no list")],
        cancels: "PUT",
    },
];

/// A host at work, and an inbox that asks it.
struct Play {
    host: &'static Stand,
    lanes: Lanes,
    builds: Vec<Build>,
    /// What is asked for next.
    next: Vec<Build>,
    /// What it answers to the calls that come, by their number; nothing where it answers as it should.
    trouble: fn(usize) -> Option<Result<u16, &'static str>>,
    asked: usize,
    canceled: usize,
    told: Vec<String>,
}

impl Play {
    fn new(host: &'static Stand, more: &[(&str, &str)], next: Vec<Build>) -> Play {
        let settings: Vec<(&str, &str)> =
            host.settings.iter().copied().chain([NO_GAP, SLACK]).chain(more.iter().copied()).collect();
        let (lanes, next) = (Lanes::new(&settings), next.into_iter().rev().collect());
        let (builds, told) = (Vec::new(), Vec::new());
        Play { host, lanes, builds, next, trouble: |_| None, asked: 0, canceled: 0, told }
    }

    /// Goes on until nothing is to be done any more, or for so long.
    fn until(&mut self, end: i64) {
        while let Some(now) = self.lanes.next().filter(|it| *it <= end) {
            for action in self.lanes.look(now) {
                let result = match action.as_str() {
                    "deploy" => self.called(now),
                    "follow" => self.looked(now),
                    _ => accepted(),
                };
                let claimed = self.lanes.end(&action, &result, now);
                if action == "slack" {
                    let published = claimed.job.carried.as_ref().map_or(0, |it| it.count);
                    self.told.extend((published > 0).then(|| format!("{published} published at {now}")));
                    self.told.extend(signals(&claimed).iter().map(|it| format!("{} at {now}", it.0.name())));
                }
            }
        }
    }

    /// The deploy hook is called.
    fn called(&mut self, now: i64) -> outbox::Result {
        let build = self.next.pop().expect("no more calls than builds");
        let named = self.host.names.then(|| build.id.clone());
        // Vercel's answer names a job.
        let reference = named.or_else(|| Some("okzCd50AIap1O31g0gne".to_owned()));
        assert!(build.made >= now, "{build:?} is asked for at {now}");
        self.builds.push(build);
        Ok(Done { reference, ..Done::default() })
    }

    fn looked(&mut self, now: i64) -> outbox::Result {
        let job = self.lanes.under_way["follow"].job.clone();
        let mut returned = Vec::new();
        loop {
            match (job.action.step)(&self.lanes.settings, &job, &returned, at(now)) {
                Step::Send(request) => returned.push(self.answer(&request, now)),
                Step::Done(done) => return Ok(done),
                step @ (Step::Run(_) | Step::Write(_) | Step::Keep(_) | Step::Mail(_) | Step::Fail(_)) => {
                    panic!("{step:?}")
                }
            }
        }
    }

    fn answer(&mut self, request: &Request, now: i64) -> Returned {
        self.asked += 1;
        let told = |status: u16, body: String| {
            let response = http::Response::builder().status(status).body(Bytes::from(body));
            Returned::Response(response.expect("a response") as Response)
        };
        match (self.trouble)(self.asked) {
            Some(Ok(status)) => return told(status, "<html></html>".to_owned()),
            Some(Err(reason)) => return Returned::Unanswered(Failure::Network { reason: reason.to_owned() }),
            None => {}
        }
        let Stand { tells, forms: [one, list], cancels, .. } = self.host;
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        let path = request.uri().path();
        let named = self.builds.iter_mut().find(|it| path.split('/').any(|part| part == it.id));
        if request.method().as_str() == *cancels && *cancels != "GET" {
            let build = named.expect("it is there");
            (build.ends, build.how) = (now, Stage::Canceled);
            self.canceled += 1;
            return told(200, "{}".to_owned());
        }
        let is_list = path.ends_with("/deploys") || path.ends_with("/deployments");
        let made = |it: &&Build| it.made <= now;
        match named {
            Some(build) => told(200, one(&tells(build, build.stage(now)))),
            None if is_list => {
                let builds = self.builds.iter().filter(made).map(|it| tells(it, it.stage(now)));
                told(200, list(&builds.collect::<Vec<_>>().join(",")))
            }
            None => told(404, "{}".to_owned()),
        }
    }

    fn states(&mut self) -> Vec<String> {
        let sql = "SELECT state || coalesce(': ' || reason, '') FROM builds ORDER BY job_id";
        let rows = self.lanes.store.execute(&Statement { sql, params: Vec::new() }).expect("it reads");
        rows.iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
    }
}

/// Calls a test with each host.
fn each(test: impl Fn(&'static Stand)) {
    HOSTS.iter().for_each(test);
}

#[test]
fn a_build_is_live_once_its_host_is_done() {
    each(|host| {
        let mut play = Play::new(host, &[], vec![Build::new(host.ids[0], 11, Stage::Done)]);
        // Neither what was made before nor a preview is the one.
        play.builds.push(Build { ends: 0, ..Build::new(host.ids[1], -30, Stage::Failed) });
        play.builds.push(Build { is_public: false, ..Build::new(host.ids[2], 12, Stage::Failed) });
        play.lanes.publish("a", 0);
        play.until(1000);
        assert_eq!(play.states(), ["live"], "{:?}", host.settings[1]);
        assert_eq!(play.told, ["1 published at 75"], "{:?}", host.settings[1]);
    });
}

#[test]
fn trouble_at_a_host_only_takes_longer() {
    each(|host| {
        let mut play = Play::new(host, &[], vec![Build::new(host.ids[0], 11, Stage::Done)]);
        play.trouble = |asked| match asked % 5 {
            0 => None,
            1 => Some(Err("connection reset")),
            2 => Some(Ok(503)),
            3 => Some(Ok(200)),
            _ => Some(Ok(429)),
        };
        play.lanes.publish("a", 0);
        play.until(1000);
        assert_eq!(play.states(), ["live"], "{:?}", host.settings[1]);
        assert_eq!(play.told.len(), 1, "{:?}", play.told);
    });
}

#[test]
fn a_build_that_fails_is_told_with_its_reason_and_the_next_one_carries_its_events() {
    each(|host| {
        let next = [Build::new(host.ids[0], 11, Stage::Failed), Build::new(host.ids[1], 211, Stage::Done)];
        let mut play = Play::new(host, &[], next.to_vec());
        play.lanes.publish("a", 0);
        play.until(150);
        let states = play.states();
        assert!(states.len() == 1 && states[0].starts_with("failed: "), "{states:?}");
        assert_eq!(play.told, ["build-failed at 85"]);
        play.lanes.publish("b", 200);
        play.until(1000);
        assert_eq!(play.states()[1..], ["live"]);
        assert_eq!(play.told[1..], ["2 published at 275"]);
    });
}

#[test]
fn a_build_that_is_canceled_for_a_later_one_leaves_its_events_to_that() {
    each(|host| {
        // It waits at its host, so that another may be asked for.
        let first = Build { begins: 52, ends: 52, ..Build::new(host.ids[0], 11, Stage::Canceled) };
        let mut play = Play::new(host, &[], vec![first, Build::new(host.ids[1], 31, Stage::Done)]);
        play.lanes.publish("a", 0);
        play.until(19);
        play.lanes.publish("b", 20);
        play.until(1000);
        assert_eq!(play.states(), ["live"], "{:?}", host.settings[1]);
        assert_eq!(play.told, ["2 published at 95"], "{:?}", host.settings[1]);
    });
}

#[test]
fn a_build_that_hangs_is_canceled_once_and_asked_for_again_where_that_is_wanted() {
    each(|host| {
        let hangs = |id: &str, made: i64| Build { ends: i64::MAX, ..Build::new(id, made, Stage::Done) };
        let wanted = [("RESTART_STUCK_BUILDS", "true"), ("BUILD_TIMEOUT_SECONDS", "600")];
        let next = vec![hangs(host.ids[0], 11), Build::new(host.ids[1], 611, Stage::Done)];
        let mut play = Play::new(host, &wanted, next);
        play.lanes.publish("a", 0);
        play.until(2000);
        let states = play.states();
        assert!(states[0].contains("it was canceled there and is asked for once more"), "{states:?}");
        assert_eq!((&states[1..], play.canceled), (&["live".to_owned()][..], 1));
        assert!(play.told.iter().any(|it| it.starts_with("1 published")), "{:?}", play.told);

        let next = vec![hangs(host.ids[0], 11), hangs(host.ids[1], 611)];
        let mut play = Play::new(host, &wanted, next);
        play.lanes.publish("a", 0);
        play.until(5000);
        let states = play.states();
        assert!(states[1].starts_with("unknown: ") && states[1].contains("look at its log"), "{states:?}");
        assert_eq!(play.canceled, 1, "once");

        let mut play = Play::new(host, &wanted[1..], vec![hangs(host.ids[0], 11)]);
        play.lanes.publish("a", 0);
        play.until(5000);
        assert_eq!((play.states().len(), play.canceled), (1, 0), "only where it is wanted");
        assert!(play.told.iter().any(|it| it.starts_with("build-unknown")), "{:?}", play.told);
    });
}

#[test]
fn two_calls_are_two_builds_though_both_are_among_the_newest() {
    each(|host| {
        // The host is late to make the first, which then may be the second by its time.
        let first = Build { begins: 100, ends: 300, ..Build::new(host.ids[0], 38, Stage::Done) };
        let second = Build { ends: 400, ..Build::new(host.ids[1], 41, Stage::Done) };
        let mut play = Play::new(host, &[], vec![first, second]);
        play.lanes.publish("a", 0);
        play.until(29);
        play.lanes.publish("b", 30);
        play.until(350);
        assert_eq!(play.states()[0], "live", "{:?}", host.settings[1]);
        assert_ne!(play.states()[1], "live", "{:?}", host.settings[1]);
        play.until(1000);
        assert_eq!(play.states(), ["live", "live"], "{:?}", host.settings[1]);
    });
}

#[test]
fn what_has_no_page_and_no_host_that_tells_is_not_waited_for() {
    let site = ("SITE_URL", "https://example.com");
    let hook = ("DEPLOY_HOOK_URL", "https://hooks.example.com/deploy");
    let mut lanes = Lanes::new(&[hook, site, NO_GAP, SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 10);
    assert_eq!(lanes.look(15), ["follow"]);
    let job = lanes.under_way["follow"].job.clone();
    let Step::Done(done) = (job.action.step)(&lanes.settings, &job, &[], at(15)) else { panic!("it asks") };
    lanes.end("follow", &Ok(done), 15);
    // It goes, and nobody is told of a build that nobody could follow.
    assert_eq!(lanes.look(15), ["slack"]);
    let told = lanes.end("slack", &accepted(), 16);
    assert_eq!((told.job.carried.as_ref().map(|it| it.count), signals(&told).len()), (Some(1), 0));
    assert_eq!(lanes.next(), None);
}
