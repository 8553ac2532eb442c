//! HTML that becomes Markdown: whatever it is, it ends, with a text that is not much longer, and is no front matter.

use presshook::content::{Change, ContentSettings, Owners, change};
use presshook::event::{Event, Item, Kind};
use presshook::sources::Source;

use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "html",
    run,
    seeds: || {
        let texts = [
            "<h1>A</h1><p>b <b>c</b> <a href=\"/x\">d</a></p><ul><li>e<li>f</ul>",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b|c</td></tr></tbody></table>",
            "<pre><code class=language-rust>fn a() {}\n```</code></pre><blockquote>q</blockquote>",
            "<!-- c --><img src='x' alt=\"<y>\"><iframe src=\"https://v.example/1\" title='a\n\nb'></iframe>",
            "<script>a<!--</script><style>b</style>&amp;&#x41;&copy;<br/>- - -",
            "<p><b><i><u>a<p>b<p>c</b>---\n\n<ol start=3><li><p>x</p><ul><li>y</ol>",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
    words: || {
        words(&[
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "<i>",
            "<a href=x>",
            "</a>",
            "<ul>",
            "<li>",
            "</ul>",
            "<ol>",
            "<table>",
            "<tr>",
            "<td>",
            "</table>",
            "<pre>",
            "<code>",
            "</code>",
            "</pre>",
            "<blockquote>",
            "<img src=x alt=y>",
            "<iframe src=x>",
            "</iframe>",
            "<script>",
            "</script>",
            "<!--",
            "-->",
            "<br>",
            "<hr>",
            "<h1>",
            "</h1>",
            "<div>",
            "</div>",
            "<span>",
            "&lt;",
            "&#0;",
            "<svg>",
            "<select>",
            "<caption>",
            "<x-y>",
            "</",
            "/>",
            "=\"",
            "'",
            "\n\n",
            "---\n",
            "```",
        ])
    },
    longest: 200,
};

fn run(input: &[u8]) {
    let html = String::from_utf8_lossy(input);
    let item = Item { slug: Some("a".to_owned()), html: Some(format!("{html}end")), ..Item::default() };
    let event = Event { kind: Kind::Published, name: String::new(), at: None, item: Some(item) };
    let source = Source::named("ghost").expect("a sender");
    let planned = change(&ContentSettings::default(), source, &event, &Owners::default());
    let planned = planned.expect("it has a text").expect("it is published");
    let Change::Write { text, .. } = planned.change else { panic!("no file") };
    let (_, body) = text.split_once("\n---\n\n").expect("front matter");
    assert!(body.ends_with('\n') && !body.contains('\0'), "{body:?}");
    assert!(body.len() <= 4 * (html.len() + 3) + 8, "it has grown: {body:?}");
    let first = body.lines().next().unwrap_or_default();
    assert!(
        !(first.len() > 2 && first.bytes().all(|it| it == b'-')),
        "it begins like front matter: {body:?}"
    );
}
