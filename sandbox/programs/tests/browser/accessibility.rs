//! The page for people who use a keyboard or a screen reader, or have a small screen.
//!
//! axe-core (MPL-2.0) finds what they cannot use. `.ci/run` fetches it into `.ci/page`.

use super::{Stage, root, skip};

const AREAS: [&str; 9] = [
    "scenes", "phones", "calls", "mailbox", "identity", "wire", "table", "faults", "numbers",
];

/// What axe finds, as one line for each element.
const FOUND: &str = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }) \
    .then(({ violations }) => violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 200)} ${node.failureSummary?.slice(0, 300)}`)))";

#[test]
fn axe_finds_nothing_in_any_area() {
    let axe = root().join(".ci/page/node_modules/axe-core/axe.min.js");
    let Ok(axe) = std::fs::read_to_string(&axe) else {
        skip("axe-core is missing: .ci/page-check fetches it");
        return;
    };
    let Some(stage) = Stage::open() else { return };
    for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 360)] {
        let tab = stage.chrome.open(&stage.program.page, width);
        tab.prefer(scheme);
        tab.wait("document.querySelector('#live')?.dataset.on === 'true'");
        tab.eval(&axe);
        for area in AREAS {
            tab.eval(&format!("location.hash = '{area}'"));
            tab.wait(&format!("document.body.dataset.area === '{area}'"));
            tab.eval("new Promise((done) => setTimeout(done, 500))");
            tab.picture(&format!("{area}-{scheme}-{width}"));
            let found = tab.eval(FOUND);
            assert_eq!(
                found,
                serde_json::json!([]),
                "{area}, {scheme}, {width} pixels"
            );
            let wide = tab.eval(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth",
            );
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{area} is {wide} pixels too wide at {width}"
            );
        }
        tab.was_clean();
    }
}

#[test]
fn the_areas_open_by_keyboard() {
    let Some(stage) = Stage::open() else { return };
    let tab = stage.chrome.open(&stage.program.page, 1280);
    tab.wait("document.querySelector('#live')?.dataset.on === 'true'");
    for (key, area) in AREAS.iter().enumerate() {
        tab.press(&(key + 1).to_string());
        tab.wait(&format!("document.body.dataset.area === '{area}'"));
    }
}
