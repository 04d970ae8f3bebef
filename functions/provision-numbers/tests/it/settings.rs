//! Variables whose values depend on each other, or are more than a text.

use sandbox::Sandbox;
use sandbox::scene::problems;

use crate::scene::FUNCTION;

#[tokio::test]
async fn in_north_america_an_area_code_has_three_digits() {
    let binary = env!("CARGO_BIN_EXE_provision-numbers").as_ref();
    let settings = [("AREA_PREFIXES", Some("415,4156"))];
    let told = problems(&Sandbox::start().await, FUNCTION, binary, &settings).await;
    assert!(
        told.len() == 1 && told[0].contains("AREA_PREFIXES"),
        "{told:?}"
    );
}
