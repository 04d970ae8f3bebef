//! The texts that people get, and a company's own.

use std::fs;

use crate::scene::Scene;

#[tokio::test]
async fn texts_of_ones_own_are_checked_stored_listed_and_removed() {
    let scene = Scene::new().await;
    let folder = tempdir();
    let file = folder.join("own.ftl");
    let path = file.to_str().unwrap();
    let listed = async |more: &[&str]| {
        let arguments = [more, &["--json", "words", "list", "da"]].concat();
        let json = scene.succeed(&arguments).await.json();
        let texts = json["languages"][0]["texts"].as_array().unwrap().clone();
        let goodbye = texts.iter().find(|text| text["name"] == "goodbye").unwrap();
        (
            goodbye["says"].as_str().unwrap().to_owned(),
            goodbye["own"].as_bool().unwrap(),
        )
    };
    let in_table = ["--parameter", "Words=table"];
    let (built_in, own) = listed(&in_table).await;
    assert!(!own && built_in != "Goodbye.", "{built_in}");

    fs::write(
        &file,
        "goodbye = Hej hej.\npassword-link = Tryk her\nbye = x\n",
    )
    .unwrap();
    let refused = scene.run(&["words", "set", "da", path]).await;
    assert_eq!(refused.code, 2, "{}", refused.err);
    for part in [
        "password-link lacks { $link }",
        "bye is not the name of a text",
    ] {
        assert!(refused.err.contains(part), "{}", refused.err);
    }
    assert_eq!(listed(&in_table).await, (built_in.clone(), false));

    fs::write(&file, "# ours\ngoodbye = Hej hej.\n").unwrap();
    let dry = scene
        .succeed(&["--dry-run", "words", "set", "da", path])
        .await;
    assert!(dry.out.contains("would store"), "{}", dry.out);
    assert_eq!(listed(&in_table).await, (built_in.clone(), false));
    let stored = scene.succeed(&["words", "set", "da", path]).await;
    assert!(stored.out.contains("da: stored goodbye"), "{}", stored.out);
    assert!(
        stored.out.contains("Set the parameter Words to table"),
        "{}",
        stored.out
    );
    assert_eq!(listed(&in_table).await, ("Hej hej.".to_owned(), true));
    assert_eq!(listed(&[]).await, (built_in.clone(), false));
    let from_settings = ["--parameter", r#"Words={"da":{"goodbye":"Farvel du."}}"#];
    assert_eq!(
        listed(&from_settings).await,
        ("Farvel du.".to_owned(), true)
    );

    scene.succeed(&["words", "clear", "da"]).await;
    assert_eq!(listed(&in_table).await, (built_in, false));
}

#[tokio::test]
async fn a_file_that_is_no_fluent_is_named_with_its_line() {
    let scene = Scene::new().await;
    let folder = tempdir();
    let file = folder.join("broken.ftl");
    for (text, why) in [
        ("goodbye = Hej\n\n= x\n", "line 3"),
        ("", "there is no text in it"),
        ("goodbye = a\ngoodbye = b\n", "goodbye is there twice"),
        ("-term = a\n", "-term is a term"),
        (
            &format!("goodbye = {}\n", "x".repeat(1_601)),
            "goodbye is longer than 1600 characters",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let refused = scene
            .run(&["words", "set", "da", file.to_str().unwrap()])
            .await;
        assert_eq!(refused.code, 2, "{text}: {}", refused.err);
        assert!(refused.err.contains(why), "{text}: {}", refused.err);
    }
    let unknown = scene.run(&["words", "list", "xx"]).await;
    assert!(
        unknown.code == 2 && unknown.err.contains("is not one of"),
        "{}",
        unknown.err
    );
}

fn tempdir() -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!(
        "words-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::create_dir_all(&folder).unwrap();
    folder
}
