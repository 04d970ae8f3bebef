//! What people do on the page.

use serde_json::json;

use super::{
    Stage,
    chrome::{Chrome, Tab},
    film::Film,
};

/// What must never be taken for markup.
const HOSTILE: &str = r#""><img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>{{7*7}}"#;

/// Opens an area of the page.
fn area(tab: &Tab, name: &str) {
    tab.click_in("#areas", "link", name);
    let id = name.to_lowercase();
    tab.wait(&format!("document.body.dataset.area === '{id}'"));
}

/// The element of a phone.
fn phone(number: &str) -> String {
    format!("[data-number='{number}']")
}

/// Adds a phone on the page.
fn add_phone(tab: &Tab, number: &str) {
    area(tab, "Phones");
    tab.fill("#add-phone", "Number of the new phone", number);
    tab.click_in("#add-phone", "button", "Add a phone");
    tab.wait(&format!("document.querySelector(\"{}\")", phone(number)));
}

/// Waits until a phone shows a text.
fn shows(tab: &Tab, number: &str, text: &str) {
    tab.wait(&format!(
        "document.querySelector(\"{}\")?.innerText.includes({})",
        phone(number),
        json!(text)
    ));
}

/// A phone sends a text to the company.
fn send(tab: &Tab, number: &str, text: &str) {
    tab.fill(&phone(number), "Text", text);
    tab.click_in(&phone(number), "button", "Send");
}

/// Chooses an option of a list, by the beginning of its value or its text.
fn choose(tab: &Tab, list: &str, option: &str) {
    tab.wait(&format!(
        "(() => {{ const list = document.querySelector({list}); \
         const option = [...(list?.options ?? [])].find((option) => option.value.startsWith({option}) || option.text.startsWith({option})); \
         if (!option) return false; \
         list.value = option.value; list.dispatchEvent(new Event('input', {{ bubbles: true }})); list.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()",
        list = json!(list),
        option = json!(option)
    ));
}

fn open<'a>(chrome: &'a Chrome, url: &str) -> Tab<'a> {
    let tab = chrome.open(url, 1280);
    tab.wait("document.querySelector('#live')?.dataset.on === 'true'");
    tab
}

#[test]
fn a_sign_up_is_clicked_until_it_is_verified() {
    let Some(stage) = Stage::open() else { return };
    let tab = open(&stage.chrome, &stage.program.page);
    let number = "+4520990011";
    add_phone(&tab, number);
    area(&tab, "Identity");
    tab.fill("#people", "Phone number", number);
    tab.click_in("#people", "button", "Sign up");
    area(&tab, "Phones");
    // The number is Danish, and so are the words.
    shows(&tab, number, "Svar JA");
    tab.picture("phones");
    send(&tab, number, "JA");
    shows(&tab, number, "Tak.");
    area(&tab, "Identity");
    tab.wait(&format!(
        "[...document.querySelectorAll('#people li')].some((item) => item.innerText.includes('{number}') && [...item.querySelectorAll('.badge')].some((badge) => badge.textContent === 'verified'))"
    ));
    tab.picture("identity");
    area(&tab, "Mailbox");
    tab.reads("Verify your email");
    tab.picture("mailbox");
    area(&tab, "Wire");
    tab.reads("confirmed");
    tab.picture("wire");
    area(&tab, "Table");
    tab.reads("rate#sms");
    tab.picture("table");
    area(&tab, "Numbers");
    tab.reads("receive-confirmation-sms");
    tab.picture("numbers");
    tab.was_clean();
}

#[test]
fn the_phone_menu_is_called_and_gets_its_keys() {
    let Some(stage) = Stage::open() else { return };
    let tab = open(&stage.chrome, &stage.program.page);
    area(&tab, "Calls");
    choose(&tab, "#dial [name=from]", "+4512345678");
    choose(&tab, "#dial [name=to]", "+15005550020");
    tab.click_in("#dial", "checkbox", "Fast");
    tab.click_in("#dial", "button", "Call");
    let press = |keys: &str| {
        for key in keys.chars() {
            tab.click_in("#call-view", "button", &key.to_string());
        }
    };
    tab.reads("Indtast dit kontonummer");
    press("10042#");
    tab.reads("Indtast din pinkode");
    press("2718");
    tab.reads("saldo");
    tab.picture("calls");
    press("1");
    tab.wait("/saldo er/i.test(document.querySelector('#call-view').innerText)");
    tab.click_in("#call-view", "button", "Hang up");
    tab.reads("the caller hung up");
    tab.was_clean();
}

#[test]
fn a_fault_is_switched_on_and_off() {
    let Some(stage) = Stage::open() else { return };
    let tab = open(&stage.chrome, &stage.program.page);
    area(&tab, "Faults");
    tab.click_in("#server-list", "button", "Plivo");
    tab.click_in("#fault-menu", "checkbox", "Plivo: Error 503");
    tab.wait("document.querySelector('#broken').innerText.includes('Plivo')");
    tab.picture("faults");
    add_phone(&tab, "+573001112233");
    area(&tab, "Identity");
    sign_in(&tab, "+573001112233");
    area(&tab, "Phones");
    shows(&tab, "+573001112233", "Your code is");
    area(&tab, "Faults");
    tab.click_in("#server-list", "button", "Plivo");
    tab.click_in("#fault-menu", "checkbox", "Plivo: Error 503");
    tab.wait("!document.querySelector('#broken').innerText.includes('Plivo')");
    // The refusals of the fault are shown by the browser as nothing: only functions met them.
    tab.was_clean();
}

/// Asks for a code to sign in.
fn sign_in(tab: &Tab, number: &str) {
    tab.fill("#people", "Phone for the code", number);
    tab.click_in("#people", "button", "Send a code");
}

#[test]
fn two_browsers_see_the_same_at_once() {
    let Some(stage) = Stage::open() else { return };
    let (one, two) = (
        open(&stage.chrome, &stage.program.page),
        open(&stage.chrome, &stage.program.page),
    );
    let number = "+4520990022";
    area(&two, "Phones");
    add_phone(&one, number);
    two.wait(&format!("document.querySelector(\"{}\")", phone(number)));
    send(&one, number, "Hello from one");
    shows(&two, number, "Hello from one");
    send(&two, number, "Hello from two");
    shows(&one, number, "Hello from two");
    one.was_clean();
    two.was_clean();
}

#[test]
fn hostile_text_stays_text_everywhere() {
    let Some(stage) = Stage::open() else { return };
    let tab = open(&stage.chrome, &stage.program.page);
    let number = "+4520990033";
    add_phone(&tab, number);
    send(&tab, number, HOSTILE);
    shows(&tab, number, HOSTILE);
    // Every field that a person can see, in every area.
    for name in [
        "Identity", "Mailbox", "Phones", "Calls", "Wire", "Table", "Faults", "Numbers", "Scenes",
    ] {
        area(&tab, name);
        tab.eval("document.querySelectorAll('details').forEach((part) => (part.open = true))");
        let section = name.to_lowercase();
        let filled = format!(
            "(() => {{ for (const field of document.querySelectorAll('#{section} input:not([type=checkbox]):not([type=radio]):not([type=number]), #{section} textarea')) {{ \
               if (!field.checkVisibility() || field.name === 'to' || /number|phone|mobile|recipient/i.test(field.name + field.labels?.[0]?.textContent)) continue; \
               field.value = {hostile}.slice(0, field.maxLength > 0 ? field.maxLength : undefined); \
               field.dispatchEvent(new Event('input', {{ bubbles: true }})); field.dispatchEvent(new Event('change', {{ bubbles: true }})); }} \
               for (const button of document.querySelectorAll('#{section} form button:not([type=button])')) if (button.checkVisibility()) button.form?.requestSubmit(button); }})()",
            hostile = json!(HOSTILE)
        );
        tab.eval(&filled);
        tab.eval("new Promise((done) => setTimeout(done, 400))");
        assert_text(&tab, name);
    }
    // The sandbox's answers, mails and logs carry it into every area.
    for name in ["Phones", "Mailbox", "Identity", "Wire", "Table"] {
        area(&tab, name);
        tab.eval("new Promise((done) => setTimeout(done, 400))");
        tab.eval("document.querySelectorAll('.picks button, .picks li').forEach((pick, n) => n < 12 && pick.click())");
        tab.eval("new Promise((done) => setTimeout(done, 400))");
        assert_text(&tab, name);
    }
    tab.eval("history.replaceState(null, '', '#scene=' + encodeURIComponent('\"><img src=x onerror=1>')); dispatchEvent(new HashChangeEvent('hashchange'))");
    assert_text(&tab, "a permalink");
}

/// No markup of the hostile text became an element, and nothing of it ran.
fn assert_text(tab: &Tab, place: &str) {
    let injected = tab.eval(
        "[...document.querySelectorAll('img, script, iframe, [onerror]')].filter((element) => element.getAttribute('src') === 'x' || element.hasAttribute('onerror') || element.tagName === 'SCRIPT' && !element.src).map((element) => element.outerHTML)",
    );
    assert_eq!(injected, json!([]), "{place}");
    let title = tab.eval("document.title");
    assert!(!title.as_str().unwrap().contains("pwned"), "{place}");
}

#[test]
fn a_scene_plays_from_its_permalink() {
    let Some(stage) = Stage::open() else { return };
    let url = format!("{}#scene=sign-up", stage.program.page);
    let tab = open(&stage.chrome, &url);
    let mut film = Film::default();
    film.add(&tab.shot());
    tab.click_in("#scenes", "button", "Play Someone signs up");
    // One picture for each line of the story.
    let lines = "document.querySelectorAll('#run .story > li').length";
    for line in 1.. {
        let over = "document.querySelector('#run').dataset.state === 'passed'";
        tab.wait(&format!("{over} || {lines} >= {line}"));
        film.add(&tab.shot());
        if tab.eval(over) == true {
            break;
        }
    }
    tab.reads("the account is verified");
    film.add(&tab.shot());
    assert!(film.len() >= 5, "{} pictures", film.len());
    film.write(&super::pictures().join("scene.png"));
    super::publish("scene");
    tab.resize(1440);
    tab.eval("new Promise((done) => setTimeout(done, 500))");
    tab.picture("page");
    super::publish("page");
    tab.was_clean();
}

#[test]
fn what_was_done_is_there_after_a_reload() {
    let Some(stage) = Stage::open() else { return };
    let tab = open(&stage.chrome, &stage.program.page);
    let number = "+4520990044";
    add_phone(&tab, number);
    send(&tab, number, "Still here?");
    shows(&tab, number, "Still here?");
    tab.reload();
    tab.wait("document.querySelector('#live')?.dataset.on === 'true'");
    area(&tab, "Phones");
    shows(&tab, number, "Still here?");
    tab.was_clean();
}
