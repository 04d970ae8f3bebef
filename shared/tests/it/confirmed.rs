//! The last confirmation of a number, in the table.

use std::time::{Duration, UNIX_EPOCH};

use sandbox::Sandbox;
use shared::rules::pending::confirmed::{key, read, remember, was_submitted};
use shared::rules::phone::E164;
use words::Language;

const DAY: u64 = 86_400;

#[tokio::test]
async fn the_newest_confirmation_is_remembered_for_a_day() {
    let sandbox = Sandbox::start().await;
    let table = crate::table(&sandbox);
    let phone: E164 = "+4520304050".parse().unwrap();
    let language = Language::all().next().unwrap();
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds);
    for (seconds, code, is_submitted) in [
        (0, Some("1234"), true),
        (10, None, false),
        (20, Some("5678"), false),
        (30, None, true),
    ] {
        let update = remember(&phone, code, is_submitted, language, at(seconds));
        table.update(update).await.unwrap();
        let item = table.get(key(&phone), at(seconds)).await.unwrap().unwrap();
        let expected = (1_800_000_000 + seconds, code.map(str::to_owned));
        assert_eq!(read(&item), Some(expected));
        assert_eq!(was_submitted(&item), is_submitted, "{seconds}");
        assert_eq!(item.text("language"), Some(language.tag()));
    }
    let kept = async |seconds| table.get(key(&phone), at(seconds)).await.unwrap().is_some();
    assert!(kept(30 + DAY - 1).await);
    assert!(!kept(30 + DAY).await);
    let other = "+4520304051".parse().unwrap();
    let none = table.get(key(&other), at(30)).await.unwrap();
    assert_eq!(none, None);
}
