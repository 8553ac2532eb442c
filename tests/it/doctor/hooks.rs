//! Deploy hooks: their forms, and that none is ever called.

use presshook::Request;

use super::{file, findings, of};
use crate::stand_in::StandIn;

/// What the finding on a hook's form says of a URL.
fn form(url: &str) -> (String, String) {
    let name =
        format!("doctor-hook-{:x}.env", url.len() * 7919 + url.bytes().map(usize::from).sum::<usize>());
    let settings = file(&name, &format!("CLOUDFLARE_DEPLOY_HOOK={url}\n"));
    let (findings, _) = findings(&["--env-file", &settings], &[]);
    let finding = of(&findings, "hook-form");
    let told = format!("{findings:?}");
    let secret = url.rsplit('/').next().filter(|it| it.len() > 9).unwrap_or("no such thing");
    assert!(!told.contains(secret), "the hook is told: {told}");
    let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    (text("level"), format!("{} {}", text("what"), text("remedy")))
}

#[test]
fn each_hosts_hooks_are_known_by_their_form() {
    for (url, host) in [
        (
            "https://api.cloudflare.com/client/v4/pages/webhooks/deploy_hooks/0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
            "Cloudflare Pages",
        ),
        (
            "https://api.cloudflare.com/client/v4/workers/builds/deploy_hooks/1b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0",
            "Cloudflare Workers Builds",
        ),
        ("https://api.netlify.com/build_hooks/64f0a1b2c3d4e5f6a7b8c9d0", "Netlify"),
        ("https://api.netlify.com/build_hooks/64f0a1b2c3d4e5f6a7b8c9d1?trigger_title=presshook", "Netlify"),
        ("https://api.vercel.com/v1/integrations/deploy/prj_Ab12Cd34Ef56/Zx98Yw76Vu", "Vercel"),
    ] {
        let (level, told) = form(url);
        assert_eq!(level, "ok", "{url}: {told}");
        assert!(told.contains(&format!("a hook of {host}")), "{url}: {told}");
    }
}

#[test]
fn what_is_pasted_in_place_of_a_hook_is_told() {
    for (url, words) in [
        ("https://dash.cloudflare.com/0a1b2c3d/pages/view/my-site", "Cloudflare's dashboard"),
        ("https://app.netlify.com/sites/my-site/configuration/deploys", "Netlify's dashboard"),
        ("https://vercel.com/me/my-site/settings/git", "Vercel's dashboard"),
        ("https://my-site.pages.dev/", "the address of a site"),
        ("https://presshook.me.workers.dev/api/webhook", "the address of a Worker"),
        (
            "https://api.cloudflare.com/client/v4/accounts/0a1b2c/pages/projects/my-site",
            "not that of a deploy hook",
        ),
        ("http://api.netlify.com/build_hooks/64f0a1b2c3d4e5f6a7b8c9d0", "over `https://` only"),
        ("https://api.vercel.com/v1/integrations/deploy/", "not that of a deploy hook"),
        ("https://api.netlify.com/build_hooks/YOUR_HOOK_ID", "a placeholder"),
        ("https://github.com/me/my-site/actions", "GITHUB_WORKFLOW_FILE"),
        ("https://hooks.example.com/deploy", "an example"),
    ] {
        let (level, told) = form(url);
        assert_eq!(level, "error", "{url}: {told}");
        assert!(told.contains(words), "{url}: {told}");
    }
}

#[test]
fn a_hook_is_never_called_but_its_host_is_asked_for() {
    let host = StandIn::answering(|_| (404, String::new(), "no".to_owned()));
    let settings = file(
        "doctor-reached.env",
        &format!(
            "DEPLOY_HOOK_URL={0}/hook/5f0c5f0c?x=1\nDEPLOY_HOOK_URL__SHOP={0}/hook/7a7a7a7a\n",
            host.url
        ),
    );
    let (found, _) = findings(&["--env-file", &settings], &[]);
    let reached = of(&found, "hook-reachable");
    assert_eq!(reached["level"], "ok", "{found:#?}");
    assert!(reached["what"].as_str().expect("words").contains("was not called"));
    let asked: Vec<String> =
        host.received().iter().map(|it| format!("{} {}", it.method(), it.uri())).collect();
    assert_eq!(asked, ["HEAD /"], "one question for both hooks of a host");
}

#[test]
fn of_a_host_beyond_a_proxy_nothing_but_a_connection_is_asked() {
    let proxy = StandIn::answering(|_| (502, String::new(), String::new()));
    let settings = file(
        "doctor-proxied.env",
        "DEPLOY_HOOK_URL=https://api.vercel.com/v1/integrations/deploy/prj_Ab12Cd34Ef56/Zx98Yw76Vu\n",
    );
    let args = ["doctor", "--json", "--env-file", &settings];
    let proxied = crate::command::environment(&[("HTTPS_PROXY", &proxy.url), ("HOME", "/tmp")]);
    let output = crate::command::presshook_with(&args, &proxied);
    assert_eq!(output.status.code(), Some(1), "the proxy lets nothing through");
    let received: Vec<Request> = proxy.received();
    assert!(!received.is_empty());
    for request in received {
        assert_eq!(format!("{} {}", request.method(), request.uri()), "CONNECT api.vercel.com:443");
    }
}
